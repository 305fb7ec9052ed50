//! `POST /jobs`.

use std::time::Duration;

use ::jobs::{Request as Asked, judge};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use ops_core::time;
use run_queue::{NewJob, Submitted};
use serde_json::Value;
use tokio::time::timeout;

use crate::documents::{FieldError, JobView, NOT_LISTED, Submission, fields};

use super::answer::{Refusal, created, document};
use super::{Shared, State};

/// The largest body that is read, bytes.
pub(crate) const LARGEST: usize = 1 << 20;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Accepts a job.
pub(crate) async fn submit(
    With(state): With<Shared>,
    request: Request,
) -> Result<Response, Refusal> {
    let submission = read(&state, request).await?;
    let job = judged(&state, submission)?;
    let submitted = state.ask(move |queue| queue.submit(job)).await?;
    Ok(match &submitted {
        Submitted::New(job) => {
            state.counters.accept();
            created(&format!("/jobs/{}", job.job_id), &JobView::new(job))
        }
        Submitted::Known(job) => document(StatusCode::OK, &JobView::new(job)),
        Submitted::Taken(job) => {
            let detail = format!("the idempotency key is that of another job, {}", job.job_id);
            return Err(Refusal::new(409, detail));
        }
    })
}

async fn read(state: &State, request: Request) -> Result<Submission, Refusal> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(415, "the body must be application/json"));
    }
    let told = head.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    let told: Option<u64> = told.and_then(|it| it.parse().ok());
    if told.is_some_and(|told| told > LARGEST as u64) {
        return Err(too_large());
    }
    let bytes = timeout(PATIENCE, to_bytes(Body::new(body), LARGEST)).await;
    let slow = |_| Refusal::new(408, format!("the body took longer than {} s", PATIENCE.as_secs()));
    let bytes = bytes.map_err(slow)?.map_err(|_| too_large())?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|err| Refusal::new(400, format!("the body is not JSON: {err}")))?;
    let mut errors: Vec<FieldError> =
        state.checker.iter_errors(&value).flat_map(|err| named(&err)).collect();
    if !errors.is_empty() {
        errors.extend(unlisted(state, &value, &errors));
        return Err(Refusal::fields("the job is not as it must be", errors));
    }
    serde_json::from_value(value).map_err(|err| Refusal::field("", err.to_string()))
}

/// What is wrong with a field, by the field's name also where it is missing or not known.
fn named(err: &ValidationError<'_>) -> Vec<FieldError> {
    let at = err.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let wrong = |field: String, message: &str| FieldError { field, message: message.to_owned() };
    match err.kind() {
        ValidationErrorKind::Required { property } => {
            vec![wrong(below(property.as_str().unwrap_or_default()), "it is missing")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| wrong(below(name), "it is not known here")).collect()
        }
        // The value itself can be long, and is the caller's own.
        _ => vec![wrong(at, &err.masked().to_string())],
    }
}

/// What the allowlists have against the fields that can be read, where others are wrong: one answer
/// tells everything.
fn unlisted(state: &State, value: &Value, wrong: &[FieldError]) -> Vec<FieldError> {
    let Some(fields) = value.as_object() else { return vec![] };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let params = fields.get("params").and_then(Value::as_object).into_iter().flatten();
    let asked = Asked {
        job_type: text("job_type").unwrap_or_default(),
        repo_name: text("repo_name"),
        remote_url: text("remote_url"),
        sha: text("sha"),
        params: params.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
    };
    let against = judge(&asked, &state.repositories, &state.types).err().unwrap_or_default();
    let is_told = |field: &str| {
        wrong.iter().any(|it| {
            let below = field.strip_prefix(it.field.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    self::fields(against).into_iter().filter(|it| !is_told(&it.field)).collect()
}

fn too_large() -> Refusal {
    Refusal::new(413, format!("the body is larger than {LARGEST} bytes, or broke off"))
}

/// Holds a submission to the allowlists.
fn judged(state: &State, it: Submission) -> Result<NewJob, Refusal> {
    let deadline = match &it.deadline_at {
        None => None,
        Some(text) => {
            let time = time::parse(text).map_err(|why| Refusal::field("deadline_at", why))?;
            Some(time.as_microsecond())
        }
    };
    let asked = Asked {
        job_type: it.job_type,
        repo_name: it.repo_name,
        remote_url: it.remote_url,
        sha: Some(it.sha.clone()),
        params: it.params,
    };
    let plan = judge(&asked, &state.repositories, &state.types)
        .map_err(|against| Refusal::fields(NOT_LISTED, fields(against)))?;
    Ok(NewJob {
        idempotency_key: it.idempotency_key,
        job_type: plan.job_type,
        repo_name: plan.repository.name,
        remote_url: plan.url.as_str().to_owned(),
        sha: plan.sha.map_or(it.sha, |sha| sha.as_str().to_owned()),
        params: plan.params,
        priority: it.priority,
        max_attempts: state.max_attempts,
        deadline,
    })
}
