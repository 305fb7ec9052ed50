//! Asks reviewers about every packet, inside one budget.

mod codex;
mod panel;

use std::path::Path;

use llm::{Choice, Money};
use ops_core::failure::{Exit, Failure};
use ssh_key::PrivateKey;
use verdict::answer::Answer;
use verdict::cache::Key;
use verdict::document::{Decision, Gates, Outcome, ReviewerKind, TransientClass, Usage};

use super::Review;
use super::memory::Memory;
use crate::prompt;

pub(super) use panel::Opinion;
use panel::Panel;

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
    pub(super) cost: Money,
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
            cost: Money::ZERO,
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

    /// What everybody says about every packet: the reviewer, and where llm.json names one the
    /// second, whose blockers count as well and whose failure is the review's. Who said it before,
    /// about the same and under the same rules, is not asked; each new answer is kept at once.
    pub(super) fn answers(&self, own: Option<&PrivateKey>) -> Result<Asked, Failure> {
        let Review { context, basis, .. } = self.review;
        if !basis.policy.reviewer_kinds.contains(&self.kind) {
            return Err(Failure::new(Exit::Config, "review with this kind of reviewer").because(
                "reviewerKinds of review.yaml, as of the range's start, does not name it",
            ));
        }
        let memory = own.map(|own| Memory { review: self.review, own });
        let mut pieces = self.pieces(memory.as_ref())?;
        let kept = pieces.iter().filter_map(|it| it.opinion.as_ref());
        let (kept, earlier) =
            kept.fold((0, Money::ZERO), |(count, sum), it| (count + 1, sum.plus(it.cost())));
        let is_cached = kept == pieces.len();
        if !is_cached {
            if kept > 0 {
                context.say(&format!("{kept} of {} answers are there already", pieces.len()));
            }
            if let Some(memory) = &memory {
                memory.must_be_writable()?;
            }
            let mut panel = Panel::of(*self, earlier)?;
            let mut progress = context.progress("reviewing", pieces.len());
            for piece in &mut pieces {
                if piece.opinion.is_none() {
                    let number = piece.key.packet.0;
                    self.say_packet(number);
                    let opinion = panel.ask(&self.data(piece.text, number), piece.second)?;
                    if let Some(memory) = &memory {
                        memory.keep(&piece.key, &opinion)?;
                    }
                    piece.opinion = Some(opinion);
                }
                progress.step();
            }
        }
        let nobody = Asked { cached: is_cached, model: String::new(), ..Asked::nobody(self)? };
        Ok(pieces.into_iter().fold(nobody, Asked::with))
    }

    /// Who is to say something about what, and what they said before.
    fn pieces(&self, memory: Option<&Memory<'_>>) -> Result<Vec<Piece<'_>>, Failure> {
        let Review { basis, looked, .. } = self.review;
        let requested = self.requested()?;
        let second = basis.setup.settings.second_opinion.as_ref();
        let packets = looked.packets.len();
        let mut pieces = Vec::new();
        for (number, text) in (1..).zip(&looked.packets) {
            for second in std::iter::once(None).chain(second.map(Some)) {
                let choice = second.unwrap_or(&requested);
                let key = Key {
                    bundle_sha256: looked.manifest.bundle_sha256.clone(),
                    rules: basis.digests.clone(),
                    packet: (number, packets),
                    packet_sha256: verdict::sha256(text.as_bytes()),
                    is_second: second.is_some(),
                    kind: if second.is_some() { ReviewerKind::Api } else { self.kind },
                    provider: choice.provider.name().into(),
                    model: self.effective(choice),
                };
                let opinion = memory.and_then(|memory| memory.find(&key));
                pieces.push(Piece { key, text, second, opinion });
            }
        }
        Ok(pieces)
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

/// One reviewer's opinion about one packet, where it is there.
#[derive(Debug)]
struct Piece<'a> {
    key: Key,
    text: &'a str,
    /// Whose second opinion it is.
    second: Option<&'a Choice>,
    opinion: Option<Opinion>,
}

impl Asked {
    /// The same with one opinion more; a second one comes after the first about its packet.
    fn with(mut self, piece: Piece<'_>) -> Self {
        let Some(opinion) = piece.opinion else { return self };
        self.cost = self.cost.plus(opinion.cost());
        let (all, one) = (self.usage, opinion.usage);
        self.usage = Usage {
            input_tokens: all.input_tokens.saturating_add(one.input_tokens),
            cached_tokens: all.cached_tokens.saturating_add(one.cached_tokens),
            output_tokens: all.output_tokens.saturating_add(one.output_tokens),
            calls: all.calls.saturating_add(one.calls),
        };
        let replied = opinion.replied.filter(|it| !self.replied.contains(it));
        self.replied.extend(replied);
        if piece.second.is_some() {
            let first = self.answers.pop();
            self.answers.extend(first.map(|first| union(first, opinion.answer)));
            return self;
        }
        self.answers.push(opinion.answer);
        if opinion.fallback_for.is_some() || self.model.is_empty() {
            self.provider = opinion.provider.name().into();
            self.model = opinion.model;
            self.version = opinion.version;
            self.endpoint_host = Some(opinion.endpoint_host);
        }
        if opinion.fallback_for.is_some() {
            self.fallback_used = true;
            self.transient_class = opinion.fallback_for;
        }
        self
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
