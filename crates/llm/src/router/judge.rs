//! Whether an answer that came whole holds.

use llm_wire::{Class, Fault, Reply, Why};
use serde_json::Value;

use super::{Asking, Router, Target};
use crate::models::undated;
use crate::settings::Purpose;

/// What went wrong with a call that was made.
pub(super) struct Trouble {
    pub(super) fault: Fault,
    /// Whether it may cost something although nothing says how much.
    pub(super) may_be_billed: bool,
    /// What it is called, where the fault does not say.
    pub(super) name: Option<&'static str>,
}

impl Trouble {
    pub(super) fn boxed(fault: Fault, may_be_billed: bool) -> Box<Self> {
        Box::new(Self { fault, may_be_billed, name: None })
    }
}

impl Router<'_> {
    /// Whether a whole answer holds: from a model that may answer, in the form that was asked for.
    pub(super) fn judge(
        &self,
        asking: &Asking<'_>,
        target: &Target,
        reply: Reply,
    ) -> Result<(Reply, Option<Value>), Box<Trouble>> {
        let spoilt = |name, told: &str, reply: &Reply| {
            Box::new(Trouble {
                fault: Fault {
                    status: Some(200),
                    usage: Some(reply.usage),
                    model: Some(reply.model.clone()),
                    request_id: reply.request_id.clone(),
                    ..Fault::without_answer(Class::NonTransient(Why::Shape), told)
                },
                may_be_billed: true,
                name: Some(name),
            })
        };
        if asking.question.purpose == Purpose::Review && !is_possible(target, &reply) {
            let told = "it says that more tokens were used than the model can take or give";
            let mut trouble = spoilt("impossible_usage", told, &reply);
            trouble.fault.usage = None;
            return Err(trouble);
        }
        if asking.question.purpose == Purpose::Review && !self.may_answer(target, &reply.model) {
            let told = "the model that answered is not the one that was asked";
            return Err(spoilt("other_model", told, &reply));
        }
        let form = asking.form.and_then(|at| self.forms.get(at));
        match form.map(|form| form.judge(&reply.text)).transpose() {
            Ok(value) => Ok((reply, value)),
            Err(why) => {
                let why = format!("the answer breaks its schema: {why}");
                Err(spoilt("schema", &why, &reply))
            }
        }
    }

    /// Whether a reply in a review may be of this model: the one that was asked, by one of its
    /// names, or another that is fit for review.
    fn may_answer(&self, target: &Target, replied: &str) -> bool {
        let asked = &target.row.model;
        let models = &self.setup.models;
        replied == asked
            || undated(replied) == Some(asked)
            || models.replied(target.provider(), replied).is_some_and(|row| row.fit_for_review)
    }
}

/// Whether a model could have used so many tokens: what a bill cannot say is no usage.
fn is_possible(target: &Target, reply: &Reply) -> bool {
    let Reply { usage, .. } = reply;
    usage.input <= target.row.context_tokens && usage.output <= target.row.context_tokens
}
