//! Asks reviewers about every packet, inside one budget.

use std::path::Path;
use std::time::Duration;

use llm::question::Instructions;
use llm::{AnswerSchema, Choice, Money, Provider, Purpose, Question, ReviewRun, Router};
use ops_core::failure::{Exit, Failure};
use verdict::answer::{ANSWER_SCHEMA, Answer};
use verdict::document::{Decision, Gates, Outcome, ReviewerKind, TransientClass, Usage};

use super::Review;
use crate::prompt;
use crate::reviewer::codex::{Ask, Codex};
use crate::signing;

/// How long codex may take for a packet.
const CODEX_DEADLINE: Duration = Duration::from_mins(10);

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

    /// Asks about every packet.
    pub(super) fn ask(&self) -> Result<Asked, Failure> {
        let policy = &self.review.basis.policy;
        if !policy.reviewer_kinds.contains(&self.kind) {
            return Err(Failure::new(Exit::Config, "review with this kind of reviewer").because(
                "reviewerKinds of review.yaml, as of the range's start, does not name it",
            ));
        }
        self.review.basis.must_count(self.requested()?.provider)?;
        match self.kind {
            ReviewerKind::Api => self.ask_api(),
            ReviewerKind::CodexCli => self.ask_codex(),
        }
    }

    fn ask_api(&self) -> Result<Asked, Failure> {
        let Review { context, basis, looked, .. } = self.review;
        let mut router = Router::new(context, basis.setup.clone(), None)?;
        let run = ReviewRun::new(&context.host);
        let schema = AnswerSchema { name: "review".into(), text: ANSWER_SCHEMA.into() };
        let mut asked = Asked { model: String::new(), ..Asked::nobody(self)? };
        let mut spent = Money::ZERO;
        let second = basis.setup.settings.second_opinion.as_ref();
        let mut progress = context.progress("reviewing", looked.packets.len());
        for (number, text) in (1..).zip(&looked.packets) {
            self.say_packet(number);
            let data = self.data(text, number);
            let mut answer = None;
            for model in std::iter::once(None).chain(second.map(Some)) {
                let question = Question {
                    purpose: Purpose::Review,
                    system: Instructions { first: basis.prompt.first(), last: basis.prompt.last() },
                    user: &data,
                    image: None,
                    schema: Some(&schema),
                    max_output_tokens: None,
                    temperature: None,
                    review: Some(&run),
                    model,
                    artifact_dir: self.home,
                };
                let said = router.ask(&question)?;
                spent = spent.plus(said.spent);
                for warning in &said.warnings {
                    context.say(warning);
                }
                let one = Answer::read(said.text.as_bytes()).map_err(unusable)?;
                basis.must_count(said.provider)?;
                asked.note(&said, model.is_some())?;
                answer = Some(match answer {
                    None => one,
                    Some(first) => union(first, one),
                });
            }
            asked.answers.extend(answer);
            progress.step();
        }
        asked.cost_usd = spent.usd();
        Ok(asked)
    }

    fn ask_codex(&self) -> Result<Asked, Failure> {
        let Review { context, basis, looked, .. } = self.review;
        let requested = self.requested()?;
        let codex = Codex::find(context)?;
        let name = Provider::Openai.secret().unwrap_or_default();
        let key = signing::secret(context, name)?.ok_or_else(|| {
            Failure::new(Exit::NotPermitted, format!("review: the secret {name} is nowhere"))
                .hint(format!("key set {name} stores one (it reads standard input)"))
        })?;
        let model = Choice { model: self.effective(&requested), ..requested.clone() };
        let mut asked = Asked { version: codex.version.clone(), ..Asked::nobody(self)? };
        let settings = &basis.setup.settings;
        let price = llm::price::of(
            &basis.setup.models,
            &settings.budget.pricing,
            model.provider,
            &model.model,
        );
        let price = price.ok_or_else(|| {
            Failure::new(Exit::No, format!("review with {}: its price is not known", model.model))
                .hint("name it in configs/models.json, or as pricing in configs/llm.json")
        })?;
        let mut left = settings.budget.per_review();
        let mut spent = Money::ZERO;
        for (number, text) in (1..).zip(&looked.packets) {
            self.say_packet(number);
            let whole = basis.prompt.whole(&self.data(text, number));
            // Codex adds instructions of its own, and its answer has no cap that could be set.
            let most = price.at_most(whole.len() as u64 + 20_000, 16_000);
            if most > left {
                return Err(Failure::new(Exit::No, format!("review packet {number} with codex"))
                    .because(format!(
                        "it could cost ${:.4}, and ${:.4} of maxUsdPerReview is left",
                        most.usd(),
                        left.usd()
                    )));
            }
            let (text, usage) = codex.ask(&Ask {
                prompt: &whole,
                schema: ANSWER_SCHEMA,
                model: &model,
                api_base: settings.api_base(model.provider),
                key: &key,
                deadline: CODEX_DEADLINE,
            })?;
            let cost = price.actual(usage);
            left = left.less(cost);
            spent = spent.plus(cost);
            asked.usage.input_tokens += usage.input;
            asked.usage.cached_tokens += usage.cached;
            asked.usage.output_tokens += usage.output;
            asked.usage.calls += 1;
            asked.answers.push(Answer::read(text.as_bytes()).map_err(unusable)?);
        }
        asked.endpoint_host = Some(basis.endpoint_host(model.provider));
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
    /// Notes who answered.
    fn note(&mut self, said: &llm::Answer, is_second: bool) -> Result<(), Failure> {
        self.usage.input_tokens += said.usage.input;
        self.usage.cached_tokens += said.usage.cached;
        self.usage.output_tokens += said.usage.output;
        self.usage.calls += 1;
        if !self.replied.contains(&said.model_replied) {
            self.replied.push(said.model_replied.clone());
        }
        if is_second {
            return Ok(());
        }
        if said.fallback_used || self.model.is_empty() {
            self.provider = said.provider.name().into();
            self.model.clone_from(&said.model_effective);
            self.endpoint_host = Some(said.endpoint_host.clone());
        }
        if said.fallback_used {
            self.fallback_used = true;
            self.transient_class = Some(match said.transient_class {
                Some("transient_quota") => TransientClass::TransientQuota,
                Some("transient_server") => TransientClass::TransientServer,
                Some("transient_network") => TransientClass::TransientNetwork,
                other => {
                    let why = format!("the fallback answered for no known reason ({other:?})");
                    return Err(unusable(why));
                }
            });
        }
        Ok(())
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
