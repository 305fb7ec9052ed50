//! Which findings a waiver answers: those that its fingerprint names, and nothing else has.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::time::Timestamp;

use crate::answer::{Answer, Proposed, RuleFinding};
use crate::derive::fingerprint;
use crate::document::{Finding, Source, Verdict};
use crate::waiver::Granted;

/// How the id of a rule ends whose finding stands for more than it shows. Nobody can say of what he
/// was not shown that it is borne, so no waiver answers it.
pub const REST: &str = ".more";

/// What waivers say about the findings of one review.
#[derive(Debug)]
pub struct Answered<'a> {
    waivers: Vec<&'a Granted>,
    shared: BTreeSet<String>,
}

impl<'a> Answered<'a> {
    /// Takes the waivers of a commit that have not ended, and everything that was found in it.
    pub fn new(
        waivers: &'a [Granted],
        to_sha: &str,
        now: Timestamp,
        answers: &[Answer],
        rules: &[RuleFinding],
    ) -> Self {
        let said = answers.iter().flat_map(|it| it.blockers.iter().chain(&it.non_blocking));
        let said = said.map(|it| (Source::Model, it));
        let told = rules.iter().map(|it| (Source::Rule(it.rule.clone()), &it.finding));
        let all = said.chain(told);
        let shared = shared(all.map(|(source, it)| (fingerprint(&source, it), source, it)));
        let counts = |it: &&Granted| it.to_sha == to_sha && now < it.expires_at;
        Self { waivers: waivers.iter().filter(counts).collect(), shared }
    }

    /// The waiver that answers a finding.
    pub fn by(&self, source: &Source, finding: &Proposed) -> Option<&'a Granted> {
        let print = fingerprint(source, finding);
        if is_rest(source) || self.shared.contains(&print) {
            return None;
        }
        self.waivers.iter().find(|it| it.fingerprint == print).copied()
    }
}

impl Verdict {
    /// Why no waiver answers a finding of this verdict; `None` where one does.
    pub fn unwaivable(&self, finding: &Finding) -> Option<&'static str> {
        if is_rest(&finding.source) {
            return Some("it stands for more findings than are shown");
        }
        let all = self.findings().filter(|it| it.fingerprint == finding.fingerprint);
        let shared = shared(all.map(|it| (it.fingerprint.clone(), it.source.clone(), it)));
        (!shared.is_empty()).then_some("two different findings have this fingerprint")
    }
}

fn is_rest(source: &Source) -> bool {
    matches!(source, Source::Rule(id) if id.ends_with(REST))
}

/// The fingerprints that two different findings have. Two packets, or two reviewers, may say the
/// same of one line; a rule tells nothing twice, so what looks the same there is not.
fn shared<'t, T: PartialEq + 't>(
    all: impl Iterator<Item = (String, Source, &'t T)>,
) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, &T> = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for (print, source, it) in all {
        let is_other = |old: &&T| source != Source::Model || *old != it;
        if seen.get(&print).is_some_and(is_other) {
            shared.insert(print.clone());
        }
        seen.entry(print).or_insert(it);
    }
    shared
}
