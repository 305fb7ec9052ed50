//! A daemon that is killed, with what it started, when its value is dropped.

use std::env;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// A daemon in a process group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the daemon starts");
        Self { child }
    }

    /// Gives it its whole standard input.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut input = self.child.stdin.take().expect("its input is a pipe");
        input.write_all(bytes).expect("it reads its input");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group is there as long as the child has not been waited for.
        let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL).is_err();
        drop(self.child.wait());
    }
}

/// Whether a program is installed.
pub(crate) fn on_path(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file())
}
