//! One call: estimated, reserved, made, judged, settled and written down.

use std::time::{Duration, SystemTime};

use llm_tokens::estimate;
use llm_wire::{Ask, Class, End, Fault, Image, Received, Reply, Schema, Why, read, write};
use ops_core::failure::Failure;
use outbound::{Cause, Outcome, Request};

use super::judge::Trouble;
use super::told::Failed;
use super::{Asking, LARGEST_ANSWER, Router, Target, seconds};
use crate::answer_form::Form;
use crate::decide::Event;
use crate::money::Money;
use crate::question::{Answer, AnswerSchema, Question};
use crate::settings::Purpose;
use crate::telemetry::{self, Line};

/// Tokens of an answer where nobody says how many.
const USUAL_OUTPUT: u64 = 2048;

/// Whom a call goes to.
pub(super) struct Attempt<'a> {
    pub(super) target: &'a Target,
    pub(super) is_fallback: bool,
}

/// How a call ended.
pub(super) enum Ended {
    /// With an answer that holds.
    Held(Box<Answer>),
    /// Without.
    Not(Event),
}

impl Router<'_> {
    /// The form of a schema, made once.
    pub(super) fn form(&mut self, schema: &AnswerSchema) -> Result<usize, Failure> {
        if let Some(at) = self.forms.iter().position(|form| form.is_of(schema)) {
            return Ok(at);
        }
        self.forms.push(Form::new(schema)?);
        Ok(self.forms.len() - 1)
    }

    /// Makes one call, if it may be made.
    ///
    /// # Errors
    /// When the ledger or the telemetry cannot be written: no money is spent unseen.
    pub(super) fn call(
        &mut self,
        asking: &mut Asking<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<Ended, Failure> {
        let Attempt { target, is_fallback } = *attempt;
        let row = &target.row;
        let question = asking.question;
        let mut ask = Ask {
            model: row.model(),
            system: question.system.first,
            user: question.user,
            closing: Some(question.system.last).filter(|text| !text.is_empty()),
            image: question.image.map(|it| Image { mime: &it.mime, bytes: &it.bytes }),
            input_tokens: 0,
            max_output_tokens: self.output_cap(&question, target),
            temperature: self.temperature(&question),
            schema: question.schema.map(|it| Schema { name: &it.name, text: &it.text }),
            seed: Some(0).filter(|_| question.purpose == Purpose::Review),
        };
        ask.input_tokens = estimate(row.tokenizer, &ask).tokens;
        let worst = target.price.map(|it| it.at_most(ask.input_tokens, ask.max_output_tokens));
        let review = asking.review.clone();
        let mut line = self.line(&question, review.as_ref(), target, worst);
        line.fallback_used = is_fallback;
        let wire = match write(&ask) {
            Ok(wire) => wire,
            Err(why) => {
                let failed = Failed { name: "unaskable", ..Failed::not_asked(why.to_string()) };
                return self.refused(asking, line, failed, is_fallback);
            }
        };
        let reservation = match self.reserve(review.as_ref(), worst)? {
            Ok(reservation) => reservation,
            Err(told) => {
                let failed = Failed {
                    name: "over_budget",
                    is_over_budget: true,
                    hint: Some("llm cost shows where it went; budgets are in configs/llm.json"),
                    ..Failed::not_asked(told)
                };
                return self.refused(asking, line, failed, is_fallback);
            }
        };
        asking.failures.was_sent = true;
        let began = self.context.host.ticks();
        let result = self.send(target, wire.path, &wire.body, self.left(asking))?;
        let took = self.context.host.ticks().saturating_sub(began);
        line.latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let judged = result.and_then(|reply| self.judge(asking, target, reply));
        let booked = self.settle(target, reservation, worst, &judged)?;
        asking.spent = asking.spent.plus(booked.booked);
        line.actual_usd = booked.actual.map(Money::usd);
        line.booked_usd = booked.booked.usd();
        match judged {
            Ok((reply, value)) => {
                line.reply(&reply.model, reply.request_id.as_deref(), Some(reply.usage));
                "ok".clone_into(&mut line.outcome);
                telemetry::add(&self.context.host, question.artifact_dir, &line)?;
                let class = asking.failures.primary.as_ref().map(|it| it.outcome);
                Ok(Ended::Held(Box::new(Answer {
                    text: reply.text,
                    value,
                    provider: target.provider(),
                    model_requested: target.requested.model.clone(),
                    model_effective: row.model.clone(),
                    model_replied: reply.model,
                    endpoint_host: target.endpoint_host(),
                    usage: reply.usage,
                    cost: booked.actual,
                    estimated: worst,
                    spent: asking.spent,
                    fallback_used: is_fallback,
                    transient_class: class.filter(|_| is_fallback),
                    request_id: reply.request_id,
                    warnings: std::mem::take(&mut asking.warnings),
                })))
            }
            Err(trouble) => {
                let fault = &trouble.fault;
                let model = fault.model.as_deref().unwrap_or_default();
                line.reply(model, fault.request_id.as_deref(), fault.usage);
                let failed = self.failed_call(target, &trouble);
                failed.outcome.clone_into(&mut line.outcome);
                line.detail = Some(failed.name.to_owned()).filter(|it| *it != line.outcome);
                telemetry::add(&self.context.host, question.artifact_dir, &line)?;
                let left = self.left(asking);
                let (class, retry_after) = (fault.class, fault.retry_after);
                asking.failures.set(failed, is_fallback);
                Ok(Ended::Not(Event::Failed { class, retry_after, left }))
            }
        }
    }

    fn refused(
        &self,
        asking: &mut Asking<'_>,
        mut line: Line,
        failed: Failed,
        is_fallback: bool,
    ) -> Result<Ended, Failure> {
        failed.outcome.clone_into(&mut line.outcome);
        line.detail = Some(failed.name.to_owned());
        telemetry::add(&self.context.host, asking.question.artifact_dir, &line)?;
        // How the primary failed matters more than that it was not asked again.
        if is_fallback || asking.failures.primary.is_none() {
            asking.failures.set(failed, is_fallback);
        }
        Ok(Ended::Not(Event::Refused { left: self.left(asking) }))
    }

    /// The longest answer: a review's caps hold whatever its caller asks for.
    fn output_cap(&self, question: &Question<'_>, target: &Target) -> u64 {
        let caps = self.setup.settings.review_caps;
        let asked = question.max_output_tokens.map(u64::from);
        let cap = match question.purpose {
            Purpose::Review => {
                let cap = u64::from(caps.max_output_tokens);
                asked.unwrap_or(cap).min(cap)
            }
            _ => asked.unwrap_or(USUAL_OUTPUT),
        };
        cap.min(target.row.max_output_tokens)
    }

    fn temperature(&self, question: &Question<'_>) -> Option<f64> {
        let cap = self.setup.settings.review_caps.temperature;
        match question.purpose {
            Purpose::Review => Some(question.temperature.unwrap_or(cap).min(cap)),
            _ => question.temperature,
        }
    }

    fn send(
        &mut self,
        target: &Target,
        path: &str,
        body: &[u8],
        left: Duration,
    ) -> Result<Result<Reply, Box<Trouble>>, Failure> {
        let within = seconds(self.setup.settings.limits.call_seconds).min(left);
        let request = Request::post(&target.base, path).body("application/json", body);
        let request = request.within(within.max(Duration::from_millis(1)));
        let request = match self.keys.need(target.provider())? {
            Some(key) => request.bearer(key.expose()),
            None => request,
        };
        let answer = match self.client.call(request) {
            Outcome::Answered(answer) => answer,
            Outcome::NotSent(why) => {
                let class = unanswered(self.client.cause());
                let fault = Fault::without_answer(class, &why);
                return Ok(Err(Trouble::boxed(fault, false)));
            }
            Outcome::Ambiguous(why) => {
                let class = unanswered(self.client.cause());
                let fault = Fault::without_answer(class, &why);
                return Ok(Err(Trouble::boxed(fault, true)));
            }
        };
        let is_over_cap = answer.body.len() as u64 >= LARGEST_ANSWER;
        let received = Received {
            status: answer.status,
            headers: &answer.headers,
            body: &answer.body,
            end: match (answer.complete, is_over_cap) {
                (true, _) => End::Whole,
                (false, true) => End::OverCap,
                (false, false) => End::Cut,
            },
        };
        let now = SystemTime::from(self.context.host.now());
        Ok(read(target.row.api, &received, now).map_err(|fault| {
            let fault = *fault;
            // Providers bill no error they answer themselves; what a gateway gave up waiting for
            // may have been done all the same.
            let may_be_billed = matches!(fault.status, Some(200 | 408 | 502 | 504 | 520..=529));
            Trouble::boxed(fault, may_be_billed)
        }))
    }
}

/// How a call without an answer counts.
fn unanswered(cause: Option<Cause>) -> Class {
    match cause {
        Some(Cause::Network) => Class::TransientNetwork,
        Some(Cause::Tls) => Class::NonTransient(Why::Certificate),
        Some(Cause::Protocol) => Class::NonTransient(Why::Shape),
        Some(Cause::Local) | None => Class::NonTransient(Why::BadRequest),
    }
}
