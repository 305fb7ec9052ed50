//! Child processes: an argument vector, a given environment, a deadline, a cap on output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Host, Kind, Stop};

/// A program to run. Nothing of this process's environment but `PATH` reaches it.
#[derive(Clone, Debug)]
pub struct Exec {
    /// Program name, found on `PATH`, or a path.
    pub program: OsString,
    /// Arguments, passed as they are.
    pub args: Vec<OsString>,
    /// Environment beside `PATH`.
    pub env: BTreeMap<OsString, OsString>,
    /// Working folder; this process's own when `None`.
    pub folder: Option<PathBuf>,
    /// What the program reads on standard input.
    pub input: Vec<u8>,
    /// How long it may take.
    pub deadline: Duration,
    /// How many bytes of each output stream are kept.
    pub cap: usize,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal, by somebody else.
    Signal(i32),
    /// It outlived its deadline and was killed with its process group; in [`Host::run_until`], also
    /// when its end was asked for.
    Deadline,
}

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Standard output, at most the cap.
    pub stdout: Vec<u8>,
    /// Standard error, at most the cap.
    pub stderr: Vec<u8>,
    /// Whether more was said than was kept.
    pub truncated: bool,
}

impl Finished {
    /// Whether it exited with code 0.
    pub fn success(&self) -> bool {
        self.ending == Ending::Code(0)
    }
}

impl Exec {
    /// A program with arguments, one minute and 64 KiB of output.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            folder: None,
            input: Vec::new(),
            deadline: Duration::from_mins(1),
            cap: 64 * 1024,
        }
    }
}

impl Host {
    /// Runs a program to its end, or kills it with its whole process group at its deadline.
    ///
    /// # Errors
    /// What the system says when the program cannot be started or followed.
    pub fn run(&self, exec: &Exec) -> io::Result<Finished> {
        self.run_until(exec, &Stop::never())
    }

    /// The same, and kills it as well as soon as somebody asks for its end.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn run_until(&self, exec: &Exec, stop: &Stop) -> io::Result<Finished> {
        let mut command = self.command(exec);
        command.stdin(if exec.input.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let followed = follow(&mut child, exec, stop);
        // Whatever is left of its group goes too: a background child must not outlive the answer.
        let group = Pid::from_child(&child);
        let _gone = kill_process_group(group, Signal::KILL).is_err();
        let status = child.wait()?;
        let (output, is_ended) = followed?;
        let [stdout, stderr] = output;
        let ending = match (is_ended, status.code()) {
            (true, _) => Ending::Deadline,
            (false, Some(code)) => Ending::Code(code),
            (false, None) => Ending::Signal(status.signal().unwrap_or(0)),
        };
        let truncated = stdout.len() > exec.cap || stderr.len() > exec.cap;
        let keep = |mut bytes: Vec<u8>| {
            bytes.truncate(exec.cap);
            bytes
        };
        Ok(Finished { ending, stdout: keep(stdout), stderr: keep(stderr), truncated })
    }
}

impl Host {
    /// Starts a program in a process group of its own and leaves it to itself: it reads and says
    /// nothing, and outlives this process. Input, deadline and cap do not apply.
    ///
    /// # Errors
    /// What the system says when the program cannot be started.
    pub fn start(&self, exec: &Exec) -> io::Result<()> {
        let mut command = self.command(exec);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        // Reaps it if this process lives longer; nobody asks how it ended.
        let _reaper = std::thread::Builder::new().spawn(move || child.wait().is_ok());
        Ok(())
    }

    /// The program of this name beside this one, else the one that a shell would start.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let is_program = |path: &PathBuf| {
            let entry = self.resolve(path).and_then(|path| self.look(&path)).ok().flatten();
            entry.is_some_and(|it| it.kind == Kind::File && it.mode & 0o111 != 0)
        };
        let beside = self.program().and_then(|own| Some(own.parent()?.join(name)));
        let path = self.env("PATH").unwrap_or_default();
        let named = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        beside.into_iter().chain(named.map(|folder| folder.join(name))).find(is_program)
    }

    pub(super) fn command(&self, exec: &Exec) -> Command {
        let mut command = Command::new(&exec.program);
        command.args(&exec.args).env_clear().envs(&exec.env).process_group(0);
        if let Some(path) = self.env("PATH") {
            command.env("PATH", path);
        }
        if let Some(folder) = &exec.folder {
            command.current_dir(folder);
        }
        command
    }
}

/// Feeds and drains a child until it is gone, out of time or to be ended. Returns both outputs,
/// each one byte over the cap at most, and whether it is to be ended.
fn follow(child: &mut Child, exec: &Exec, stop: &Stop) -> io::Result<([Vec<u8>; 2], bool)> {
    let end = Instant::now() + exec.deadline;
    let gone = readable_when_gone(Pid::from_child(child))?;
    let mut input = child.stdin.take().map(|pipe| File::from(OwnedFd::from(pipe)));
    let mut pipes = [
        child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe))),
        child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe))),
    ];
    for pipe in pipes.iter().chain([&input]).flatten() {
        rustix::io::ioctl_fionbio(pipe, true)?;
    }
    let mut output = [Vec::new(), Vec::new()];
    let mut fed = 0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok((output, true));
        }
        let mut watched = vec![PollFd::new(&gone, PollFlags::IN)];
        watched.extend(pipes.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        watched.extend(input.iter().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        watched.extend(stop.watched());
        match poll(&mut watched, Some(&Timespec::try_from(left).unwrap_or_default())) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
        let ended = watched.first().is_some_and(|fd| fd.revents().contains(PollFlags::IN));
        drop(watched);
        for (pipe, kept) in pipes.iter_mut().zip(&mut output) {
            if drain(pipe.as_ref(), kept, exec.cap)? {
                *pipe = None;
            }
        }
        if feed(input.as_ref(), &exec.input, &mut fed)? {
            input = None;
        }
        if ended {
            return Ok((output, false));
        }
        if stop.is_asked() {
            return Ok((output, true));
        }
    }
}

