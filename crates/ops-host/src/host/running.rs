//! A program that runs while its caller looks on: it is told things, heard, watched, and ended with
//! all that it started. Linux only, as is whoever needs it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use super::process::{Ending, Exec};
use super::{Host, Stop};

/// Which output stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What happened while a program was watched.
#[derive(Debug)]
pub enum Event {
    /// It said something.
    Said(Stream, Vec<u8>),
    /// It ended; everything it said was told before.
    Ended(Ending),
    /// Somebody asked this process to end.
    Stopped,
    /// The limit was reached.
    Nothing,
}

/// A program that runs. Dropping it kills its process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    gone: OwnedFd,
    input: Option<File>,
    output: [Option<File>; 2],
    held: Vec<OwnedFd>,
}

impl Host {
    /// Starts a program in a process group of its own. Its `input`, `deadline` and `cap` do not
    /// apply: they are its caller's to keep.
    ///
    /// # Errors
    /// What the system says when the program cannot be started.
    pub fn follow(&self, exec: &Exec) -> io::Result<Running> {
        let mut command = self.command(exec);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let gone = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        let input = child.stdin.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let output = [
            child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe))),
            child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe))),
        ];
        for pipe in output.iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Running { child, gone, input, output, held: vec![] })
    }

    /// The processes that a process started and that still run. None where it is gone.
    pub fn children(&self, process: u32) -> Vec<u32> {
        let tasks = PathBuf::from(format!("/proc/{process}/task"));
        let threads = self.names(&tasks).unwrap_or_default();
        let texts = threads.iter().map(|it| self.read(&tasks.join(it).join("children"), 1 << 20));
        let texts = texts.map(Result::unwrap_or_default);
        let number = |word: &str| word.parse::<u32>().ok();
        texts
            .flat_map(|text| {
                let text = String::from_utf8_lossy(&text).into_owned();
                text.split_whitespace().filter_map(number).collect::<Vec<u32>>()
            })
            .collect()
    }
}

impl Running {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input; it must read at once what is longer than a pipe holds.
    ///
    /// # Errors
    /// What the system says, such as that it reads no more.
    pub fn tell(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.input {
            Some(pipe) => pipe.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Closes its standard input.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Keeps hold of a process below it, so that [`Running::end`] also ends that one and waits for
    /// it, whatever its group.
    ///
    /// # Errors
    /// What the system says, such as that it is gone.
    pub fn hold(&mut self, process: u32) -> io::Result<()> {
        let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        self.held.push(pidfd_open(pid, PidfdFlags::empty())?);
        Ok(())
    }

    /// Waits for what happens next.
    ///
    /// # Errors
    /// What the system says.
    pub fn next(&mut self, limit: Duration, stop: &Stop) -> io::Result<Event> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut watched = vec![PollFd::new(&self.gone, PollFlags::IN)];
            watched.extend(self.output.iter().flatten().map(|it| PollFd::new(it, PollFlags::IN)));
            watched.extend(stop.watched());
            match poll(&mut watched, Some(&Timespec::try_from(left).unwrap_or_default())) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(err) => return Err(err.into()),
            }
            let ended = watched.first().is_some_and(|fd| fd.revents().contains(PollFlags::IN));
            drop(watched);
            for (at, stream) in [(0, Stream::Out), (1, Stream::Err)] {
                if let Some(bytes) = self.heard(at)? {
                    return Ok(Event::Said(stream, bytes));
                }
            }
            if ended {
                let status = self.child.wait()?;
                let signal = || Ending::Signal(status.signal().unwrap_or(0));
                return Ok(Event::Ended(status.code().map_or_else(signal, Ending::Code)));
            }
            if stop.is_asked() {
                return Ok(Event::Stopped);
            }
            if left.is_zero() {
                return Ok(Event::Nothing);
            }
        }
    }

    /// Reads what a stream has; `None` when that is nothing now.
    fn heard(&mut self, at: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(pipe) = self.output.get_mut(at) else { return Ok(None) };
        let mut chunk = vec![0; 64 * 1024];
        loop {
            match pipe.as_mut().map(|pipe| pipe.read(&mut chunk)) {
                None => return Ok(None),
                Some(Ok(0)) => *pipe = None,
                Some(Ok(n)) => {
                    chunk.truncate(n);
                    return Ok(Some(chunk));
                }
                Some(Err(err)) if err.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Some(Err(err)) if err.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(err)) => return Err(err),
            }
        }
    }

    /// Kills its process group and every process held, and waits until they are gone; true when
    /// they were within the limit.
    pub fn end(&mut self, limit: Duration) -> bool {
        let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL).is_err();
        for held in &self.held {
            let _gone = pidfd_send_signal(held, Signal::KILL).is_err();
        }
        let end = Instant::now() + limit;
        let all = self.held.iter().chain([&self.gone]);
        let are_gone = all.fold(true, |before, fd| before & is_gone(fd, end));
        if are_gone {
            // It is gone: this returns at once.
            let _reaped = self.child.wait().is_ok();
        }
        are_gone
    }
}

fn is_gone(process: &OwnedFd, end: Instant) -> bool {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut watched = [PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)];
        match poll(&mut watched, Some(&Timespec::try_from(left).unwrap_or_default())) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) if !left.is_zero() => {}
            Err(_) => return false,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _all_gone = self.end(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Exec {
        Exec::new("sh", ["-c", script])
    }

    #[test]
    fn a_program_is_told_and_heard_to_its_end() {
        let (host, stop) = (Host::real(), Stop::never());
        let mut running = host.follow(&sh("read a; echo \"<$a>\"; echo no >&2; exit 4")).unwrap();
        running.tell(b"hello\n").unwrap();
        let (mut out, mut err) = (vec![], vec![]);
        let ending = loop {
            match running.next(Duration::from_secs(10), &stop).unwrap() {
                Event::Said(Stream::Out, bytes) => out.extend(bytes),
                Event::Said(Stream::Err, bytes) => err.extend(bytes),
                Event::Ended(ending) => break ending,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((out.as_slice(), err.as_slice()), (&b"<hello>\n"[..], &b"no\n"[..]));
        assert_eq!(ending, Ending::Code(4));
    }

    #[test]
    fn what_it_started_in_another_group_ends_with_it_when_held() {
        let (host, stop) = (Host::real(), Stop::never());
        let mut running = host.follow(&sh("setsid sleep 600 & echo $!; wait")).unwrap();
        let Event::Said(Stream::Out, said) = running.next(Duration::from_secs(10), &stop).unwrap()
        else {
            panic!("it says its child")
        };
        let child: u32 = String::from_utf8(said).unwrap().trim().parse().unwrap();
        assert_eq!(host.children(running.id()), [child]);
        assert!(matches!(running.next(Duration::from_millis(1), &stop).unwrap(), Event::Nothing));
        running.hold(child).unwrap();
        assert!(running.end(Duration::from_secs(10)));
        assert!(host.children(running.id()).is_empty());
    }
}
