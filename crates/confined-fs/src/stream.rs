//! Files of a tree opened for reading piece by piece.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags, openat};
use rustix::fs::{fstat, statat};
use rustix::io::retry_on_intr;

use crate::fault::Fault;
use crate::folder::{Listed, ListedKind, describe};
use crate::path::RelPath;
use crate::place::open_parent;
use crate::tree::Tree;

impl Tree {
    /// Opens a regular file with one link for reading, following nothing and waiting for nobody.
    /// Nothing there is `None`. Returns the descriptor's own facts beside it.
    pub fn open_file(&self, path: &RelPath) -> Result<Option<(Listed, File)>, Fault> {
        let failed = |errno| Fault::from_errno(errno, "read", path.as_str());
        let Some(folder) = open_parent(self.root(), path)? else { return Ok(None) };
        let name = OsStr::new(path.file_name());
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // Opening a device can do things, so look first; then the descriptor tells what it is.
        match statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if describe(name, &stat).kind == ListedKind::File => {}
            Ok(_) => return Err(Fault::Denied(format!("{}: is no regular file", path.as_str()))),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        }
        let file = match retry_on_intr(|| openat(&folder, name, flags, Mode::empty())) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        let stat = fstat(&file).map_err(failed)?;
        let about = describe(name, &stat);
        if about.kind != ListedKind::File || stat.st_nlink != 1 {
            let why = "is no regular file, or has a second name";
            return Err(Fault::Denied(format!("{}: {why}", path.as_str())));
        }
        Ok(Some((about, file)))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set the scene themselves")]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_plain_files_of_the_tree_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("tree/sub")).unwrap();
        fs::write(at("secret"), "secret").unwrap();
        fs::write(at("tree/sub/file"), "text").unwrap();
        symlink(at("secret"), at("tree/link")).unwrap();
        symlink("sub", at("tree/inner")).unwrap();
        symlink(dir.path(), at("tree/out")).unwrap();
        fs::hard_link(at("secret"), at("tree/hard")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("tree/pipe"), Mode::from_raw_mode(0o600)).unwrap();
        let tree = Tree::open(&at("tree")).unwrap();
        assert_eq!(tree.top().unwrap().names().unwrap().len(), 6);
        let open = |path: &str| tree.open_file(&RelPath::parse(path).unwrap());
        let (about, mut file) = open("sub/file").unwrap().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((about.size, text.as_str()), (4, "text"));
        for refused in ["link", "out/secret", "inner/file", "hard", "pipe", "sub"] {
            assert!(open(refused).is_err(), "{refused}");
        }
        assert!(open("missing").unwrap().is_none());
        assert!(open("missing/file").unwrap().is_none());
    }
}
