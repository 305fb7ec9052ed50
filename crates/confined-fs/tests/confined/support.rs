//! A tree to change, a folder outside it, and changes in short form.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use confined_fs::{After, Before, Change, Fault, RelPath, Tree};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) const TEMP: &str = ".aiops-1";

pub(crate) struct Ground {
    folder: TempDir,
    pub(crate) tree: Tree,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/file"), "outside").unwrap();
        let tree = Tree::open(&folder.path().join("tree")).unwrap();
        Self { folder, tree }
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("tree").join(path)
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.at(path)).ok()
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.at(path)).unwrap().permissions().mode() & 0o7777
    }

    /// Every path in the tree, folders with a slash, sorted.
    pub(crate) fn listing(&self) -> Vec<String> {
        list(&self.at(""))
    }

    pub(crate) fn assert_outside_untouched(&self) {
        assert_eq!(list(&self.outside()), ["file"]);
        assert_eq!(fs::read(self.outside().join("file")).unwrap(), b"outside");
    }
}

pub(crate) fn list(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(root).unwrap().display().to_string();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                found.push(format!("{name}/"));
            } else {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

pub(crate) fn sha(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A change from one content to another, with mode 0644.
pub(crate) fn change(at: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Change {
    Change {
        path: path(at),
        before: before.map_or(Before::Absent, |bytes| Before::File { sha256: sha(bytes) }),
        after: after
            .map_or(After::Absent, |bytes| After::File { bytes: bytes.into(), mode: 0o644 }),
        temp: TEMP.to_owned(),
    }
}

pub(crate) fn kind<T: std::fmt::Debug>(outcome: &Result<T, Fault>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(Fault::Symlink(_)) => "symlink",
        Err(Fault::Escape(_)) => "escape",
        Err(Fault::Denied(_)) => "denied",
        Err(Fault::Precondition(_)) => "precondition",
        Err(Fault::TooLarge { .. }) => "too large",
        Err(Fault::Io { .. }) => "io",
    }
}
