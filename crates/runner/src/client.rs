//! The client: what `submit`, `list`, `show`, `cancel` and `logs` ask the API, and what they tell.

mod call;
mod follow;
mod head;
mod plain;
mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use jobs::JobId;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use serde::de::DeserializeOwned;

use crate::args::{Args, ListArgs, Stream, Wish};
use crate::documents::{ArtifactList, Ended, JobList, JobView, Logs, Refused, Submission};
use crate::malformed;

pub(crate) use call::{Api, Reply};
use follow::Teller;
use told::{Listed, Shown};

/// How often a submission is tried that may not have arrived; its key makes that safe.
const TRIES: u32 = 5;

/// How long is waited between two tries.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// `runner submit`
pub(crate) fn submit(
    args: &Args,
    context: &Context,
    wish: &Wish,
) -> Result<Box<dyn Report>, Failure> {
    let mut api = Api::open(args, context)?;
    let submission = match submission(context, wish)? {
        Ok(submission) => submission,
        Err(refused) => return Ok(Box::new(refused)),
    };
    let body = serde_json::to_value(&submission)
        .map_err(|err| malformed("write the submission", err.to_string()))?;
    let begun = context.host.ticks();
    let mut tries = 1;
    let reply = loop {
        match api.post("/jobs", Some(&body)) {
            Ok(reply) if reply.status != 503 || tries == TRIES => break reply,
            Err(failure) if failure.exit != Exit::Unavailable || tries == TRIES => {
                return Err(failure);
            }
            // An API that is being started again, or an answer that broke off.
            _ => context.host.pause(BETWEEN_TRIES),
        }
        tries += 1;
    };
    let job: JobView = match document(&reply)? {
        Ok(job) => job,
        Err(refused) => return Ok(Box::new(refused)),
    };
    if !wish.wait {
        return Ok(Box::new(Shown(job)));
    }
    context.say(&format!("submitted {}", job.job_id));
    let limit = Duration::from_secs(wish.wait_seconds.into());
    let end = begun.saturating_add(limit);
    let waiting = context.waiting(!args.common.json);
    let Some(job) = follow::to_its_end(&api, &Teller { context, waiting }, &job, end)? else {
        return Err(Failure::new(Exit::Unavailable, format!("tell how {} ended", job.job_id))
            .because(format!("it has not within {} s", limit.as_secs()))
            .hint(format!("runner show {}", job.job_id)));
    };
    let left = left(&mut api, &job.job_id)?;
    Ok(Box::new(Ended::new(job, left)))
}

/// What a job left that has ended, or why that is not known: by then its verdict is, and must not get
/// lost with it.
fn left(api: &mut Api, job_id: &str) -> Result<Result<ArtifactList, String>, Failure> {
    let reply = api.get(&format!("/jobs/{job_id}/artifacts"), &[]);
    match reply.and_then(|reply| document(&reply)) {
        Ok(told) => Ok(told.map_err(|refused| refused.detail)),
        Err(failure) if failure.exit == Exit::NotPermitted => Err(failure),
        Err(failure) => Ok(Err(failure.to_string())),
    }
}

fn submission(context: &Context, wish: &Wish) -> Result<Result<Submission, Refused>, Failure> {
    let mut params = BTreeMap::new();
    for param in &wish.params {
        let pair = param.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) =
            pair.ok_or_else(|| malformed("read --param", format!("{param:?} is not K=V")))?;
        if params.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(malformed("read --param", format!("{name} is given twice")));
        }
    }
    let (repo_name, remote_url) = if wish.repo.contains(':') {
        (None, Some(wish.repo.clone()))
    } else {
        (Some(wish.repo.clone()), None)
    };
    let sha = match &wish.sha {
        Some(sha) => sha.to_ascii_lowercase(),
        None => match head::of(context, wish, &params)? {
            Ok(sha) => sha,
            Err(refused) => return Ok(Err(refused)),
        },
    };
    let key = wish.idempotency_key.clone().unwrap_or_else(|| {
        // Ours alone: it makes trying again safe.
        format!("cli-{:032x}", u128::from_ne_bytes(context.host.random()))
    });
    Ok(Ok(Submission {
        job_type: wish.job.clone(),
        repo_name,
        remote_url,
        sha,
        params,
        idempotency_key: Some(key),
        priority: wish.priority,
        deadline_at: None,
    }))
}

