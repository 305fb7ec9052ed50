//! Waiting, always with a limit: for time to pass, for a folder to change, for an order to stop.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Host;

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Woken {
    /// Something in a watched folder changed.
    Changed,
    /// SIGTERM or SIGINT came: finish and end.
    Stopped,
    /// The limit was reached.
    Nothing,
}

/// Watches folders and listens for orders to stop.
#[derive(Debug)]
pub struct Watcher {
    folders: OwnedFd,
    orders: UnixStream,
}

impl Host {
    /// Does nothing for a while; a signal may end it sooner.
    pub fn pause(&self, limit: Duration) {
        let limit = Timespec::try_from(limit).unwrap_or_default();
        // An interrupted pause is a shorter one.
        let _interrupted = poll(&mut [], Some(&limit)).is_err();
    }

    /// Starts to watch folders for files that were written or moved in, and from now on takes
    /// SIGTERM and SIGINT as orders to stop, which [`Watcher::wait`] tells.
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
        let (orders, sender) = UnixStream::pair()?;
        orders.set_nonblocking(true)?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Watcher { folders: watched, orders })
    }

    /// Tells the service manager something (`READY=1`, `STATUS=…`), if there is one.
    pub fn tell_manager(&self, state: &str) {
        let Some(socket) = self.env("NOTIFY_SOCKET") else { return };
        // A manager that does not listen is not our concern.
        let _unheard = notify(socket, state).is_err();
    }
}

/// Sends one datagram, as `sd_notify(3)` describes; `@` begins an abstract name.
fn notify(socket: &std::ffi::OsStr, state: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

impl Watcher {
    /// Waits for a change, an order or the limit. Changes since the last call count.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self, limit: Duration) -> io::Result<Woken> {
        let mut watched =
            [PollFd::new(&self.orders, PollFlags::IN), PollFd::new(&self.folders, PollFlags::IN)];
        let limit = Timespec::try_from(limit).unwrap_or_default();
        match poll(&mut watched, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
        let ready = |at: usize| watched.get(at).is_some_and(|fd| !fd.revents().is_empty());
        let (ordered, changed) = (ready(0), ready(1));
        if ordered {
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
        assert_eq!(watcher.wait(Duration::from_millis(1)).unwrap(), Woken::Nothing);
        host.replace_file(&dir.path().join("a"), b"x", 0o640).unwrap();
        assert_eq!(watcher.wait(Duration::from_secs(10)).unwrap(), Woken::Changed);
        assert_eq!(watcher.wait(Duration::from_millis(1)).unwrap(), Woken::Nothing);
    }

    #[test]
    fn the_service_manager_hears_what_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let host = Host::with([("NOTIFY_SOCKET", path.as_os_str())], jiff::Timestamp::UNIX_EPOCH);
        host.tell_manager("READY=1");
        let mut heard = [0; 32];
        let size = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..size], b"READY=1");
    }
}
