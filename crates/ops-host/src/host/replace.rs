//! Becoming another program: same process, same terminal, and every signal is its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::Host;

/// The program to become. `Debug` shows neither arguments nor values.
pub struct Replacement {
    /// Program name, found on `PATH`, or a path.
    pub program: OsString,
    /// Arguments, passed as they are.
    pub args: Vec<OsString>,
    /// Variables of this process that it does not get.
    pub without: BTreeSet<OsString>,
    /// Variables that it gets beside the others of this process.
    pub with: BTreeMap<OsString, OsString>,
}

impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replacement({:?} with {:?})", self.program, self.with.keys())
    }
}

impl Host {
    /// The names of all variables of this process's environment.
    pub fn env_names(&self) -> BTreeSet<OsString> {
        self.env.keys().cloned().collect()
    }

    /// Makes a folder this process's working folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn enter(&self, folder: &Path) -> io::Result<()> {
        std::env::set_current_dir(folder)
    }

    /// Replaces this process by a program; returns only when that fails.
    pub fn become_program(&self, it: &Replacement) -> io::Error {
        let kept = self.env.iter().filter(|(name, _)| !it.without.contains(*name));
        Command::new(&it.program).args(&it.args).env_clear().envs(kept).envs(&it.with).exec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_become_is_told_and_debug_shows_no_values() {
        let it = Replacement {
            program: "/no/such/program".into(),
            args: vec!["canary".into()],
            without: BTreeSet::new(),
            with: BTreeMap::from([("NAME".into(), "canary".into())]),
        };
        assert_eq!(Host::real().become_program(&it).kind(), io::ErrorKind::NotFound);
        assert_eq!(format!("{it:?}"), r#"Replacement("/no/such/program" with ["NAME"])"#);
    }
}
