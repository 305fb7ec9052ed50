//! What may happen to a job. Pure: a job as it is and a time in, a job as it is to be out.

use crate::{Beat, Cancelled, Job, Micros, Status, Told, Verdict, Worker};

/// What a worker is to do with the job it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Go on.
    GoOn,
    /// Stop it: somebody cancelled it.
    Cancel,
    /// Stop it: its deadline is over.
    TimeOut,
}

/// What a worker that looks at a job gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Claim {
    /// The job, to run.
    Run(Job),
    /// Nothing: it ends by being looked at.
    Settle(Job),
    /// Nothing: it is not to be had.
    Leave,
}

/// Whether a job whose worker had it is to be had again: nobody was heard of for a whole lease.
pub fn is_abandoned(job: &Job, now: Micros) -> bool {
    job.status == Status::Running && job.lease_expires.is_none_or(|expires| expires <= now)
}

/// A job as it is once `worker` has it, if it may.
pub fn claim(job: &Job, worker: &Worker, now: Micros, lease: Micros) -> Claim {
    if let Some(settled) = settle(job, now) {
        return Claim::Settle(settled);
    }
    if job.status != Status::Queued && !is_abandoned(job, now) {
        return Claim::Leave;
    }
    Claim::Run(Job {
        status: Status::Running,
        attempts: job.attempts + 1,
        fence: job.fence + 1,
        worker: Some(worker.clone()),
        lease_expires: Some(now.saturating_add(lease)),
        started_at: job.started_at.or(Some(now)),
        ..job.clone()
    })
}

/// How a job ends without any worker's doing, if it does: past its deadline, cancelled while its
/// worker was gone, or out of attempts.
pub fn settle(job: &Job, now: Micros) -> Option<Job> {
    let is_to_be_had = job.status == Status::Queued || is_abandoned(job, now);
    if !is_to_be_had {
        return None;
    }
    if job.cancel_requested {
        return Some(ended(job, Status::Cancelled, None, Some("cancelled".into()), now));
    }
    if is_past_deadline(job, now) {
        let why = match job.status {
            Status::Queued => "its deadline passed while it waited",
            _ => "its deadline passed and its worker vanished",
        };
        return Some(ended(job, Status::Timeout, None, Some(why.into()), now));
    }
    if job.attempts >= job.wanted.max_attempts {
        let why = format!("{} workers in a row had it and did not end it", job.attempts);
        return Some(ended(job, Status::Error, None, Some(why), now));
    }
    None
}

/// What a sign of life is answered, and the job with its lease renewed.
pub fn heartbeat(job: &Job, fence: i64, now: Micros, lease: Micros) -> (Beat, Option<Job>) {
    if !is_held(job, fence) {
        return (Beat::Lost, None);
    }
    let order = match (job.cancel_requested, is_past_deadline(job, now)) {
        (true, _) => Order::Cancel,
        (false, true) => Order::TimeOut,
        (false, false) => Order::GoOn,
    };
    let expires = now.saturating_add(lease);
    (Beat::Held { expires, order }, Some(Job { lease_expires: Some(expires), ..job.clone() }))
}

/// Whether a verdict counts, and the job ended by it. One that was taken before, from the same
/// lease, counts again and changes nothing.
pub fn finish(job: &Job, fence: i64, verdict: &Verdict, now: Micros) -> (Told, Option<Job>) {
    if is_held(job, fence) && verdict.status.is_final() {
        let detail = verdict.detail.clone();
        return (Told::Taken, Some(ended(job, verdict.status, verdict.exit_code, detail, now)));
    }
    let was_taken = job.fence == fence
        && job.status == verdict.status
        && job.exit_code == verdict.exit_code
        && job.detail == verdict.detail;
    (if was_taken { Told::Taken } else { Told::Refused }, None)
}

/// Whether a job can be given back, and the job as it then waits. A job that nobody wants any more
/// ends.
pub fn release(job: &Job, fence: i64, now: Micros) -> (Told, Option<Job>) {
    if !is_held(job, fence) {
        return (Told::Refused, None);
    }
    let waiting = Job {
        status: Status::Queued,
        attempts: job.attempts - 1,
        lease_expires: None,
        ..job.clone()
    };
    let settled = settle(&waiting, now);
    (Told::Taken, Some(settled.unwrap_or(waiting)))
}

/// What a request to cancel does.
pub fn cancel(job: &Job, now: Micros) -> Cancelled {
    if job.status.is_final() {
        return Cancelled::TooLate(job.clone());
    }
    let asked = Job { cancel_requested: true, ..job.clone() };
    match settle(&asked, now) {
        Some(ended) => Cancelled::Ended(ended),
        None => Cancelled::Asked(asked),
    }
}

/// Whether the lease of this number is the last one given, and the job has not ended.
fn is_held(job: &Job, fence: i64) -> bool {
    job.status == Status::Running && job.fence == fence
}

fn is_past_deadline(job: &Job, now: Micros) -> bool {
    job.wanted.deadline.is_some_and(|deadline| deadline <= now)
}

fn ended(
    job: &Job,
    status: Status,
    exit_code: Option<i32>,
    detail: Option<String>,
    now: Micros,
) -> Job {
    Job { status, exit_code, detail, finished_at: Some(now), lease_expires: None, ..job.clone() }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
