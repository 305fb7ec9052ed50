//! `GET /jobs/{job_id}/events`: how a job goes on, as server-sent events.
//!
//! `job` when it changes, `stdout` and `stderr` as it speaks, `problem` when what it says cannot be
//! read, `end` last. Each event's id says how far both outputs were told, so that who reconnects with
//! `Last-Event-ID` misses and repeats nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as With};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use run_queue::Job;
use serde::Serialize;
use tokio::time::Instant;

use crate::args::Stream;
use crate::documents::{JobView, Problem, Said};

use super::answer::Refusal;
use super::feed::{self, Feed};
use super::jobs::find;
use super::{Shared, logs};

/// How often a running job's outputs are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How often it is looked at besides, when nothing rings.
const BETWEEN_LOOKS_WAITING: Duration = Duration::from_secs(5);

/// How often a silent connection shows that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How long an output that cannot be read is tried for once the job has ended, before the end is told
/// without the rest of it.
const TRIED_AFTER_END: Duration = Duration::from_secs(20);

/// Followers at a time: each costs looks at the queue and at two files.
pub(super) const MOST_FOLLOWERS: usize = 256;

/// How far both outputs were told, bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Cursor([u64; 2]);

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let (stdout, stderr) = text.split_once('.')?;
        Some(Self([stdout.parse().ok()?, stderr.parse().ok()?]))
    }

    fn written(self) -> String {
        let Self([stdout, stderr]) = self;
        format!("{stdout}.{stderr}")
    }
}

/// Follows a job.
pub(crate) async fn follow(
    With(state): With<Shared>,
    job_id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let place = Arc::clone(&state.followers).try_acquire_owned();
    let place = place.map_err(|_| Refusal::busy("too many follow events"))?;
    let job = find(&state, job_id).await?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let cursor = last.and_then(Cursor::read).unwrap_or_default();
    let (feed, events) = feed::channel();
    tokio::spawn(async move {
        // Its end is the reader's going, the job's end, or the server's.
        let _told = tell(&state, job, cursor, &feed).await;
        drop(place);
    });
    let keep = KeepAlive::new().interval(SIGN_OF_LIFE);
    Ok(Sse::new(events).keep_alive(keep).into_response())
}

type Told = Result<Event, std::convert::Infallible>;

/// Tells of a job until it ends; `None` when nobody listens or nothing can be told any more.
async fn tell(state: &Shared, mut job: Job, mut cursor: Cursor, feed: &Feed<Told>) -> Option<()> {
    let mut changes = state.changes.clone();
    let mut told: Option<Job> = None;
    let mut troubles = Troubles::default();
    let mut tried_since: Option<Instant> = None;
    // Its outputs grow without a ring; the job itself does not change without one.
    let (mut is_news, mut seen) = (true, Instant::now());
    loop {
        changes.borrow_and_update();
        if is_news || seen.elapsed() >= BETWEEN_LOOKS_WAITING {
            let job_id = job.job_id.clone();
            job = state.ask(move |queue| queue.get(&job_id)).await.ok()??;
            seen = Instant::now();
        }
        // Looked at before the outputs: what was said before an end is told before it.
        let has_ended = job.status.is_final();
        let shown = Job { lease_expires: None, ..job.clone() };
        if told.as_ref() != Some(&shown) && !has_ended {
            send(feed, "job", cursor, &JobView::new(&job)).await?;
            told = Some(shown);
        }
        speak(state, &job, has_ended, (&mut cursor, &mut troubles), feed).await?;
        if has_ended {
            let tried = tried_since.get_or_insert_with(Instant::now).elapsed();
            // The verdict is not kept back for ever. The end's id says how far was told: who asks again
            // from there gets the rest.
            if !troubles.may_pass() || tried >= TRIED_AFTER_END {
                return send(feed, "end", cursor, &JobView::new(&job)).await;
            }
        }
        let limit = if job.started_at.is_some() { BETWEEN_LOOKS } else { BETWEEN_LOOKS_WAITING };
        is_news = tokio::select! {
            // Who follows a silent job and goes away is noticed by nothing else.
            () = feed.closed() => return None,
            news = tokio::time::timeout(limit, changes.changed()) => match news {
                Ok(Ok(())) => true,
                Ok(Err(_closed)) => return None,
                Err(_elapsed) => false,
            },
        };
    }
}

/// What is wrong with each output, as it was told last.
#[derive(Debug, Default)]
struct Troubles([Option<Problem>; 2]);

impl Troubles {
    /// Whether any of it may be over the next time.
    fn may_pass(&self) -> bool {
        self.0.iter().flatten().any(|problem| problem.status >= 500)
    }
}

/// Tells what a job said since the last time. What is wrong with an output is told once, as long as it
/// lasts; the output is tried again by the next call.
async fn speak(
    state: &Shared,
    job: &Job,
    has_ended: bool,
    (cursor, troubles): (&mut Cursor, &mut Troubles),
    feed: &Feed<Told>,
) -> Option<()> {
    for (at, stream) in Stream::ALL.into_iter().enumerate() {
        let trouble = troubles.0.get_mut(at)?;
        loop {
            let from = *cursor.0.get(at)?;
            let (shared, job) = (Shared::clone(state), job.clone());
            let said =
                state.work(move || logs::since(&shared, &job, stream, from, has_ended)).await;
            let said = match said {
                Ok(said) => said,
                Err(refusal) => {
                    let mut problem = refusal.problem();
                    problem.detail = format!("{}: {}", stream.name(), problem.detail);
                    if trouble.as_ref() != Some(&problem) {
                        send(feed, "problem", *cursor, &problem).await?;
                        *trouble = Some(problem);
                    }
                    break;
                }
            };
            *trouble = None;
            let Some((text, to)) = said else { break };
            *cursor.0.get_mut(at)? = to;
            send(feed, stream.name(), *cursor, &Said { offset: from, text }).await?;
        }
    }
    Some(())
}

async fn send(feed: &Feed<Told>, name: &str, cursor: Cursor, data: &impl Serialize) -> Option<()> {
    let data = serde_json::to_string(data).ok()?;
    feed.send(Ok(Event::default().event(name).id(cursor.written()).data(data))).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nonsense_is_none() {
        let cursor = Cursor([7, u64::MAX]);
        assert_eq!(Cursor::read(&cursor.written()), Some(cursor));
        for wrong in ["", "1", "1.", ".1", "-1.0", "1.2.3", "a.b", "99999999999999999999.0"] {
            assert_eq!(Cursor::read(wrong), None, "{wrong}");
        }
    }
}
