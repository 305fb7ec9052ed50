//! Jobs, listed, shown and cancelled.

use ::jobs::JobId;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as With};
use axum::http::StatusCode;
use axum::response::Response;
use ops_core::VERSION;
use run_queue::{Cancelled, Filter, Job, Page, Status};

use crate::documents::{Health, JobList, JobView};

use super::Shared;
use super::answer::{Refusal, document};
use super::query::Query;

/// The most jobs on a page.
pub(crate) const LONGEST_PAGE: i64 = 1_000;

/// The jobs on a page unless asked otherwise.
pub(crate) const USUAL_PAGE: i64 = 100;

/// `GET /jobs`
pub(crate) async fn list(
    With(state): With<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let known = ["status", "repo_name", "job_type", "limit", "before"];
    let query = Query::read(query.as_deref(), &known)?;
    let status = match query.text("status") {
        None => None,
        Some(name) => Some(Status::parse(name).ok_or_else(|| {
            let known: Vec<&str> = Status::ALL.iter().map(|it| it.name()).collect();
            Refusal::field("status", format!("expected one of {}", known.join(", ")))
        })?),
    };
    let filter =
        Filter { status, repo_name: query.name("repo_name")?, job_type: query.name("job_type")? };
    let limit = query.number("limit", 1..=LONGEST_PAGE)?.unwrap_or(USUAL_PAGE);
    let limit = usize::try_from(limit).unwrap_or(1);
    let page = Page { before: query.number("before", 0..=i64::MAX)?, limit };
    let jobs = state.ask(move |queue| queue.list(&filter, page)).await?;
    let next = jobs.last().filter(|_| jobs.len() == limit).map(|job| job.seq.to_string());
    let jobs = jobs.iter().map(JobView::new).collect();
    let list = JobList { schema: "aiops.runner.jobs/1".into(), jobs, next };
    Ok(document(StatusCode::OK, &list))
}

/// `GET /jobs/{job_id}`
pub(crate) async fn show(
    With(state): With<Shared>,
    job_id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let job = find(&state, job_id).await?;
    Ok(document(StatusCode::OK, &JobView::new(&job)))
}

/// `POST /jobs/{job_id}/cancel`
pub(crate) async fn cancel(
    With(state): With<Shared>,
    job_id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let job_id = shaped(job_id)?;
    let cancelled = state.ask(move |queue| queue.cancel(&job_id)).await?;
    match cancelled.ok_or_else(missing)? {
        Cancelled::Ended(job) => Ok(document(StatusCode::OK, &JobView::new(&job))),
        Cancelled::Asked(job) => Ok(document(StatusCode::ACCEPTED, &JobView::new(&job))),
        Cancelled::TooLate(job) => {
            Err(Refusal::new(409, format!("it has ended before: {}", job.status)))
        }
    }
}

/// `GET /healthz`
pub(crate) async fn health(With(state): With<Shared>) -> Result<Response, Refusal> {
    let answers = state.ask(|queue| queue.get("")).await.is_ok();
    let health = Health {
        schema: "aiops.runner.health/1".into(),
        ok: answers,
        engine: state.queue.engine().into(),
        version: VERSION.into(),
    };
    let status = if answers { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(document(status, &health))
}

/// The job that an address names.
pub(crate) async fn find(
    state: &Shared,
    job_id: Result<Path<String>, PathRejection>,
) -> Result<Job, Refusal> {
    let job_id = shaped(job_id)?;
    state.ask(move |queue| queue.get(&job_id)).await?.ok_or_else(missing)
}

fn shaped(job_id: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    let Path(job_id) = job_id.map_err(|_| missing())?;
    JobId::read(&job_id).map(|it| it.as_str().to_owned()).ok_or_else(missing)
}

pub(crate) fn missing() -> Refusal {
    Refusal::new(404, "there is no such job")
}
