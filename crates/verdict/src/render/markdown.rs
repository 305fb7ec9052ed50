//! Markdown for a comment. What reviewers say comes from hostile text: it stands in code only, where
//! nothing is a link, a mention or HTML.

use std::io::{self, Write};

use super::{Lines, one_line, plain};
use crate::document::{Finding, Gate, Verdict};

pub(super) fn write(verdict: &Verdict, lines: &Lines<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (range, meta) = (&verdict.range, &verdict.meta);
    writeln!(out, "## Review: {}\n", verdict.verdict.word())?;
    writeln!(out, "{} to {}", code(&range.since_sha), code(&range.to_sha))?;
    let reviewer = format!("{} {}", meta.reviewer.provider, meta.reviewer.model);
    writeln!(
        out,
        "by {}, {}, USD {:.4}\n",
        code(&reviewer),
        code(&meta.created_at),
        meta.cost_usd
    )?;
    if meta.simulated {
        writeln!(out, "**Simulated: no reviewer was asked, and no gate takes it.**\n")?;
    }
    for why in &verdict.because {
        writeln!(out, "- {}", code(why))?;
    }
    if !verdict.because.is_empty() {
        writeln!(out)?;
    }
    fence(out, "", &verdict.summary)?;
    writeln!(out, "| gate | |\n|:--|:--|")?;
    for gate in Gate::ALL {
        writeln!(out, "| {} | {} |", gate.name(), verdict.gates.get(gate).word())?;
    }
    for (title, list) in [("Blockers", &verdict.blockers), ("Notes", &verdict.non_blocking)] {
        if !list.is_empty() {
            writeln!(out, "\n### {title}\n")?;
        }
        for it in list {
            write_finding(it, lines, out)?;
        }
    }
    Ok(())
}

fn write_finding(it: &Finding, lines: &Lines<'_>, out: &mut dyn Write) -> io::Result<()> {
    let place = match (&it.file, it.line) {
        (Some(file), Some(line)) => code(&format!("{file}:{line}")),
        (Some(file), None) => code(file),
        (None, _) => "the range".to_owned(),
    };
    let anchor = if it.anchored { "" } else { ", at no line of the range" };
    writeln!(out, "- {place} ({}{anchor}): {}", it.severity.word(), code(&it.title))?;
    if let (Some(file), Some(line)) = (&it.file, it.line)
        && let Some(text) = lines(file, line)
    {
        fence(out, "  ", &text)?;
    }
    fence(out, "  ", &it.detail)?;
    if !it.suggestion.trim().is_empty() {
        writeln!(out, "  Instead:")?;
        fence(out, "  ", &it.suggestion)?;
    }
    if let Some(waived) = &it.waived {
        let (by, reason) = (code(&waived.by), code(&waived.reason));
        writeln!(out, "  Waived by {by} until {}: {reason}", code(&waived.expires_at))?;
    }
    Ok(())
}

/// An inline code span that its text cannot end.
fn code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    format!("{ticks} {text} {ticks}")
}

/// A fenced block that its text cannot end.
fn fence(out: &mut dyn Write, indent: &str, text: &str) -> io::Result<()> {
    let text = plain(text.trim_end());
    if text.trim().is_empty() {
        return Ok(());
    }
    let ticks = "`".repeat((longest_run(&text) + 1).max(3));
    writeln!(out, "{indent}{ticks}text")?;
    for line in text.lines() {
        writeln!(out, "{indent}{line}")?;
    }
    writeln!(out, "{indent}{ticks}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|it| it != '`').map(str::len).max().unwrap_or(0)
}
