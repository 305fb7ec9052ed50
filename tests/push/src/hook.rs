//! A hook: a script of one line that becomes a program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a hook runs. Git's own arguments follow these.
#[derive(Clone, Debug)]
pub struct Hook {
    program: PathBuf,
    args: Vec<String>,
}

impl Hook {
    /// A program and its first arguments: `review-gate check`.
    pub fn new(program: impl Into<PathBuf>, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { program: program.into(), args }
    }

    /// Installs it under a name in a folder of hooks.
    pub fn install(&self, folder: &Path, name: &str) {
        let program = self.program.to_str().expect("a path of a test is UTF-8");
        let words = std::iter::once(program).chain(self.args.iter().map(String::as_str));
        let words: Vec<String> = words.map(quoted).collect();
        script(&folder.join(name), &format!("exec {} \"$@\"\n", words.join(" ")));
    }
}

/// Writes an executable shell script.
pub(crate) fn script(path: &Path, text: &str) {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).expect("a folder for a script");
    }
    fs::write(path, format!("#!/bin/sh\n{text}")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a script's mode");
}

/// A word as the shell takes it literally.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
