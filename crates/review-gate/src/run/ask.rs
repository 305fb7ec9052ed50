//! Asks reviewers about every packet, inside one budget.

mod codex;
mod panel;

use std::path::Path;

use llm::{Choice, Money};
use ops_core::failure::{Exit, Failure};
use verdict::answer::Answer;
use verdict::document::{Decision, Gates, Outcome, ReviewerKind, TransientClass, Usage};

use super::Review;
use crate::prompt;

use panel::{Opinion, Panel};

/// A review, who does it, and where its files go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session<'a> {
    pub(super) review: Review<'a>,
    pub(super) kind: ReviewerKind,
    pub(super) home: &'a Path,
}

/// What reviewers said, and who they were.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) answers: Vec<Answer>,
    pub(super) kind: ReviewerKind,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) version: String,
    pub(super) requested: String,
    pub(super) replied: Vec<String>,
    pub(super) endpoint_host: Option<String>,
    pub(super) fallback_used: bool,
    pub(super) transient_class: Option<TransientClass>,
    pub(super) cost_usd: f64,
    pub(super) usage: Usage,
    pub(super) simulated: bool,
    /// Whether nobody was asked because an earlier review has the answers.
    pub(super) cached: bool,
}

impl Asked {
    /// Nobody: the rules block before anything is sent.
    pub(super) fn nobody(session: &Session<'_>) -> Result<Self, Failure> {
        let requested = session.requested()?;
        Ok(Self {
            answers: vec![],
            kind: session.kind,
            provider: requested.provider.name().into(),
            model: session.effective(&requested),
            version: version(),
            requested: requested.model,
            replied: vec![],
            endpoint_host: None,
            fallback_used: false,
            transient_class: None,
            cost_usd: 0.0,
            usage: Usage::default(),
            simulated: false,
            cached: false,
        })
    }

    /// Nobody: for tests.
    pub(super) fn simulated(session: &Session<'_>) -> Result<Self, Failure> {
        let answer = Answer {
            verdict: Decision::Approved,
            summary: "simulated: no reviewer was asked".into(),
            gates: Gates::all(Outcome::NotApplicable),
            blockers: vec![],
            non_blocking: vec![],
        };
        let answers = vec![answer; session.review.looked.packets.len()];
        Ok(Self { answers, simulated: true, ..Self::nobody(session)? })
    }
}

/// What an API review is done by: this program.
fn version() -> String {
    format!("review-gate {}", ops_core::VERSION)
}

impl Session<'_> {
    /// The model that is named for reviews.
    pub(super) fn requested(&self) -> Result<Choice, Failure> {
        self.review.basis.requested(&self.review.context.host)
    }

    /// The model that is asked: its successor after a shutdown.
    pub(super) fn effective(&self, requested: &Choice) -> String {
        let row =
            self.review.basis.setup.models.effective(requested, self.review.context.host.now());
        row.map_or_else(|| requested.model.clone(), |row| row.model.clone())
    }

    /// Asks about every packet: the reviewer, and where llm.json names one the second, whose
    /// blockers count as well and whose failure is the review's.
    pub(super) fn ask(&self) -> Result<Asked, Failure> {
        let Review { context, basis, looked, .. } = self.review;
        if !basis.policy.reviewer_kinds.contains(&self.kind) {
            return Err(Failure::new(Exit::Config, "review with this kind of reviewer").because(
                "reviewerKinds of review.yaml, as of the range's start, does not name it",
            ));
        }
        let mut panel = Panel::of(*self)?;
        let second = basis.setup.settings.second_opinion.as_ref();
        let mut asked = Asked { model: String::new(), ..Asked::nobody(self)? };
        let mut spent = Money::ZERO;
        let mut progress = context.progress("reviewing", looked.packets.len());
        for (number, text) in (1..).zip(&looked.packets) {
            self.say_packet(number);
            let data = self.data(text, number);
            let first = panel.first(&data)?;
            asked.note(&first);
            spent = spent.plus(first.cost);
            let mut answer = first.answer;
            if let Some(second) = second {
                let other = panel.second(&data, second)?;
                asked.count(&other);
                spent = spent.plus(other.cost);
                answer = union(answer, other.answer);
            }
            asked.answers.push(answer);
            progress.step();
        }
        asked.cost_usd = spent.usd();
        Ok(asked)
    }

    fn say_packet(&self, number: usize) {
        let of = self.review.looked.packets.len();
        if of > 1 {
            self.review.context.say(&format!("reviewing packet {number} of {of}"));
        }
    }

    fn data(&self, text: &str, number: usize) -> String {
        let host = &self.review.context.host;
        let fence = prompt::fence(text, || host.random());
        prompt::data(text, number, self.review.looked.packets.len(), &fence)
    }
}