/// `runner list`
pub(crate) fn list(
    args: &Args,
    context: &Context,
    filter: &ListArgs,
) -> Result<Box<dyn Report>, Failure> {
    let limit = filter.limit.to_string();
    let wanted = [
        ("status", filter.status.as_deref()),
        ("repo_name", filter.repo.as_deref()),
        ("job_type", filter.job.as_deref()),
        ("before", filter.before.as_deref()),
        ("limit", Some(limit.as_str())),
    ];
    let wanted: Vec<(&str, &str)> =
        wanted.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let reply = Api::open(args, context)?.get("/jobs", &wanted)?;
    Ok(match document::<JobList>(&reply)? {
        Ok(list) => Box::new(Listed(list)),
        Err(refused) => Box::new(refused),
    })
}

/// `runner show`
pub(crate) fn show(
    args: &Args,
    context: &Context,
    job_id: &str,
) -> Result<Box<dyn Report>, Failure> {
    let reply = Api::open(args, context)?.get(&format!("/jobs/{}", plain(job_id)?), &[])?;
    Ok(match document(&reply)? {
        Ok(job) => Box::new(Shown(job)),
        Err(refused) => Box::new(refused),
    })
}

/// `runner cancel`
pub(crate) fn cancel(
    args: &Args,
    context: &Context,
    job_id: &str,
) -> Result<Box<dyn Report>, Failure> {
    let path = format!("/jobs/{}/cancel", plain(job_id)?);
    let reply = Api::open(args, context)?.post(&path, None)?;
    Ok(match document(&reply)? {
        Ok(job) => Box::new(Shown(job)),
        Err(refused) => Box::new(refused),
    })
}

/// `runner logs`
pub(crate) fn logs(
    args: &Args,
    context: &Context,
    job_id: &str,
    stream: Stream,
    tail: u32,
) -> Result<Box<dyn Report>, Failure> {
    let path = format!("/jobs/{}/logs", plain(job_id)?);
    let tail = tail.to_string();
    let wanted = [("stream", stream.name()), ("tail", tail.as_str())];
    let reply = Api::open(args, context)?.get(&path, &wanted)?;
    if reply.is_success() {
        return Ok(Box::new(Logs {
            schema: "aiops.runner.logs/1".into(),
            job_id: job_id.to_owned(),
            stream: stream.name().into(),
            text: String::from_utf8_lossy(&reply.body).into_owned(),
        }));
    }
    match document::<JobView>(&reply)? {
        Err(refused) => Ok(Box::new(refused)),
        Ok(_) => Err(Failure::new(Exit::Unavailable, "read the API's answer")),
    }
}

/// A job's id as part of an address.
fn plain(job_id: &str) -> Result<String, Failure> {
    let read = JobId::read(job_id).map(|it| it.as_str().to_owned());
    read.ok_or_else(|| {
        malformed("read the job's id", format!("{job_id:?} is not <time>-<6 hexadecimal digits>"))
    })
}

/// The document of an answer, or why it was refused.
fn document<T: DeserializeOwned>(reply: &Reply) -> Result<Result<T, Refused>, Failure> {
    let doing = "read the API's answer";
    if reply.is_success() {
        let read = serde_json::from_slice(&reply.body);
        return read.map(Ok).map_err(|err| Failure::new(Exit::Unavailable, doing).because(err));
    }
    let problem = reply.problem();
    match reply.status {
        401 => Err(Failure::new(Exit::NotPermitted, "use the API")
            .because(problem.detail)
            .hint("its runner_token must be the one this host has: key status runner_token")),
        400 | 404..=499 => Ok(Err(Refused::new(reply.status, problem.detail, problem.errors))),
        status => Err(Failure::new(Exit::Unavailable, "use the API")
            .because(format!("it answered {status}: {}", problem.detail))),
    }
}
