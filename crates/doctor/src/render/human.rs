//! For people: a line for each check, then what to do about those that do not pass.

use std::io::{self, Write};

use crate::report::{Check, Report, Status};

/// How wide it may become, columns.
const WIDTH: usize = 80;

/// How many findings of one check are listed; JSON has them all.
const MOST_FINDINGS: usize = 12;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let id_width = report.checks.iter().map(|it| it.id.chars().count()).max().unwrap_or(0);
    for check in &report.checks {
        let line = format!("{:<8}{:<id_width$}  {}", word(check.status), check.id, check.summary);
        writeln!(out, "{}", cut(&line))?;
    }
    for check in report.checks.iter().filter(|it| it.status > Status::Skip) {
        section(check, out)?;
    }
    let counts = report.counts;
    writeln!(out)?;
    writeln!(
        out,
        "{} on {}: {} pass, {} skip, {} warn, {} unknown, {} fail",
        word(report.status),
        report.host,
        counts.pass,
        counts.skip,
        counts.warn,
        counts.unknown,
        counts.fail,
    )?;
    if report.flags.is_empty() {
        Ok(())
    } else {
        writeln!(out, "flags: {}", report.flags.join(" "))
    }
}

/// What must be seen at once is in capitals.
fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Skip => "skip",
        Status::Warn => "warn",
        Status::Unknown => "UNKNOWN",
        Status::Fail => "FAIL",
    }
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.trim_end().to_owned();
    }
    let start: String = line.chars().take(WIDTH - 1).collect();
    format!("{}…", start.trim_end())
}

fn section(check: &Check, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    let head = format!("{} {}: {}", word(check.status), check.id, check.title);
    wrapped(&head, "", "  ", out)?;
    let is_finding =
        |it: &&String| ["fail ", "unknown ", "warn "].iter().any(|start| it.starts_with(start));
    let findings: Vec<&String> = check.details.iter().filter(is_finding).collect();
    for finding in findings.iter().take(MOST_FINDINGS) {
        wrapped(finding, "  ", "       ", out)?;
    }
    if findings.len() > MOST_FINDINGS {
        writeln!(out, "  … and {} more (--json lists all)", findings.len() - MOST_FINDINGS)?;
    }
    if !check.remediation.is_empty() {
        wrapped(&check.remediation, "  do:  ", "       ", out)?;
    }
    Ok(())
}

fn wrapped(text: &str, first: &str, rest: &str, out: &mut dyn Write) -> io::Result<()> {
    let options = textwrap::Options::new(WIDTH).initial_indent(first).subsequent_indent(rest);
    textwrap::wrap(text, options).iter().try_for_each(|line| writeln!(out, "{line}"))
}
