//! Who gives an opinion on a packet: a model that the router asks, or codex, and a second beside
//! either. Whether each of them may be asked is settled before the first packet is sent.

use llm::question::Instructions;
use llm::{AnswerSchema, Choice, Money, Provider, Purpose, Question, ReviewRun, Router};
use ops_core::failure::Failure;
use serde::{Deserialize, Serialize};
use verdict::answer::{ANSWER_SCHEMA, Answer};
use verdict::document::{ReviewerKind, TransientClass, Usage};

use super::{Review, Session, codex, unusable};
use crate::reviewer::codex::Codex;

/// What one reviewer said about one packet.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::run) struct Opinion {
    pub(super) answer: Answer,
    pub(super) provider: Provider,
    pub(super) model: String,
    /// Of the program that asked.
    pub(super) version: String,
    /// The model that the answer names, where it names one.
    pub(super) replied: Option<String>,
    pub(super) endpoint_host: String,
    /// How the primary failed, where its fallback answered.
    pub(super) fallback_for: Option<TransientClass>,
    /// Failed calls included, picodollars: an integer is the same after it was kept.
    pub(super) cost_picos: u64,
    pub(super) usage: Usage,
}

impl Opinion {
    /// What it cost.
    pub(super) fn cost(&self) -> Money {
        Money::from_picos(self.cost_picos)
    }
}

/// What one answer took.
pub(super) fn usage(of: llm::Usage) -> Usage {
    Usage { input_tokens: of.input, cached_tokens: of.cached, output_tokens: of.output, calls: 1 }
}

/// Those who are asked, all of whom may be.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    session: Session<'a>,
    router: Router<'a>,
    review: ReviewRun,
    schema: AnswerSchema,
    codex: Option<Codex<'a>>,
}

impl<'a> Panel<'a> {
    /// Everybody, with their keys. Nothing is sent. `earlier` is what was paid for the part of the
    /// review that is there already.
    ///
    /// # Errors
    /// Exit 78 for an endpoint that the policy does not name or a model that may not be asked, 77
    /// for a key that is missing, 69 without codex where that is the reviewer.
    pub(super) fn of(session: Session<'a>, earlier: Money) -> Result<Self, Failure> {
        let Review { context, basis, .. } = session.review;
        let mut setup = basis.setup.clone();
        let settings = &mut setup.settings;
        let is_codex = session.kind == ReviewerKind::CodexCli;
        basis.must_count(session.requested()?.provider)?;
        let second = settings.second_opinion.clone();
        if let Some(second) = &second {
            basis.must_count(second.provider)?;
        }
        let fallback = settings.review_fallback.as_ref().map(|it| it.provider);
        if let Some(fallback) = fallback.filter(|it| basis.must_count(*it).is_err()) {
            settings.review_fallback = None;
            if settings.is_enabled(fallback) && !is_codex {
                context.say(&format!(
                    "there is no fallback: endpointHosts of review.yaml does not name {}",
                    basis.endpoint_host(fallback)
                ));
            }
        }
        let router = Router::new(context, setup, None)?;
        let schema = AnswerSchema { name: "review".into(), text: ANSWER_SCHEMA.into() };
        let review = ReviewRun::new(&context.host).after(earlier);
        let codex = is_codex.then(|| Codex::find(context)).transpose()?;
        let mut panel = Self { session, router, review, schema, codex };
        panel.check(None)?;
        if let Some(second) = &second {
            panel.check(Some(second))?;
        }
        Ok(panel)
    }

    /// An opinion: the reviewer's, or that of a second model, which nobody else gives in its place.
    pub(super) fn ask(&mut self, data: &str, second: Option<&Choice>) -> Result<Opinion, Failure> {
        let question = question(self.session, &self.schema, &self.review, data, second);
        match &self.codex {
            Some(codex) if second.is_none() => {
                codex::ask(self.session, codex, &mut self.router, &question)
            }
            _ => by_router(self.session, &mut self.router, &question),
        }
    }

    fn check(&mut self, model: Option<&Choice>) -> Result<(), Failure> {
        let question = question(self.session, &self.schema, &self.review, "", model);
        self.router.check(&question)
    }
}

fn by_router(
    session: Session<'_>,
    router: &mut Router<'_>,
    question: &Question<'_>,
) -> Result<Opinion, Failure> {
    let Review { context, basis, .. } = session.review;
    let said = router.ask(question)?;
    for warning in &said.warnings {
        context.say(warning);
    }
    let answer = Answer::read(said.text.as_bytes()).map_err(unusable)?;
    basis.must_count(said.provider)?;
    let fallback_for = said.fallback_used.then(|| class(said.transient_class)).transpose()?;
    Ok(Opinion {
        answer,
        provider: said.provider,
        model: said.model_effective,
        version: super::version(),
        replied: Some(said.model_replied),
        endpoint_host: said.endpoint_host,
        fallback_for,
        cost_picos: said.spent.picos(),
        usage: usage(said.usage),
    })
}

fn question<'q>(
    session: Session<'q>,
    schema: &'q AnswerSchema,
    review: &'q ReviewRun,
    data: &'q str,
    model: Option<&'q Choice>,
) -> Question<'q> {
    let prompt = &session.review.basis.prompt;
    Question {
        purpose: Purpose::Review,
        system: Instructions { first: prompt.first(), last: prompt.last() },
        user: data,
        image: None,
        schema: Some(schema),
        max_output_tokens: None,
        temperature: None,
        review: Some(review),
        model,
        artifact_dir: session.home,
    }
}

/// How the primary failed, as verdicts name it.
fn class(name: Option<&str>) -> Result<TransientClass, Failure> {
    match name {
        Some("transient_quota") => Ok(TransientClass::TransientQuota),
        Some("transient_server") => Ok(TransientClass::TransientServer),
        Some("transient_network") => Ok(TransientClass::TransientNetwork),
        other => Err(unusable(format!("the fallback answered for no known reason ({other:?})"))),
    }
}
