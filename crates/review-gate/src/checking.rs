//! `check` and `pre-receive`: hands git's lines to the rule, and tells the answer on standard error,
//! where it spoils nothing that reads git's output.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use review_check::{Call, CheckReport, Mode};
use serde_json::Value;
use verdict::render::plain;

use crate::basis;

/// The most that git's lines may have, bytes: a push of a hundred thousand references.
const LONGEST: u64 = 64 << 20;

/// An answer that was told already.
#[derive(Debug)]
pub struct Told(CheckReport);

/// Judges a push.
///
/// # Errors
/// No answer, and so no: 65 when git's lines are too many, 69 when the repository cannot be read.
pub fn check(context: &Context, mode: Mode, remote: &[OsString]) -> Result<Told, Failure> {
    let host = &context.host;
    let lines = host.read_input(LONGEST + 1).or_fail(Exit::Unavailable, "read git's lines")?;
    if lines.len() as u64 > LONGEST {
        return Err(Failure::new(Exit::Malformed, "read git's lines")
            .because(format!("they are longer than {LONGEST} bytes")));
    }
    let report = review_check::check(
        host,
        &Call {
            mode,
            cwd: Path::new("."),
            lines: &lines,
            remote: remote.first().and_then(|it| it.to_str()),
            fallback: basis::fallback(),
        },
    )?;
    if report.exit() != Exit::Ok || context.verbosity > 1 {
        let mut text = Vec::new();
        report.write_human(&mut text).or_fail(Exit::Internal, "tell the answer")?;
        // Also with --quiet: a refusal is the result, and git shows no other.
        // Names of references are their authors' text.
        context.tell(0, &plain(&String::from_utf8_lossy(&text)));
    }
    Ok(Told(report))
}

impl Report for Told {
    fn exit(&self) -> Exit {
        self.0.exit()
    }

    fn write_human(&self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn json(&self) -> Value {
        self.0.json()
    }
}
