//! A folder in memory: a repository is made by git once, and written out as often as it is needed.

use std::fs;
use std::path::{Path, PathBuf};

/// Everything in a folder, without permissions: none of git's own files need theirs.
#[derive(Debug, Default)]
pub struct Tree {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Tree {
    /// Reads a folder that holds folders and files, and nothing else.
    pub fn read(top: &Path) -> Self {
        let mut tree = Self::default();
        tree.add(top, Path::new(""));
        tree
    }

    fn add(&mut self, top: &Path, below: &Path) {
        self.folders.push(below.to_owned());
        for entry in fs::read_dir(top.join(below)).expect("a folder of a test") {
            let entry = entry.expect("an entry of a folder");
            let path = below.join(entry.file_name());
            if entry.file_type().expect("the kind of an entry").is_dir() {
                self.add(top, &path);
            } else {
                let bytes = fs::read(entry.path()).expect("a file of a test");
                self.files.push((path, bytes));
            }
        }
    }

    /// Writes it to a folder, over what is there.
    pub fn write(&self, top: &Path) {
        for folder in &self.folders {
            fs::create_dir_all(top.join(folder)).expect("a folder of a test");
        }
        for (path, bytes) in &self.files {
            fs::write(top.join(path), bytes).expect("a file of a test");
        }
    }
}
