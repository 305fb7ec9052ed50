//! The few things guard does: a line in its log, an alert in the spool, `heal ssh`. Chooses nothing.

use std::path::PathBuf;
use std::time::Duration;

use ops_core::alert::{self, Alert};
use ops_core::cli::Context;
use ops_core::config::Source;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Exec};
use serde_json::Value;

use crate::line::Line;

/// The longest unfinished line that a crash can leave, bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// How much of what `heal` says is read, bytes.
const SAID: usize = 4 << 20;

/// How the fix ended, as it says itself. Whether it worked is for the next look to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fixed {
    /// It says that sshd is right now.
    Done,
    /// It touched nothing, and why.
    Refused(String),
    /// It failed, and how. What it had changed is restored.
    Failed(String),
}

/// Where guard writes: what cannot be written is told, and remembered for the exit code.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) log: PathBuf,
    /// The lines of this cycle.
    pub(crate) lines: Vec<String>,
    /// Whether all that was to be kept was.
    pub(crate) is_kept: bool,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(context: &'a Context, log: PathBuf) -> Self {
        Self { context, log, lines: Vec::new(), is_kept: true }
    }

    /// Notes that something could not be kept. The cycle goes on: what it protects matters more.
    pub(crate) fn keep<T>(&mut self, kept: Result<T, Failure>) -> Option<T> {
        kept.inspect_err(|failure| {
            self.is_kept = false;
            self.context.tell(0, &failure.lines().join("\n"));
        })
        .ok()
    }

    /// Adds a line to the log; durable on return.
    pub(crate) fn write(&mut self, line: &Line) {
        let host = &self.context.host;
        let doing = || format!("write {}", self.log.display());
        let folder = self.log.parent().unwrap_or(&self.log);
        let bytes = self.context.clean(&String::from_utf8_lossy(&line.bytes()));
        let written = host
            .make_dir(folder, 0o750)
            .and_then(|()| host.append_line(&self.log, bytes.as_bytes(), 0o640, LONGEST_LINE))
            .or_fail(Exit::Unavailable, doing());
        self.keep(written);
        self.lines.push(line.text().to_owned());
    }

    /// Puts an alert into the spool. True when it is there.
    pub(crate) fn alert(&mut self, alert: &Alert) -> bool {
        let spooled = alert::raise(self.context, "guard", alert);
        self.keep(spooled).is_some()
    }
}

/// Runs `heal ssh` to its end. It is a process of its own, so that whatever becomes of it, guard
/// stays to tell; its dead man's switch goes back where it is killed.
pub(crate) fn fix(context: &Context, limit: Duration) -> Fixed {
    let host = &context.host;
    let Some(program) = host.find_program("heal") else {
        return Fixed::Refused("heal is not installed beside guard or on PATH".into());
    };
    let mut exec = Exec::new(program, ["ssh", "--json", "--quiet"]);
    exec.deadline = limit;
    exec.cap = SAID;
    exec.env.insert("AIOPS_HOME".into(), context.home.clone().into());
    exec.env
        .insert("AIOPS_TRIGGER".into(), host.env("AIOPS_TRIGGER").unwrap_or("cli".as_ref()).into());
    if let Source::Folder(folder) = &context.configs {
        exec.env.insert("AIOPS_CONFIGS".into(), folder.clone().into());
    }
    match host.run(&exec) {
        Err(err) => Fixed::Refused(format!("heal could not be started: {err}")),
        Ok(finished) => outcome(finished.ending, &finished.stdout, &finished.stderr),
    }
}

/// What an ended `heal ssh --json` comes to. What is not clearly one thing is a failure.
fn outcome(ending: Ending, stdout: &[u8], stderr: &[u8]) -> Fixed {
    let document: Value = serde_json::from_slice(stdout).unwrap_or_default();
    let field = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = || {
        let reason = field("reason").to_owned();
        let last = String::from_utf8_lossy(stderr).trim().replace('\n', "; ");
        if reason.is_empty() { last } else { reason }
    };
    match (ending, field("outcome")) {
        (Ending::Code(0), "fixed" | "unchanged") => Fixed::Done,
        // The second: another heal runs, or it may not or cannot begin. Nothing was touched.
        (Ending::Code(_), "refused") | (Ending::Code(75 | 77 | 78 | 2), "") => {
            Fixed::Refused(said())
        }
        (Ending::Code(code), _) => Fixed::Failed(format!("heal ended with {code}: {}", said())),
        (Ending::Signal(signal), _) => Fixed::Failed(format!("heal was ended by signal {signal}")),
        (Ending::Deadline, _) => Fixed::Failed("heal did not end in time".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one_and_only_what_touched_nothing_is_a_refusal() {
        let says = |ending, stdout: &str| outcome(ending, stdout.as_bytes(), b"why\n");
        for (code, stdout, want) in [
            (0, r#"{"outcome":"fixed"}"#, Fixed::Done),
            (0, r#"{"outcome":"unchanged"}"#, Fixed::Done),
            (1, r#"{"outcome":"refused","reason":"no key"}"#, Fixed::Refused("no key".into())),
            (75, "", Fixed::Refused("why".into())),
            (0, "", Fixed::Failed("heal ended with 0: why".into())),
            (0, "not json", Fixed::Failed("heal ended with 0: why".into())),
            (1, r#"{"outcome":"fixed"}"#, Fixed::Failed("heal ended with 1: why".into())),
            (
                1,
                r#"{"outcome":"rolled_back","reason":"sshd -t"}"#,
                Fixed::Failed("heal ended with 1: sshd -t".into()),
            ),
            (70, "", Fixed::Failed("heal ended with 70: why".into())),
        ] {
            assert_eq!(says(Ending::Code(code), stdout), want, "{code} {stdout}");
        }
        let fixed = r#"{"outcome":"fixed"}"#;
        assert!(matches!(says(Ending::Deadline, fixed), Fixed::Failed(_)));
        assert!(matches!(says(Ending::Signal(9), fixed), Fixed::Failed(_)));
    }
}
