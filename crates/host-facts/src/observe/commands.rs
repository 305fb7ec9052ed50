//! Outside commands of one part, which share one deadline. No judgement here.

use std::ffi::OsStr;
use std::time::Duration;

use ops_core::host::{Ending, Exec, Finished, Host};

/// How much a command may print, bytes.
const LARGEST: usize = 64 << 20;

/// How much of what a failing command said is handed on, bytes.
const ENOUGH: usize = 300;

/// Starts outside commands until the deadline.
#[derive(Debug)]
pub(super) struct Commands<'a> {
    pub(super) host: &'a Host,
    end: Duration,
}

impl<'a> Commands<'a> {
    pub(super) fn new(host: &'a Host, deadline: Duration) -> Self {
        Self { host, end: host.ticks() + deadline }
    }

    /// What a command prints on standard output.
    ///
    /// # Errors
    /// Why there is no answer: no such program, a code other than 0, out of time, too much.
    pub(super) fn output<A: AsRef<OsStr>>(
        &self,
        program: &str,
        args: &[A],
    ) -> Result<Vec<u8>, String> {
        let finished = self.run(program, args)?;
        if finished.success() { Ok(finished.stdout) } else { Err(failed(program, &finished)) }
    }

    /// Runs a command to its end, whatever its code.
    ///
    /// # Errors
    /// As [`Self::output`], but for the code.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        program: &str,
        args: &[A],
    ) -> Result<Finished, String> {
        let file = self
            .host
            .find_program(program)
            .ok_or_else(|| format!("there is no program `{program}` on PATH"))?;
        let mut exec = Exec::new(file, args.iter().map(AsRef::as_ref));
        // systemd prints times in the local zone, and others their messages in the local language.
        exec.env.extend([("TZ".into(), "UTC".into()), ("LC_ALL".into(), "C".into())]);
        exec.cap = LARGEST;
        exec.deadline = self.end.saturating_sub(self.host.ticks());
        let finished = self.host.run(&exec).map_err(|err| format!("`{program}`: {err}"))?;
        if finished.ending == Ending::Deadline {
            return Err(format!("`{program}` gave no answer in time"));
        }
        if finished.truncated {
            return Err(format!("`{program}` said more than {LARGEST} bytes"));
        }
        Ok(finished)
    }
}

/// How a command failed, with the first line of what it said.
pub(super) fn failed(program: &str, finished: &Finished) -> String {
    let said = String::from_utf8_lossy(&finished.stderr);
    let said: String = said
        .lines()
        .map(str::trim)
        .find(|it| !it.is_empty())
        .unwrap_or_default()
        .chars()
        .take(ENOUGH)
        .collect();
    let how = match finished.ending {
        Ending::Code(code) => format!("ended with code {code}"),
        Ending::Signal(signal) => format!("was ended by signal {signal}"),
        Ending::Deadline => "gave no answer in time".to_owned(),
    };
    let colon = if said.is_empty() { "" } else { ": " };
    format!("`{program}` {how}{colon}{said}")
}

/// What a command printed, as one JSON document.
///
/// # Errors
/// Why it is none.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    program: &str,
    bytes: &[u8],
) -> Result<T, String> {
    serde_json::from_slice(bytes)
        .map_err(|err| format!("`{program}` said what is not as documented: {err}"))
}
