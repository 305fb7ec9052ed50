//! The end without an answer: what is told, and what is left for evidence.

use ops_core::failure::{Exit, Failure};
use ops_core::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asking, Router, Target};
use crate::settings::Purpose;

/// The file's name in an artifact folder.
const FILE: &str = "review_fail_closed.json";

/// `review_fail_closed.json`: why a review ended without an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct FailClosed {
    /// `aiops.review_fail_closed/1`.
    pub schema: String,
    /// RFC 3339 UTC.
    pub ts: String,
    /// The run of the program: the id of its run record.
    pub run: String,
    /// The review.
    pub review: Option<String>,
    /// `<provider>/<model>` that was asked first.
    pub primary: String,
    /// How it failed, redacted.
    pub primary_error: Option<String>,
    /// `transient_quota`, `transient_server` or `transient_network`; null when it failed for good,
    /// so that nobody else was asked.
    pub primary_transient_class: Option<String>,
    /// How the fallback failed or why it was not asked, redacted; null when there is none, or it
    /// was not its turn.
    pub fallback_error: Option<String>,
    /// What there is of an answer that does not hold (cut off, refused), redacted. Proves nothing.
    pub unusable_answer: Option<String>,
    /// US dollars that the budgets count for it.
    pub booked_usd: f64,
}

impl Router<'_> {
    /// The failure of a question, with its evidence written if it is a review's.
    pub(super) fn failed(&self, asking: &Asking<'_>, primary: &Target) -> Failure {
        let failures = &asking.failures;
        let purpose = asking.question.purpose;
        let doing = format!("get an answer for {}", purpose.name());
        let mut causes: Vec<&str> = Vec::new();
        causes.extend(failures.primary.as_ref().map(|it| it.told.as_str()));
        causes.extend(failures.fallback.as_ref().map(|it| it.told.as_str()));
        let exit = match &failures.primary {
            Some(failed) if !failures.was_sent && failed.is_over_budget => Exit::No,
            Some(_) if !failures.was_sent => Exit::Malformed,
            _ => Exit::Unavailable,
        };
        let mut cause = causes.join("\n");
        if failures.was_sent
            && purpose == Purpose::Review
            && let Err(why) = self.leave_evidence(asking, primary)
        {
            cause = format!("{cause}\n{FILE} could not be written: {why}");
        }
        let failure = Failure::new(exit, doing).because(cause);
        match failures.primary.as_ref().and_then(|it| it.hint) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn leave_evidence(&self, asking: &Asking<'_>, primary: &Target) -> Result<(), Failure> {
        let failures = &asking.failures;
        let told = |failed: &Option<super::told::Failed>| {
            failed.as_ref().map(|it| self.context.clean(&it.told))
        };
        let text = [&failures.fallback, &failures.primary]
            .into_iter()
            .flatten()
            .find_map(|it| Some(it.text.clone()).filter(|text| !text.is_empty()));
        let class = failures.primary.as_ref().map(|it| it.outcome.to_owned());
        let document = FailClosed {
            schema: "aiops.review_fail_closed/1".into(),
            ts: time::rfc3339(self.context.host.now()),
            run: self.context.run_id().to_owned(),
            review: asking.review.as_ref().map(|it| it.id().to_owned()),
            primary: primary.to_string(),
            primary_error: told(&failures.primary),
            primary_transient_class: class.filter(|it| it.starts_with("transient")),
            fallback_error: told(&failures.fallback),
            unusable_answer: text,
            booked_usd: asking.spent.usd(),
        };
        let folder = asking.question.artifact_dir;
        let host = &self.context.host;
        let written = serde_json::to_vec_pretty(&document).map_err(std::io::Error::from).and_then(
            |mut bytes| {
                bytes.push(b'\n');
                host.make_dir(folder, 0o750)?;
                host.replace_file(&folder.join(FILE), &bytes, 0o640)
            },
        );
        written.map_err(|err| Failure::new(Exit::Unavailable, "write it").because(err))
    }
}
