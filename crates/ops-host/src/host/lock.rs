//! Advisory locks that die with their holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Host;
use super::files::open_plain;
use crate::failure::{Exit, Failure, OrFail};

/// A held lock. Dropping it, or dying, releases it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not had.
#[derive(Debug)]
pub struct Busy {
    path: PathBuf,
    holder: String,
}

impl Busy {
    /// Who holds it, as it says of itself; empty when it has not said so yet.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The failure a command ends with: exit 75, naming the holder.
    pub fn failure(&self, role: &str) -> Failure {
        let holder = if self.holder.is_empty() { "an unknown process" } else { &self.holder };
        Failure::new(Exit::TryLater, format!("start: another {role} is running"))
            .because(format!("{} is held by {holder}", self.path.display()))
            .hint("wait for it to end, or stop it first")
    }
}

impl Host {
    /// Takes the lock at `path` without waiting and writes who holds it into the file.
    ///
    /// # Errors
    /// A [`Failure`] when the file cannot be used, a [`Busy`] when somebody holds the lock.
    pub fn lock(&self, path: &Path) -> Result<Result<Lock, Busy>, Failure> {
        let doing = || format!("lock {}", path.display());
        if let Some(folder) = path.parent() {
            self.make_dir(folder, 0o750).or_fail(Exit::Unavailable, doing())?;
        }
        let options = OpenOptions::new().read(true).write(true).create(true).mode(0o640).to_owned();
        // Its text is replaced: a link that another user put there would lead to a file of ours.
        let mut file = open_plain(path, &options).or_fail(Exit::Unavailable, doing())?;
        match self.try_briefly(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unreadable = (&mut file).take(1024).read_to_string(&mut holder).is_err();
                return Ok(Err(Busy { path: path.into(), holder: holder.trim().into() }));
            }
            Err(TryLockError::Error(err)) => return Err(err).or_fail(Exit::Unavailable, doing()),
        }
        self.name_holder(&mut file).or_fail(Exit::Unavailable, doing())?;
        Ok(Ok(Lock { _file: file }))
    }

    /// Takes an advisory lock on a folder itself, without waiting.
    ///
    /// # Errors
    /// As [`Host::lock`].
    pub fn lock_folder(&self, path: &Path) -> Result<Result<Lock, Busy>, Failure> {
        let doing = || format!("lock {}", path.display());
        let file = File::open(path).or_fail(Exit::Unavailable, doing())?;
        match file.try_lock() {
            Ok(()) => Ok(Ok(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => {
                Ok(Err(Busy { path: path.into(), holder: "a process with another home".into() }))
            }
            Err(TryLockError::Error(err)) => Err(err).or_fail(Exit::Unavailable, doing()),
        }
    }

    /// Tries a few times within 50 ms: whoever merely asks who holds a lock has it that briefly.
    fn try_briefly(&self, file: &File) -> Result<(), TryLockError> {
        for _ in 0..5 {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => self.pause(Duration::from_millis(10)),
                outcome => return outcome,
            }
        }
        file.try_lock()
    }

    /// Who holds the lock at `path` now, as it says of itself; `None` when nobody does.
    pub fn lock_holder(&self, path: &Path) -> Option<String> {
        let mut file = open_plain(path, OpenOptions::new().read(true)).ok()?;
        // A shared lock is refused while somebody holds the exclusive one; `lock` tries again.
        if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return None;
        }
        let mut holder = String::new();
        (&mut file).take(1024).read_to_string(&mut holder).ok()?;
        Some(holder.trim().to_owned())
    }

    fn name_holder(&self, file: &mut File) -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        let program = self.program().unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let since = crate::time::rfc3339_seconds(self.now());
        writeln!(file, "{name}, process {}, since {since}", std::process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_pipe_in_the_place_of_a_lock_is_refused_and_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let host = Host::real();
        host.create_file(&at("precious"), b"as it was", 0o600).unwrap();
        std::os::unix::fs::symlink(at("precious"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("free"), at("dangling")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        for name in ["link", "dangling", "pipe"] {
            assert_eq!(host.lock(&at(name)).unwrap_err().exit, Exit::Unavailable, "{name}");
            assert_eq!(host.lock_holder(&at(name)), None, "{name}");
        }
        assert_eq!(host.read(&at("precious"), 99).unwrap(), b"as it was");
        assert!(host.look(&at("free")).unwrap().is_none());
    }

    #[test]
    fn a_second_taker_is_told_who_holds_it_and_a_dropped_lock_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("locks/role.lock");
        let host = Host::real();
        let held = host.lock(&path).unwrap().unwrap();
        let busy = host.lock(&path).unwrap().unwrap_err().failure("bridge-exec");
        assert_eq!(busy.exit, Exit::TryLater);
        let told = busy.to_string();
        assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
        drop(held);
        assert!(host.lock(&path).unwrap().is_ok());
    }
}
