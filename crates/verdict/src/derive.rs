//! The verdict, computed from what reviewers and rules found. Pure.

use std::collections::BTreeSet;

use ops_core::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::answer::{Answer, Proposed, RuleFinding};
use crate::document::{
    Coverage, Decision, Finding, Gates, Manifest, Meta, Outcome, Path, Range, Schema, Source,
    Verdict, Waived,
};
use crate::policy::Policy;
use crate::waivable::Answered;
use crate::waiver::Granted;

/// A changed path as the bundle has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// The path as text, and where it went.
    pub path: Path,
    /// First and last line of each hunk, of the new text and of the old one; none for what has no
    /// lines (a mode, a link, a binary).
    pub hunks: Vec<(u32, u32)>,
}

/// Everything a verdict is derived from.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// What was reviewed.
    pub range: Range,
    /// One answer for each packet, in their order.
    pub answers: &'a [Answer],
    /// What the rules found.
    pub rules: &'a [RuleFinding],
    /// Every changed path of the range.
    pub changed: &'a [Changed],
    /// The policy in force at `since_sha`.
    pub policy: &'a Policy,
    /// Waivers whose signatures were found good.
    pub waivers: &'a [Granted],
    /// When it is derived; waivers that ended before count for nothing.
    pub now: Timestamp,
    /// How the review came about.
    pub meta: Meta,
}

/// What a waiver names a finding by: SHA-256 over who found it, file, line, gate and title, 64 hex
/// digits. The detail is left out, so that another wording of the same is the same finding; where two
/// findings of one verdict have it, no waiver answers either ([`crate::waivable`]).
pub fn fingerprint(source: &Source, finding: &Proposed) -> String {
    let (kind, rule) = match source {
        Source::Model => ("model", ""),
        Source::Rule(rule) => ("rule", rule.as_str()),
    };
    let line = finding.line.map(|line| line.to_string()).unwrap_or_default();
    let gate = finding.gate.map_or("", crate::document::Gate::name);
    let file = finding.file.as_deref().unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [kind, rule, file, &line, gate, &finding.title] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    crate::hex(&hash.finalize())
}

/// Derives the verdict. A failed gate, a blocker that nobody waived, an answer that says BLOCKED or
/// a path that was not reviewed make it BLOCKED, whatever else was said.
pub fn derive(inputs: Inputs<'_>) -> Verdict {
    let (mut blockers, mut non_blocking) = (Vec::new(), Vec::new());
    let mut refusals = Vec::new();
    let Inputs { waivers, answers, rules, .. } = inputs;
    let answered = Answered::new(waivers, &inputs.range.to_sha, inputs.now, answers, rules);
    let finding = |source, it: &Proposed| finding(inputs.changed, &answered, source, it);
    for (at, answer) in inputs.answers.iter().enumerate() {
        let own: Vec<Finding> =
            answer.blockers.iter().map(|it| finding(Source::Model, it)).collect();
        // A reviewer that blocks for nothing but what was waived has been answered.
        let is_answered = !own.is_empty() && own.iter().all(|it| it.waived.is_some());
        if answer.verdict == Decision::Blocked && !is_answered {
            refusals.push(format!("the reviewer blocks packet {}", at + 1));
        }
        blockers.extend(own);
        let rest = answer.non_blocking.iter();
        non_blocking.extend(rest.map(|it| finding(Source::Model, it)));
    }
    for found in inputs.rules {
        let list = if found.blocks { &mut blockers } else { &mut non_blocking };
        list.push(finding(Source::Rule(found.rule.clone()), &found.finding));
    }
    let gates = inputs.answers.iter().map(|it| it.gates).reduce(Gates::worse);
    let gates = gates.unwrap_or_else(|| Gates::all(Outcome::NotApplicable));
    let packets = u32::try_from(inputs.answers.len()).unwrap_or(u32::MAX);
    let holes = holes(inputs.changed, packets, inputs.policy);
    let mut because = holes.clone();
    because.extend(refusals);
    because.extend(objections(gates, &blockers));
    let summary: Vec<&str> = inputs.answers.iter().map(|it| it.summary.trim()).collect();
    Verdict {
        schema: Schema::V1,
        verdict: if because.is_empty() { Decision::Approved } else { Decision::Blocked },
        summary: summary.join("\n"),
        because,
        gates,
        blockers,
        non_blocking,
        range: inputs.range,
        bundle_sha256: inputs.meta.digests.bundle.clone(),
        manifest: Manifest {
            complete: holes.is_empty(),
            packets,
            paths: inputs.changed.iter().map(|it| it.path.clone()).collect(),
        },
        meta: inputs.meta,
    }
}

