//! One round of autoheal: a model proposes a unified diff for what blocks; it is applied strictly,
//! only where that is allowed, tested, and committed file by file. The review that follows starts
//! from scratch: nothing here approves anything.

mod apply;
mod propose;

use std::collections::BTreeSet;

use ops_core::failure::Failure;
use review_gate::commit::File;
use review_rules::GatePaths;
use verdict::document::{Finding, Source, Verdict};

use crate::Ship;
use crate::decide::{Ended, forbidden};
use crate::steps::Said;

/// What was seen in this call: the same again ends it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    verdict: Option<Verdict>,
    blockers: BTreeSet<String>,
    diffs: BTreeSet<String>,
}

impl Memory {
    /// Keeps a verdict that blocks.
    ///
    /// # Errors
    /// Why another round is no use: the same blocks as before.
    pub(crate) fn remember(&mut self, verdict: Verdict) -> Result<(), String> {
        let mut prints: Vec<&str> = open(&verdict).map(|it| it.fingerprint.as_str()).collect();
        prints.sort_unstable();
        let gates: Vec<&str> = verdict.gates.failed().map(verdict::document::Gate::name).collect();
        let all = verdict::sha256(format!("{prints:?}{gates:?}").as_bytes());
        let is_news = self.blockers.insert(all);
        self.verdict = Some(verdict);
        if is_news { Ok(()) } else { Err("the same blocks as before".to_owned()) }
    }
}

/// What blocks and is not waived.
fn open(verdict: &Verdict) -> impl Iterator<Item = &Finding> {
    verdict.blockers.iter().filter(|it| it.waived.is_none())
}

/// Tries once. `left` is how many dollars there are.
pub(crate) fn heal(ship: &Ship<'_>, memory: &mut Memory, left: f64) -> Result<Said, Failure> {
    let Some(verdict) = memory.verdict.take() else {
        return Ok(Said::no("there is no verdict to mend by"));
    };
    let files = match files(ship, &verdict)? {
        Ok(files) => files,
        Err(why) => return Ok(Said::no(why)),
    };
    let blockers: Vec<&Finding> = open(&verdict).collect();
    let diff = match propose::propose(ship, &blockers, &files, left)? {
        Ok(proposed) => proposed,
        Err(why) => return Ok(Said::no(why)),
    };
    if !memory.diffs.insert(verdict::sha256(diff.as_bytes())) {
        return Ok(Said::no("the same diff was proposed before"));
    }
    let changes = match apply::changes(ship, &diff)? {
        Ok(changes) => changes,
        Err(why) => return Ok(Said::no(why)),
    };
    let applied = apply::Applied::apply(ship, &changes)?;
    let tested = ship.tests();
    let unclean = ship.unclean();
    let stop = match (&tested, &unclean) {
        (Ok(tested), _) if tested.ended != Ended::Yes => {
            Some(format!("the tests fail with it: {}", tested.lines.join("; ")))
        }
        (Ok(_), Ok(unclean)) => apply::beyond(&changes, unclean),
        _ => None,
    };
    if tested.is_err() || unclean.is_err() || stop.is_some() {
        applied.take_back()?;
        tested?;
        unclean?;
        return Ok(Said::no(stop.unwrap_or_default()));
    }
    let head = ship.checkout.commit("HEAD")?.unwrap_or_default();
    let titles: Vec<String> = blockers.iter().map(|it| format!("- {}", it.title)).collect();
    let message = format!("ship: mend what the review blocked\n\n{}\n", titles.join("\n"));
    let files: Vec<File> = changes.iter().map(apply::Edit::file).collect();
    let commit = ship.checkout.commit_on(&head, &files, &message)?;
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let line = format!("committed {commit:.12}: {}", paths.join(" "));
    Ok(Said::new(Ended::Yes, vec![line]))
}

/// The files that what blocks is about, as HEAD has them; or why this is not to be mended.
fn files(
    ship: &Ship<'_>,
    verdict: &Verdict,
) -> Result<Result<Vec<(String, String)>, String>, Failure> {
    let mut files: Vec<(String, String)> = Vec::new();
    let gate = GatePaths::new(&ship.basis.policy.gate_paths)?;
    if open(verdict).next().is_none() {
        return Ok(Err("nothing that blocks names a place to mend".to_owned()));
    }
    for finding in open(verdict) {
        if matches!(&finding.source, Source::Rule(rule) if rule.starts_with("secret.")) {
            return Ok(Err("a secret is taken out by a person, and rotated".to_owned()));
        }
        let Some(path) = finding.file.as_ref().filter(|_| finding.anchored) else {
            return Ok(Err(format!("{:?} names no place in the range", finding.title)));
        };
        if let Some(why) = forbidden(path, &ship.settings.heal.paths, &gate) {
            return Ok(Err(format!("{path} may not be mended: {why}")));
        }
        if files.iter().any(|(known, _)| known == path) {
            continue;
        }
        let bytes = ship.checkout.file_at("HEAD", path)?.unwrap_or_default();
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(Err(format!("{path} is no text")));
        };
        if !secret_scan::Rules::shipped().scan_text(Some(path.as_ref()), text.as_bytes()).is_empty()
        {
            return Ok(Err(format!("{path} holds what looks like a secret: it is not sent")));
        }
        files.push((path.clone(), text));
    }
    Ok(Ok(files))
}
