//! `doctor ports`: the port audit alone, of this host or of captured text.

use std::path::Path;

use host_facts::{Facts, Seen, collect};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::Failure;
use ops_core::{report, time};

use super::Shown;
use crate::args::{Format, PortsArgs};
use crate::decide::{Selection, judge};
use crate::observe;
use crate::policy::Policy;
use crate::report::Report;

/// How much captured text is read, bytes.
const LARGEST: u64 = 256 << 20;

pub(super) fn run(
    args: &PortsArgs,
    format: Format,
    context: &Context,
) -> Result<Box<dyn report::Report>, Failure> {
    let mut policy: Policy = config::load(&context.host, &context.configs)?;
    // Whoever asks for this one check has something to look at.
    policy.not_installed.remove("ports");
    let selection = Selection { only: ["ports".to_owned()].into(), ..Selection::default() };
    let facts = match &args.ss {
        Some(path) => captured(context, path)?,
        None => collect(&context.host, &observe::wanted(context, &policy, &selection, None)),
    };
    let report = judge(&facts, &policy, &selection, context.host.now());
    let checks = report.checks.into_iter().filter(|it| it.id == "ports").collect();
    let Report { host, started_at, duration_ms, flags, .. } = report;
    let report = Report::new(host, started_at, duration_ms, flags, checks);
    Ok(Box::new(Shown { report, format, is_kept: true }))
}

/// Facts of which only the sockets are known, from what `ss` printed. Text that cannot be read, or
/// holds no socket, is unknown.
fn captured(context: &Context, path: &Path) -> Result<Facts, Failure> {
    let text = observe::read(context, path, LARGEST)?;
    let host = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let mut facts = Facts::nothing(host, time::rfc3339(context.host.now()));
    facts.uid = context.host.user();
    facts.sockets = Seen::from(listeners::parse_ss(&text));
    Ok(facts)
}
