//! A verdict on a terminal.

use std::io::{self, Write};

use super::{Lines, one_line, plain};
use crate::document::{Coverage, Finding, Gate, Source, Verdict};

pub(super) fn write(verdict: &Verdict, lines: &Lines<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (range, meta) = (&verdict.range, &verdict.meta);
    writeln!(out, "{} {}..{}", verdict.verdict.word(), range.since_sha, range.to_sha)?;
    let reviewer = &meta.reviewer;
    let fallback = if meta.fallback_used { ", the fallback" } else { "" };
    let by = format!("{} {} {}{fallback}", reviewer.provider, reviewer.model, reviewer.version);
    writeln!(out, "by {}, {}, USD {:.4}", one_line(&by), meta.created_at, meta.cost_usd)?;
    if meta.simulated {
        writeln!(out, "SIMULATED: no reviewer was asked, and no gate takes it")?;
    }
    let gates: Vec<String> = Gate::ALL
        .iter()
        .map(|gate| format!("{} {}", gate.name(), verdict.gates.get(*gate).word()))
        .collect();
    writeln!(out, "gates: {}", gates.join(", "))?;
    write_manifest(verdict, out)?;
    for why in &verdict.because {
        writeln!(out, "because {}", one_line(why))?;
    }
    indent(out, "", &verdict.summary)?;
    for (name, list) in [("blocker", &verdict.blockers), ("note", &verdict.non_blocking)] {
        for it in list {
            writeln!(out)?;
            write_finding(name, it, lines, out)?;
        }
    }
    Ok(())
}

fn write_manifest(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let paths = &verdict.manifest.paths;
    let count =
        |wanted: fn(&Coverage) -> bool| paths.iter().filter(|it| wanted(&it.coverage)).count();
    let reviewed = count(|it| matches!(it, Coverage::Packet(_)));
    let excluded = count(|it| matches!(it, Coverage::Excluded(_)));
    let missing = count(|it| matches!(it, Coverage::Missing(_)));
    let packets = verdict.manifest.packets;
    writeln!(
        out,
        "paths: {reviewed} reviewed in {packets} packets, {excluded} excluded, {missing} missing"
    )?;
    for it in paths {
        if let Coverage::Excluded(why) = &it.coverage {
            let (path, reason) = (one_line(&it.path), one_line(&why.reason));
            writeln!(out, "  {path}: excluded, {reason}; sha256 {}", why.sha256)?;
        }
    }
    Ok(())
}

fn write_finding(
    name: &str,
    it: &Finding,
    lines: &Lines<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let place = match (&it.file, it.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    let name = if it.waived.is_some() { "waived" } else { name };
    let head = format!("{place}{name}, {}: {}", it.severity.word(), it.title);
    writeln!(out, "{}", one_line(&head))?;
    if let (Some(file), Some(line)) = (&it.file, it.line)
        && let Some(text) = lines(file, line)
    {
        writeln!(out, "  {line:>5} | {}", plain(text.trim_end()).replace('\n', " "))?;
    }
    indent(out, "  ", &it.detail)?;
    if !it.suggestion.trim().is_empty() {
        indent(out, "  do: ", &it.suggestion)?;
    }
    let source = match &it.source {
        Source::Model => "the model".to_owned(),
        Source::Rule(rule) => format!("rule {rule}"),
    };
    let gate = it.gate.map(|gate| format!(", gate {}", gate.name())).unwrap_or_default();
    let anchor = if it.anchored { "" } else { ", at no line of the range" };
    writeln!(out, "  ({}{gate}{anchor}; {})", one_line(&source), it.fingerprint)?;
    if let Some(waived) = &it.waived {
        let text = format!("waived by {} until {}: ", waived.by, waived.expires_at);
        writeln!(out, "  {}{}", one_line(&text), format_args!(" {}", one_line(&waived.reason)))?;
    }
    Ok(())
}

fn indent(out: &mut dyn Write, lead: &str, text: &str) -> io::Result<()> {
    let blank = " ".repeat(lead.len());
    for (at, line) in plain(text.trim()).lines().enumerate() {
        writeln!(out, "{}{line}", if at == 0 { lead } else { &blank })?;
    }
    Ok(())
}
