//! `--watch N`: looks again and again, and prints what changed.

use std::io::{self, Write};
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report;
use serde_json::Value;

use super::host::Look;
use crate::args::Format;
use crate::render;
use crate::report::Report;

/// The end of watching: everything has been printed already.
#[derive(Debug)]
struct Watched {
    last: Report,
    is_kept: bool,
}

impl report::Report for Watched {
    fn exit(&self) -> Exit {
        let exit = self.last.exit();
        if self.is_kept { exit } else { exit.or(Exit::Unavailable) }
    }

    fn write_human(&self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn json(&self) -> Value {
        serde_json::to_value(&self.last).unwrap_or_default()
    }
}

pub(super) fn run(
    look: &Look,
    seconds: u32,
    format: Format,
) -> Result<Box<dyn report::Report>, Failure> {
    if format != Format::Human {
        return Err(Failure::new(Exit::Usage, "watch in a format for programs")
            .hint("leave --format and --json out, or --watch"));
    }
    let context = look.context;
    let stop = context.host.stop_on_signals().or_fail(Exit::Unavailable, "wait for signals")?;
    let (mut last, mut is_kept) = look.once()?;
    let mut is_heard = print(|out| render::write(&last, Format::Human, out));
    while is_heard && !stop.wait(Duration::from_secs(u64::from(seconds))) {
        let (next, kept) = look.once()?;
        is_kept &= kept;
        let lines = changes(&last, &next);
        is_heard = print(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")));
        last = next;
    }
    Ok(Box::new(Watched { last, is_kept }))
}

/// Prints at once; false when nobody reads any more.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> bool {
    let mut out = io::stdout().lock();
    write(&mut out).and_then(|()| out.flush()).is_ok()
}

/// What is different: a line for each check whose status or summary changed.
fn changes(last: &Report, next: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for check in &next.checks {
        let before = last.check(&check.id);
        let when = next.started_at.get(11..19).unwrap_or(&next.started_at);
        let (id, status) = (&check.id, check.status.name());
        match before {
            Some(before) if before.status != check.status => {
                let before = before.status.name();
                lines.push(format!("{when} {id}: {before} → {status}: {}", check.summary));
            }
            // A pass has nothing to tell: what it says can change with every look.
            Some(before) if before.details != check.details && status != "pass" => {
                lines.push(format!("{when} {id}: still {status}: {}", check.summary));
            }
            Some(_) | None => {}
        }
    }
    lines
}