impl Verdict {
    /// Why its own content forbids to call it APPROVED, whoever signed it: a sentence each.
    pub fn objections(&self) -> Vec<String> {
        let mut all = objections(self.gates, &self.blockers);
        let waived = self.blockers.iter().filter(|it| it.waived.is_some());
        all.extend(waived.filter_map(|it| {
            let why = self.unwaivable(it)?;
            Some(format!("blocker: {}, which cannot be waived: {why}", place(it, &it.title)))
        }));
        let mut seen = BTreeSet::new();
        for it in &self.manifest.paths {
            all.extend(hole(it, self.manifest.packets));
            if !seen.insert(&it.path) {
                all.push(format!("{:?} is in the manifest twice", it.path));
            }
        }
        if !self.manifest.complete || self.manifest.packets == 0 {
            all.push("the manifest is incomplete".to_owned());
        }
        all
    }
}

fn objections(gates: Gates, blockers: &[Finding]) -> Vec<String> {
    let failed = gates.failed().map(|gate| format!("the gate {} failed", gate.name()));
    let open = blockers.iter().filter(|it| it.waived.is_none());
    let open = open.map(|it| format!("blocker: {}", place(it, &it.title)));
    failed.chain(open).collect()
}

fn place(finding: &Finding, text: &str) -> String {
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: {text}"),
        (Some(file), None) => format!("{file}: {text}"),
        (None, _) => text.to_owned(),
    }
}

/// What of the range nobody reviewed.
fn holes(changed: &[Changed], packets: u32, policy: &Policy) -> Vec<String> {
    let mut all = Vec::new();
    if packets == 0 {
        all.push("nothing was reviewed".to_owned());
    }
    let mut seen = BTreeSet::new();
    for it in changed {
        let path = &it.path.path;
        if !seen.insert(path) {
            all.push(format!("{path:?} is in the manifest twice"));
        }
        all.extend(hole(&it.path, packets));
        if let Coverage::Excluded(given) = &it.path.coverage
            && policy.exclusion(path).is_none_or(|rule| {
                (rule.glob.as_str(), rule.reason.as_str()) != (&*given.glob, &*given.reason)
            })
        {
            all.push(format!("{path:?} was left out, and no policy in force says so"));
        }
    }
    all
}

fn hole(it: &Path, packets: u32) -> Option<String> {
    let path = &it.path;
    match &it.coverage {
        Coverage::Packet(number) if (1..=packets).contains(number) => None,
        Coverage::Packet(number) => Some(format!("{path:?} is in packet {number}, unreviewed")),
        Coverage::Excluded(_) => None,
        Coverage::Missing(why) => Some(format!("{path:?} was not reviewed: {why}")),
    }
}

fn finding(changed: &[Changed], answered: &Answered<'_>, source: Source, it: &Proposed) -> Finding {
    let waived = answered.by(&source, it);
    Finding {
        file: it.file.clone().filter(|file| !file.is_empty()),
        line: it.line.filter(|line| *line > 0),
        gate: it.gate,
        severity: it.severity,
        title: it.title.clone(),
        detail: it.detail.clone(),
        suggestion: it.suggestion.clone(),
        anchored: is_anchored(changed, it),
        fingerprint: fingerprint(&source, it),
        waived: waived.map(|granted| Waived {
            by: granted.by.clone(),
            reason: granted.reason.clone(),
            expires_at: ops_core::time::rfc3339_seconds(granted.expires_at),
        }),
        source,
    }
}

/// Whether a finding names a path of the manifest and a line of one of its hunks; for a path without
/// lines the path is enough.
fn is_anchored(changed: &[Changed], it: &Proposed) -> bool {
    let found = changed.iter().find(|changed| Some(&changed.path.path) == it.file.as_ref());
    match (found.map(|it| it.hunks.as_slice()), it.line) {
        (Some([]), _) => true,
        (Some(hunks), Some(line)) => {
            hunks.iter().any(|(first, last)| (*first..=*last).contains(&line))
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "derive_tests.rs"]
mod tests;
