//! `show`: a kept verdict, with what is to be thought of its signature; `--export` for stock tools.

use std::io::{self, Write};
use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use review_bundle::Repository;
use serde_json::{Value, json};
use verdict::document::Verdict;
use verdict::export;
use verdict::in_force::InForce;
use verdict::objects::Objects;
use verdict::render::{self, Format as Rendered};

use crate::args::{Format, ShowArgs};
use crate::documents::Outcome;
use crate::{approval, basis};

/// A verdict to be shown.
#[derive(Debug)]
pub struct Shown {
    verdict: Verdict,
    format: Format,
    /// Who vouches for it, or why it does not count.
    standing: Result<String, Vec<String>>,
    exported: Vec<String>,
    /// The text of each reviewed file that a finding names, in lines.
    texts: Vec<(String, Vec<String>)>,
}

/// Finds the verdict of a commit; of several the one asked for, else the newest.
///
/// # Errors
/// Exit 69 when the repository cannot be read.
pub fn show(
    context: &Context,
    args: &ShowArgs,
    folder: &Path,
) -> Result<Result<Shown, Outcome>, Failure> {
    let host = &context.host;
    let repository = Repository::discover(folder)?;
    let asked = repository.commit(&args.commit)?;
    let mut kept = approval::kept(host, &repository, asked)?;
    if kept.is_empty()
        && let Some(approved) = approval::advanced(&repository, asked)?
    {
        kept = approval::kept(host, &repository, approved)?;
    }
    if let Some(since) = &args.since {
        let since = repository.commit(since)?.to_string();
        kept.retain(|it| it.range().since_sha == since);
    }
    kept.sort_by(|a, b| a.verdict().meta.created_at.cmp(&b.verdict().meta.created_at));
    let Some(signed) = kept.pop() else {
        return Ok(Err(Outcome::of("show")
            .but(format!("there is no verdict about {asked}"))
            .then("review-gate run, or fetch others': git fetch <remote> refs/notes/aiops-verdicts:refs/notes/aiops-verdicts")));
    };
    let range = repository.range(&signed.range().since_sha, &signed.range().to_sha)?;
    let standing = approval::judged(host, &repository, &range, &signed)?;
    let mut exported = Vec::new();
    if let Some(folder) = &args.export {
        let in_force =
            InForce::at(host, &Objects::of(repository.git()), range.since, &basis::fallback())?;
        let files = export::export(host, folder, signed.envelope(), &in_force.signers)?;
        exported.extend(files.iter().map(|file| file.display().to_string()));
    }
    let verdict = signed.verdict().clone();
    let texts = texts(&repository, &verdict)?;
    Ok(Ok(Shown { verdict, format: args.format, standing, exported, texts }))
}

fn texts(
    repository: &Repository,
    verdict: &Verdict,
) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    let to = repository.commit(&verdict.range.to_sha)?;
    for file in verdict.findings().filter_map(|it| it.file.as_ref()) {
        if texts.iter().any(|(name, _)| name == file) {
            continue;
        }
        // Names that are not in the commit (escaped ones, made up ones) have no lines to show.
        let bytes = repository.file_at(to, file).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        texts.push((file.clone(), text.lines().map(str::to_owned).collect()));
    }
    Ok(texts)
}

impl Report for Shown {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let lines = |file: &str, line: u32| {
            let (_, text) = self.texts.iter().find(|(name, _)| name == file)?;
            text.get(usize::try_from(line).ok()?.checked_sub(1)?).cloned()
        };
        let format = match self.format {
            Format::Text => Rendered::Text,
            Format::Json => Rendered::Json,
            Format::Sarif => Rendered::Sarif,
            Format::Rdjson => Rendered::Rdjson,
            Format::Markdown => Rendered::Markdown,
            Format::Github => Rendered::Github,
        };
        render::write(&self.verdict, format, &lines, out)?;
        if self.format != Format::Text {
            return Ok(());
        }
        match &self.standing {
            Ok(who) => writeln!(out, "it counts: signed by {who}")?,
            Err(reasons) => {
                for why in reasons {
                    writeln!(out, "it does not count: {why}")?;
                }
            }
        }
        for file in &self.exported {
            writeln!(out, "wrote {file}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self.verdict)
    }
}
