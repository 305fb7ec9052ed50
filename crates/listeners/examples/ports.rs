//! Times the port audit on this machine: `ports [nobody|strangers|everybody]`.
//!
//! Prints one JSON line: what was seen, and how many milliseconds reading and judging took. It
//! stands in for `doctor ports` where only this crate is to be measured (ops/bench/rows/ports.py).
#![expect(clippy::print_stdout, reason = "an example that prints its one line")]

use std::process::ExitCode;

use listeners::{Ask, Context, Policy, audit, observe};
use ops_core::host::Host;
use serde_json::json;

fn main() -> ExitCode {
    let host = Host::real();
    let ask = match host.argv().get(1).map(String::as_str) {
        Some("everybody") => Ask::Everybody,
        Some("strangers") => Ask::Strangers,
        None | Some("nobody") => Ask::Nobody,
        Some(_) => return ExitCode::from(2),
    };
    let start = host.ticks();
    let seen = observe(&host, ask);
    let read = host.ticks();
    let audit =
        audit(seen.as_ref().map_err(String::as_str), &Policy::default(), &Context::default());
    let judged = host.ticks();
    let line = json!({
        "sockets": audit.judged.len(),
        "source": seen.as_ref().ok().map(|it| it.source),
        "verdict": audit.verdict,
        "summary": audit.summary,
        "read_ms": (read.saturating_sub(start)).as_secs_f64() * 1000.0,
        "judge_ms": (judged.saturating_sub(read)).as_secs_f64() * 1000.0,
    });
    println!("{line}");
    ExitCode::SUCCESS
}
