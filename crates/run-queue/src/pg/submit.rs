//! Many submissions in one transaction.
//!
//! Each carries a random text of ours beside the caller's key, so that a batch whose answer was lost
//! can be sent again: what is there already is told by it.

use std::collections::HashMap;

use ops_host::time;

use super::link::{Broke, Link};
use super::rows::{self, COLUMNS};
use super::{MOST, Shared};
use crate::types::params_text;
use crate::{Fault, Job, NewJob, Submitted};

/// How often new ids are drawn for jobs whose ids were taken.
const MOST_DRAWS: usize = 8;

/// A submission under way.
struct Entry<'a> {
    wanted: &'a NewJob,
    params: String,
    submission: String,
    job_id: String,
}

/// Accepts a batch. What fails fails for all that have no answer yet.
pub(super) fn all(shared: &Shared, jobs: &[NewJob]) -> Vec<Result<Submitted, Fault>> {
    let mut answers: Vec<Option<Submitted>> = vec![None; jobs.len()];
    let mut fault = Fault::Broken("no free job id was found".into());
    for _ in 0..MOST_DRAWS {
        let open: Vec<(usize, Entry<'_>)> = jobs
            .iter()
            .enumerate()
            .filter(|(at, _)| answers.get(*at).is_some_and(Option::is_none))
            .map(|(at, wanted)| (at, entry(shared, wanted)))
            .collect();
        if open.is_empty() {
            break;
        }
        let (places, entries): (Vec<usize>, Vec<Entry<'_>>) = open.into_iter().unzip();
        let accepted = shared.transact(true, |link, shared| {
            insert(link, shared, &entries)?;
            let found = look_up(link, &entries)?;
            link.ring()?;
            Ok(found)
        });
        match accepted {
            Ok(found) => {
                for (place, entry) in places.iter().zip(&entries) {
                    if let Some(slot) = answers.get_mut(*place) {
                        *slot = answer(entry, &found);
                    }
                }
            }
            Err(why) => {
                fault = why;
                break;
            }
        }
    }
    answers.into_iter().map(|answer| answer.ok_or_else(|| fault.clone())).collect()
}

fn entry<'a>(shared: &Shared, wanted: &'a NewJob) -> Entry<'a> {
    Entry {
        wanted,
        params: params_text(&wanted.params),
        submission: format!("{:032x}", u128::from_ne_bytes(shared.host.random())),
        job_id: time::run_id(shared.host.now(), shared.host.random()),
    }
}

/// What one submission is told; `None` when its id was taken and another must be drawn.
fn answer(entry: &Entry<'_>, found: &Found) -> Option<Submitted> {
    if let Some(job) = found.by_submission.get(&entry.submission) {
        return Some(Submitted::New(job.clone()));
    }
    let job = found.by_key.get(entry.wanted.idempotency_key.as_ref()?)?;
    Some(Submitted::known(job.clone(), entry.wanted))
}

/// What is in the table after the insertion.
struct Found {
    by_submission: HashMap<String, Job>,
    by_key: HashMap<String, Job>,
}

fn insert(link: &mut Link, shared: &Shared, entries: &[Entry<'_>]) -> Result<(), Broke> {
    debug_assert!(entries.len() <= MOST);
    let sql = "INSERT INTO runner_jobs (job_id, idempotency_key, submission, job_type, repo_name,
            remote_url, sha, params, priority, max_attempts, deadline, status, attempts, fence,
            cancel_requested, created_at)
        SELECT *, 'queued', 0, 0, false, {now} FROM unnest($1::text[], $2::text[], $3::text[],
            $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[], $10::int[],
            $11::bigint[])
        AS new (job_id, idempotency_key, submission, job_type, repo_name, remote_url, sha, params,
            priority, max_attempts, deadline)
        ON CONFLICT DO NOTHING"
        .replace("{now}", &rows::now(shared));
    let texts = |text: for<'a> fn(&'a Entry<'a>) -> &'a str| -> Vec<String> {
        entries.iter().map(|entry| text(entry).to_owned()).collect()
    };
    let keys: Vec<_> = entries.iter().map(|it| it.wanted.idempotency_key.clone()).collect();
    let priorities: Vec<_> = entries.iter().map(|it| it.wanted.priority).collect();
    let attempts: Vec<_> = entries.iter().map(|it| it.wanted.max_attempts).collect();
    let deadlines: Vec<_> = entries.iter().map(|it| it.wanted.deadline).collect();
    link.execute(
        &sql,
        &[
            &texts(|it| &it.job_id),
            &keys,
            &texts(|it| &it.submission),
            &texts(|it| &it.wanted.job_type),
            &texts(|it| &it.wanted.repo_name),
            &texts(|it| &it.wanted.remote_url),
            &texts(|it| &it.wanted.sha),
            &texts(|it| &it.params),
            &priorities,
            &attempts,
            &deadlines,
        ],
    )?;
    Ok(())
}

fn look_up(link: &mut Link, entries: &[Entry<'_>]) -> Result<Found, Broke> {
    let ids: Vec<&str> = entries.iter().map(|it| it.job_id.as_str()).collect();
    let keys: Vec<&str> =
        entries.iter().filter_map(|it| it.wanted.idempotency_key.as_deref()).collect();
    let sql = format!(
        "SELECT {COLUMNS}, submission FROM runner_jobs WHERE job_id = ANY($1)
         UNION SELECT {COLUMNS}, submission FROM runner_jobs WHERE idempotency_key = ANY($2)"
    );
    let mut found = Found { by_submission: HashMap::new(), by_key: HashMap::new() };
    for row in link.query(&sql, &[&ids, &keys])? {
        let (job, submission) = (rows::job(&row)?, row.try_get(23)?);
        if let Some(key) = &job.wanted.idempotency_key {
            found.by_key.insert(key.clone(), job.clone());
        }
        found.by_submission.insert(submission, job);
    }
    Ok(found)
}
