//! The jobs that are ours. They run inside the sandbox, like any other.

pub(crate) mod log_audit;
pub(crate) mod review_bundle;

use std::io::{self, Write};
use std::path::PathBuf;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use serde_json::Value;

/// What such a job says: one line, for its log.
#[derive(Debug)]
pub(crate) struct Said(pub(crate) String);

impl Report for Said {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0)
    }

    fn json(&self) -> Value {
        Value::from(self.0.as_str())
    }
}

/// The one folder that a job may write.
fn artifacts(context: &Context) -> Result<PathBuf, Failure> {
    context.host.env("ARTIFACT_DIR").map(PathBuf::from).ok_or_else(|| {
        Failure::new(Exit::Usage, "find ARTIFACT_DIR")
            .hint("this call is for the sandbox: orb-wrap run")
    })
}

/// A parameter, as text.
fn param<'a>(context: &'a Context, name: &str) -> Option<&'a str> {
    context.host.env(name).and_then(|it| it.to_str())
}
