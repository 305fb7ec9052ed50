//! A verdict for people and for other programs.

mod github;
mod markdown;
mod rdjson;
mod sarif;
mod text;

use std::io::{self, Write};

use crate::document::{Finding, Severity, Source, Verdict, Waived};

/// How a verdict is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// For a terminal, findings beside their lines.
    Text,
    /// The verdict itself.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// reviewdog's rdjson.
    Rdjson,
    /// For a comment on a pull request.
    Markdown,
    /// Commands that GitHub's runner shows beside lines.
    Github,
}

/// A line of the reviewed text, if it can be had: path, number counted from 1.
pub type Lines<'a> = dyn Fn(&str, u32) -> Option<String> + 'a;

/// Writes a verdict. `lines` gives the text that findings are about, where it is known.
///
/// # Errors
/// What the writer says.
pub fn write(
    verdict: &Verdict,
    format: Format,
    lines: &Lines<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::write(verdict, lines, out),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, verdict)?;
            writeln!(out)
        }
        Format::Sarif => sarif::write(verdict, out),
        Format::Rdjson => rdjson::write(verdict, out),
        Format::Markdown => markdown::write(verdict, lines, out),
        Format::Github => github::write(verdict, out),
    }
}

/// Text that neither a terminal nor a reader is fooled by: what is invisible, or moves what stands
/// around it, is shown as an escape. Line ends stay.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for it in text.chars() {
        let is_hidden = matches!(it,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
        if is_hidden || (it.is_control() && it != '\n' && it != '\t') {
            shown.extend(it.escape_unicode());
        } else {
            shown.push(it);
        }
    }
    shown
}

/// The same in one line.
fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How loud a finding is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Level {
    Error,
    Warning,
    Note,
}

/// Every finding with its loudness: what blocks is an error, what is waived a note.
fn leveled(verdict: &Verdict) -> impl Iterator<Item = (&Finding, Level)> {
    let blockers = verdict
        .blockers
        .iter()
        .map(|it| (it, if it.waived.is_some() { Level::Note } else { Level::Error }));
    let rest = verdict.non_blocking.iter().map(|it| {
        let is_loud = it.severity >= Severity::Medium && it.waived.is_none();
        (it, if is_loud { Level::Warning } else { Level::Note })
    });
    blockers.chain(rest)
}

/// What a finding is filed under: the rule's id, the gate, or just a review.
fn rule_id(finding: &Finding) -> String {
    match (&finding.source, finding.gate) {
        (Source::Rule(rule), _) => rule.clone(),
        (Source::Model, Some(gate)) => gate.name().to_owned(),
        (Source::Model, None) => "review".to_owned(),
    }
}

/// Title, detail and suggestion in one text.
fn message(finding: &Finding) -> String {
    let mut parts = vec![finding.title.trim().to_owned()];
    for (lead, part) in [("", &finding.detail), ("Do: ", &finding.suggestion)] {
        if !part.trim().is_empty() {
            parts.push(format!("{lead}{}", part.trim()));
        }
    }
    if let Some(waived) = &finding.waived {
        let Waived { by, expires_at, reason } = waived;
        parts.push(format!("Waived by {by} until {expires_at}: {reason}"));
    }
    plain(&parts.join("\n"))
}

#[cfg(test)]
#[path = "render/tests.rs"]
mod tests;