fn unusable(why: String) -> Failure {
    Failure::new(Exit::Unavailable, "use the reviewer's answer").because(why)
}

impl Asked {
    /// Counts an opinion.
    fn count(&mut self, opinion: &Opinion) {
        self.usage.input_tokens += opinion.usage.input;
        self.usage.cached_tokens += opinion.usage.cached;
        self.usage.output_tokens += opinion.usage.output;
        self.usage.calls += 1;
        if let Some(replied) = &opinion.replied
            && !self.replied.contains(replied)
        {
            self.replied.push(replied.clone());
        }
    }

    /// Counts the reviewer's own, and notes who gave it.
    fn note(&mut self, opinion: &Opinion) {
        self.count(opinion);
        if opinion.fallback_for.is_some() || self.model.is_empty() {
            self.provider = opinion.provider.name().into();
            self.model.clone_from(&opinion.model);
            self.version.clone_from(&opinion.version);
            self.endpoint_host = Some(opinion.endpoint_host.clone());
        }
        if opinion.fallback_for.is_some() {
            self.fallback_used = true;
            self.transient_class = opinion.fallback_for;
        }
    }
}

/// Two opinions: what either blocks is blocked.
fn union(mut first: Answer, second: Answer) -> Answer {
    if second.verdict == Decision::Blocked {
        first.verdict = Decision::Blocked;
    }
    first.gates = first.gates.worse(second.gates);
    for (own, other) in
        [(&mut first.blockers, second.blockers), (&mut first.non_blocking, second.non_blocking)]
    {
        let news: Vec<_> = other.into_iter().filter(|it| !own.contains(it)).collect();
        own.extend(news);
    }
    first.summary = format!("{} Second opinion: {}", first.summary.trim(), second.summary.trim());
    first
}

#[cfg(test)]
mod tests {
    use verdict::answer::Proposed;
    use verdict::document::Severity;

    use super::*;

    fn answer(verdict: Decision, titles: &[&str]) -> Answer {
        let blocker = |title: &&str| Proposed {
            file: None,
            line: None,
            gate: None,
            severity: Severity::High,
            title: (*title).to_owned(),
            detail: String::new(),
            suggestion: String::new(),
        };
        Answer {
            verdict,
            summary: "s".into(),
            gates: Gates::all(Outcome::Pass),
            blockers: titles.iter().map(blocker).collect(),
            non_blocking: vec![],
        }
    }

    #[test]
    fn of_two_opinions_every_blocker_and_the_worse_decision_counts() {
        use Decision::{Approved, Blocked};
        for (one, other, decision, titles) in [
            ((Approved, vec![]), (Approved, vec![]), Approved, vec![]),
            ((Approved, vec![]), (Blocked, vec!["b"]), Blocked, vec!["b"]),
            ((Blocked, vec!["a"]), (Approved, vec![]), Blocked, vec!["a"]),
            ((Blocked, vec!["a", "b"]), (Blocked, vec!["b", "c"]), Blocked, vec!["a", "b", "c"]),
        ] {
            let mut second = answer(other.0, &other.1);
            second.gates.lockout_risk = Outcome::Fail;
            let both = union(answer(one.0, &one.1), second);
            assert_eq!(both.verdict, decision);
            let got: Vec<&str> = both.blockers.iter().map(|it| it.title.as_str()).collect();
            assert_eq!(got, titles);
            assert_eq!(both.gates.lockout_risk, Outcome::Fail);
            assert_eq!(both.gates.public_binds, Outcome::Pass);
        }
    }
}
