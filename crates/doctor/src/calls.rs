//! What each call does: look, judge, leave what is to be left.

mod host;
mod ports;
mod providers;
mod watch;

use std::collections::BTreeSet;
use std::io::{self, Write};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report;
use serde_json::Value;

use crate::args::{Args, Call, Document, Format, HostArgs};
use crate::decide::{CHECKS, Selection};
use crate::observe;
use crate::policy::Policy;
use crate::render;
use crate::report::Report;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn report::Report>, Failure> {
    let format = if args.common.json { Format::Json } else { args.format };
    if args.call.is_some() && args.host != HostArgs::default() && !is_environment(args, context) {
        return Err(Failure::new(Exit::Usage, "use options before the call")
            .hint("put them after it: doctor host --only ports"));
    }
    match &args.call {
        None => host::run(&args.host, format, context),
        Some(Call::Host(host)) => host::run(host, format, context),
        Some(Call::Facts(facts)) => host::facts(facts, context),
        Some(Call::Ports(ports)) => ports::run(ports, format, context),
        Some(Call::Providers(of)) => providers::run(args, of, format, context),
        Some(Call::Repo(repo)) => crate::repo::run(repo, format, context),
        Some(Call::Schema { of }) => schema(*of),
    }
}

/// Whether the only option before the call came from the environment.
fn is_environment(args: &Args, context: &Context) -> bool {
    let secrets_dir = context.host.env("AIOPS_SECRETS_DIR").map(Into::into);
    args.host == HostArgs { secrets_dir, ..HostArgs::default() }
}

/// The checks that are asked for.
fn selection(only: &[String], skip: &[String]) -> Result<Selection, Failure> {
    let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
    let selection = Selection { only: set(only), skip: set(skip) };
    let strangers = selection.strangers();
    if strangers.is_empty() {
        return Ok(selection);
    }
    let known: Vec<&str> = CHECKS.iter().map(|row| row.id).collect();
    Err(Failure::new(Exit::Usage, format!("find a check named {}", strangers.join(", ")))
        .hint(format!("known: {}", known.join(" "))))
}

fn schema(of: Document) -> Result<Box<dyn report::Report>, Failure> {
    let text = match of {
        Document::Report => include_str!("../../../configs/schemas/doctor.report.schema.json"),
        Document::Facts => observe::FACTS_SCHEMA,
        Document::Policy => <Policy as ops_core::config::Settings>::SCHEMA,
    };
    let value = serde_json::from_str(text).or_fail(Exit::Internal, "read a schema")?;
    Ok(Box::new(Json(value)))
}

/// A document that is the answer, whatever the format.
#[derive(Debug)]
struct Json(Value);

impl report::Report for Json {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &self.0)?;
        writeln!(out)
    }

    fn json(&self) -> Value {
        self.0.clone()
    }
}

/// A report, and how it is written.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) report: Report,
    pub(crate) format: Format,
    /// Whether it could be saved and told where it had to be: if not, the answer is never a yes.
    pub(crate) is_kept: bool,
}

impl report::Report for Shown {
    fn exit(&self) -> Exit {
        let exit = self.report.exit();
        if self.is_kept { exit } else { exit.or(Exit::Unavailable) }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        render::write(&self.report, self.format, out)
    }

    fn json(&self) -> Value {
        serde_json::to_value(&self.report).unwrap_or_default()
    }
}
