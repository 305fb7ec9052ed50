//! Waiting that ends early when this process is asked to end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Host;

/// Whether this process was asked to end.
#[derive(Debug, Default)]
pub struct Stop {
    /// Readable once a signal came; never read, so it stays so.
    asked: Option<UnixStream>,
    /// The other end of it.
    told: Option<UnixStream>,
}

impl Host {
    /// Takes SIGTERM and SIGINT as a request to end instead of ending at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn stop_on_signals(&self) -> io::Result<Stop> {
        let (asked, told) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::low_level::pipe::register(signal, told.try_clone()?)?;
        }
        Ok(Stop { asked: Some(asked), told: Some(told) })
    }
}

impl Host {
    /// One that is asked by [`Stop::ask`] alone; signals are none of its business.
    ///
    /// # Errors
    /// What the system says.
    pub fn stop_on_request(&self) -> io::Result<Stop> {
        let (asked, told) = UnixStream::pair()?;
        Ok(Stop { asked: Some(asked), told: Some(told) })
    }

    /// Has the kernel kill this process when the thread that started it ends; says whether that was
    /// `parent`'s and still lives. Linux only.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(target_os = "linux")]
    pub fn die_with_parent(&self, parent: u32) -> io::Result<bool> {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        Ok(now == Some(parent))
    }
}

impl Stop {
    /// One that is never asked: signals end the process as they always do.
    pub fn never() -> Self {
        Self::default()
    }

    /// Asks, from within: whoever else waits on it ends too.
    pub fn ask(&self) {
        use std::io::Write;
        // A full pipe was asked often enough.
        let _unheard = self.told.as_ref().map(|mut told| told.write(b"x")).is_none();
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// What becomes readable when somebody asks, for a poll over more than that.
    pub(super) fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.asked.iter().map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN))
    }

    /// Waits until something can be read or somebody asks; returns whether somebody asked.
    pub(super) fn wait_for(&self, input: BorrowedFd<'_>) -> io::Result<bool> {
        loop {
            let input = PollFd::from_borrowed_fd(input, PollFlags::IN);
            let mut watched: Vec<_> = self.watched().chain([input]).collect();
            match poll(&mut watched, None) {
                Ok(_) => return Ok(self.is_asked()),
                Err(rustix::io::Errno::INTR) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }

    /// Waits until somebody asks or the time is over; returns whether somebody asked.
    pub fn wait(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut watched: Vec<_> = self.watched().collect();
            // A failed poll (a signal, no memory) is no request: look again until time is over.
            let ready = poll(&mut watched, Some(&Timespec::try_from(left).unwrap_or_default()));
            if ready.is_ok_and(|count| count > 0) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_ends_the_wait_and_is_remembered() {
        let host = Host::real();
        assert!(!Stop::never().wait(Duration::from_millis(1)));
        let stop = host.stop_on_signals().unwrap();
        assert!(!stop.is_asked());
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
        assert!(stop.wait(Duration::from_mins(1)));
        assert!(stop.is_asked());
    }
}