/// A descriptor that becomes readable when a child has ended, and leaves it to be waited for.
#[cfg(target_os = "linux")]
fn readable_when_gone(child: Pid) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    Ok(pidfd_open(child, PidfdFlags::empty())?)
}

/// The same where no descriptor stands for a process: a thread waits, and its end of a pair of
/// sockets closes when it returns.
#[cfg(not(target_os = "linux"))]
fn readable_when_gone(child: Pid) -> io::Result<OwnedFd> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    std::thread::Builder::new().spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(child), options) {}
        drop(theirs);
    })?;
    Ok(ours.into())
}

/// Reads what is there; true when the pipe has ended.
fn drain(pipe: Option<&File>, kept: &mut Vec<u8>, cap: usize) -> io::Result<bool> {
    let Some(mut pipe) = pipe else { return Ok(false) };
    let mut chunk = [0; 16 * 1024];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return Ok(true),
            Ok(n) => {
                let room = (cap + 1).saturating_sub(kept.len()).min(n);
                kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
            }
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
}

/// Writes what the pipe takes; true when all is written or nobody reads.
fn feed(pipe: Option<&File>, input: &[u8], fed: &mut usize) -> io::Result<bool> {
    let Some(mut pipe) = pipe else { return Ok(false) };
    while let Some(rest) = input.get(*fed..).filter(|rest| !rest.is_empty()) {
        match pipe.write(rest) {
            Ok(n) => *fed += n,
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => return Ok(true),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Exec {
        Exec::new("sh", ["-c", script])
    }

    #[test]
    fn output_code_and_signal_come_back() {
        let host = Host::real();
        let said = host.run(&sh("echo out; echo err >&2; exit 3")).unwrap();
        assert_eq!(said.ending, Ending::Code(3));
        assert_eq!(
            (said.stdout.as_slice(), said.stderr.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(host.run(&sh("kill -TERM $$")).unwrap().ending, Ending::Signal(15));
        assert!(host.run(&Exec::new("/no/such/program", ["x"])).is_err());
    }

    #[test]
    fn a_child_that_outlives_its_deadline_is_killed_with_its_group() {
        let host = Host::real();
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let mut exec = sh(&format!("sleep 600 & echo $! > {}; wait", pid.display()));
        exec.deadline = Duration::from_secs(1);
        assert_eq!(host.run(&exec).unwrap().ending, Ending::Deadline);
        let pid = String::from_utf8(host.read(&pid, 20).unwrap()).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let is_gone = || {
            let stat = host.read(std::path::Path::new(&stat), 999);
            stat.is_err() || stat.is_ok_and(|it| it.windows(3).any(|w| w == b" Z "))
        };
        // A signal is sent at once and taken a little later.
        let end = Instant::now() + Duration::from_secs(10);
        while !is_gone() {
            assert!(Instant::now() < end, "still running");
            host.pause(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_background_child_that_keeps_the_pipes_does_not_hold_up_the_answer() {
        let said = Host::real().run(&sh("sleep 600 & echo done")).unwrap();
        assert_eq!((said.ending, said.stdout.as_slice()), (Ending::Code(0), &b"done\n"[..]));
    }

    #[test]
    fn a_started_program_is_left_to_itself_and_found_on_absolute_paths_only() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::with([("PATH", "relative:/usr/bin:/bin")], jiff::Timestamp::UNIX_EPOCH);
        let mut watcher = host.watch(&[dir.path()]).unwrap();
        let mut exec = Exec::new(host.find_program("sh").unwrap(), ["-c", "echo x > done"]);
        exec.folder = Some(dir.path().into());
        host.start(&exec).unwrap();
        let woken = watcher.wait(Duration::from_secs(10), &crate::host::Stop::never()).unwrap();
        assert_eq!(woken, crate::host::Woken::Changed);
        assert_eq!(host.find_program("no-such-program"), None);
    }

    #[test]
    fn a_child_is_killed_when_its_end_is_asked_for_and_closed_pipes_change_nothing() {
        let host = Host::real();
        let stop = host.stop_on_request().unwrap();
        std::thread::scope(|scope| {
            let script = "exec >&- 2>&-; sleep 600";
            let ran = scope.spawn(|| host.run_until(&sh(script), &stop).unwrap().ending);
            host.pause(Duration::from_millis(100));
            stop.ask();
            assert_eq!(ran.join().unwrap(), Ending::Deadline);
        });
    }

    #[test]
    fn output_is_capped_and_input_is_fed() {
        let host = Host::real();
        let mut exec = sh("head -c 1000000 /dev/zero");
        exec.cap = 1000;
        let said = host.run(&exec).unwrap();
        assert_eq!((said.stdout.len(), said.truncated), (1000, true));
        let mut exec = sh("cat");
        exec.input = vec![b'x'; 300_000];
        exec.cap = 400_000;
        assert_eq!(host.run(&exec).unwrap().stdout, exec.input);
    }

    #[test]
    fn the_environment_is_scrubbed() {
        let host = Host::with(
            [("PATH", "/usr/bin:/bin"), ("SECRET", "canary")],
            jiff::Timestamp::UNIX_EPOCH,
        );
        let said = host.run(&Exec::new("env", ["-0"])).unwrap();
        assert_eq!(said.stdout, b"PATH=/usr/bin:/bin\0");
    }
}
