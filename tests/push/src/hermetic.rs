//! Git as it is for somebody who configured nothing, with a clock that stands still.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use scenarios::Ran;
use tempfile::TempDir;

/// The date of every commit and reflog entry that does not ask for another.
const DATE: &str = "2026-01-02T03:04:05Z";

/// The object format of a repository.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Names of 40 hex digits.
    Sha1,
    /// Names of 64 hex digits.
    Sha256,
}

impl Format {
    /// Git's own name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// One value for each format, made when it is first asked for.
    pub fn each<T>(self, kept: &'static [OnceLock<T>; 2], make: impl FnOnce() -> T) -> &'static T {
        let [sha1, sha256] = kept;
        match self {
            Self::Sha1 => sha1.get_or_init(make),
            Self::Sha256 => sha256.get_or_init(make),
        }
    }
}

/// The object name that stands for "nothing".
pub fn zeros(format: Format) -> String {
    "0".repeat(match format {
        Format::Sha1 => 40,
        Format::Sha256 => 64,
    })
}

/// A folder to work in and the environment of everything that runs there.
#[derive(Debug)]
pub struct Hermetic {
    folder: TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Hermetic {
    /// A new empty folder.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("a home for a test");
        let path = env::var_os("PATH").expect("a test has a PATH");
        let mut variables = vec![
            ("PATH".into(), path),
            ("HOME".into(), home.clone().into()),
            ("XDG_CONFIG_HOME".into(), home.join("none").into()),
        ];
        let fixed = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ADVICE", "0"),
            // Git's own tests do not wait for the disk either.
            ("GIT_TEST_FSYNC", "0"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
        ];
        variables.extend(fixed.map(|(name, value)| (name.into(), value.into())));
        for who in ["AUTHOR", "COMMITTER"] {
            for (what, value) in
                [("NAME", "A Person"), ("EMAIL", "person@example.invalid"), ("DATE", DATE)]
            {
                variables.push((format!("GIT_{who}_{what}").into(), value.into()));
            }
        }
        Self { folder, variables }
    }

    /// Sets a variable for everything that runs here from now on.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let name = name.into();
        self.variables.retain(|(it, _)| *it != name);
        self.variables.push((name, value.into()));
    }

    /// A path below the folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The variables that programs see, and no others.
    pub fn variables(&self) -> &[(OsString, OsString)] {
        &self.variables
    }

    /// A program that will run in `folder` with this environment.
    pub fn program(&self, program: impl Into<OsString>, folder: &Path) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(folder).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs git to its end.
    pub fn git(&self, folder: &Path, args: &[&str]) -> Ran {
        let mut command = self.program("git", folder);
        command.args(args);
        Ran::of(command)
    }

    /// Runs git, which must succeed; returns its standard output without the last line end.
    #[track_caller]
    pub fn done(&self, folder: &Path, args: &[&str]) -> String {
        let ran = self.git(folder, args);
        assert_eq!(ran.code, 0, "git {args:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout.trim_end_matches('\n').to_owned()
    }
}

impl Default for Hermetic {
    fn default() -> Self {
        Self::new()
    }
}
