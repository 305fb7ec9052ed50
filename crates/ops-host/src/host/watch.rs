//! Waiting, always with a limit, for a folder to change or for an order to stop. Linux only, as is
//! whoever watches.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

use super::{Host, Stop};

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Woken {
    /// Something in a watched folder changed.
    Changed,
    /// Somebody asked this process to end.
    Stopped,
    /// The limit was reached.
    Nothing,
}

/// Watches folders.
#[derive(Debug)]
pub struct Watcher {
    folders: OwnedFd,
}

impl Host {
    /// Starts to watch folders for files that were written or moved in.
    ///
    /// # Errors
    /// What the system says.
    pub fn watch(&self, folders: &[&Path]) -> io::Result<Watcher> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let watched = inotify::init(flags)?;
        let events = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::MOVED_TO;
        for folder in folders {
            inotify::add_watch(&watched, *folder, events | inotify::WatchFlags::ONLYDIR)?;
        }
        Ok(Watcher { folders: watched })
    }

    /// Wakes whoever watches the folder of this file, which is made if it is missing and never
    /// changes.
    ///
    /// # Errors
    /// What the system says.
    pub fn wake_watchers(&self, path: &Path) -> io::Result<()> {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Closing what was open for writing is what watchers hear.
        drop(open(path, flags | OFlags::NONBLOCK, Mode::from_raw_mode(0o640))?);
        Ok(())
    }
}

impl Watcher {
    /// Waits for a change, a request to stop or the limit. Changes since the last call count.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self, limit: Duration, stop: &Stop) -> io::Result<Woken> {
        let folders = PollFd::new(&self.folders, PollFlags::IN);
        let mut watched: Vec<PollFd<'_>> = [folders].into_iter().chain(stop.watched()).collect();
        let limit = Timespec::try_from(limit).unwrap_or_default();
        match poll(&mut watched, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
        let changed = watched.first().is_some_and(|fd| !fd.revents().is_empty());
        if stop.is_asked() {
            return Ok(Woken::Stopped);
        }
        let mut events = [0; 16 * 1024];
        while let Ok(1..) = rustix::io::read(&self.folders, &mut events) {}
        Ok(if changed { Woken::Changed } else { Woken::Nothing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_wakes_and_nothing_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let mut watcher = host.watch(&[dir.path()]).unwrap();
        assert_eq!(watcher.wait(Duration::from_millis(1), &Stop::never()).unwrap(), Woken::Nothing);
        host.replace_file(&dir.path().join("a"), b"x", 0o640).unwrap();
        assert_eq!(watcher.wait(Duration::from_secs(10), &Stop::never()).unwrap(), Woken::Changed);
        assert_eq!(watcher.wait(Duration::from_millis(1), &Stop::never()).unwrap(), Woken::Nothing);
        for _ in 0..2 {
            host.wake_watchers(&dir.path().join("a")).unwrap();
            let woken = watcher.wait(Duration::from_secs(10), &Stop::never()).unwrap();
            assert_eq!(woken, Woken::Changed);
        }
        assert_eq!(host.read(&dir.path().join("a"), 9).unwrap(), b"x");
    }
}
