//! Follows a job by its events, and tells a person what they say.

use std::ops::ControlFlow;
use std::time::Duration;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::progress::Waiting;
use run_queue::Status;

use super::BETWEEN_TRIES;
use super::call::Api;
use super::plain;
use crate::documents::{JobView, Problem, Said};

/// How long one connection is followed at most; then the next goes on where it ended.
const TURN: Duration = Duration::from_mins(10);

/// One event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: String,
}

/// Reads events from pieces of a stream, as the WHATWG's standard has them, as far as our API uses
/// it: fields `event`, `id` and `data`, comments, lines that end with `\n`.
#[derive(Debug, Default)]
struct Reader {
    line: Vec<u8>,
    event: Event,
}

impl Reader {
    fn read(&mut self, piece: &[u8], each: &mut dyn FnMut(&Event)) {
        for byte in piece {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            self.take(&String::from_utf8_lossy(&line), each);
        }
    }

    fn take(&mut self, line: &str, each: &mut dyn FnMut(&Event)) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if !event.data.is_empty() {
                each(&event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => value.clone_into(&mut self.event.id),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
    }
}

/// Who tells a person how a job goes on.
pub(super) struct Teller<'a> {
    pub(super) context: &'a Context,
    /// What is waited for, where a terminal shows it.
    pub(super) waiting: Waiting,
}

impl Teller<'_> {
    fn say(&self, text: &str) {
        self.waiting.aside(|| self.context.say(text));
    }

    /// Shows what is waited for.
    fn wait_for(&self, job: &JobView) {
        let place = match (&job.worker, job.status) {
            (Some(worker), Status::Running) => format!(" on {}", plain::line(&worker.host)),
            _ => String::new(),
        };
        self.waiting.set(format!("{} {}{place}", job.job_id, job.status));
    }
}

/// Follows a job until it has ended; `None` when it has not by `end` of the stopwatch.
pub(super) fn to_its_end(
    api: &Api,
    teller: &Teller<'_>,
    job: &JobView,
    end: Duration,
) -> Result<Option<JobView>, Failure> {
    let path = format!("/jobs/{}/events", job.job_id);
    let mut last = String::new();
    let mut shown = job.clone();
    let host = &teller.context.host;
    teller.wait_for(job);
    loop {
        let left = end.saturating_sub(host.ticks());
        if left.is_zero() {
            return Ok(None);
        }
        let mut reader = Reader::default();
        let mut ended = None;
        let since = last.clone();
        let followed = api.follow(&path, &since, left.min(TURN), &mut |piece| {
            reader.read(piece, &mut |event| {
                event.id.clone_into(&mut last);
                ended = told(teller, event, &mut shown).or(ended.take());
            });
            if ended.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if ended.is_some() {
            return Ok(ended);
        }
        match followed {
            // A connection that ended, an API that is being started again: go on where it was.
            Ok(reply) if reply.is_success() || reply.status >= 500 => {}
            Ok(reply) => {
                drop(super::document::<JobView>(&reply)?);
                return Ok(None);
            }
            Err(_) => {}
        }
        host.pause(BETWEEN_TRIES.min(end.saturating_sub(host.ticks())));
    }
}

/// Tells one event; the job, when it has ended.
fn told(teller: &Teller<'_>, event: &Event, shown: &mut JobView) -> Option<JobView> {
    match event.name.as_str() {
        "stdout" | "stderr" => {
            let said: Said = serde_json::from_str(&event.data).ok()?;
            for line in plain::lines(&said.text) {
                teller.say(&format!("{} | {line}", event.name));
            }
            None
        }
        "job" => {
            let job: JobView = serde_json::from_str(&event.data).ok()?;
            if (job.status, job.attempts) != (shown.status, shown.attempts) {
                let by = job.worker.as_ref().map(|it| format!(" ({})", it.name));
                teller.say(&format!("{} {}{}", job.job_id, job.status, by.unwrap_or_default()));
                teller.wait_for(&job);
            }
            *shown = job;
            None
        }
        "problem" => {
            let problem: Problem = serde_json::from_str(&event.data).ok()?;
            teller.say(&plain::line(&problem.detail));
            None
        }
        "end" => serde_json::from_str(&event.data).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = ": comment\n\nevent: job\nid: 1.2\ndata: {\"a\":\ndata: 1}\n\nid: 3.4\r\n\
        event:stdout\r\ndata: x: y\r\n\r\nevent: empty\n\ndata: last\n\nevent: cut";

    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut reader, mut events) = (Reader::default(), vec![]);
        for piece in pieces {
            reader.read(piece, &mut |event| events.push(event.clone()));
        }
        events
    }

    fn event(name: &str, id: &str, data: &str) -> Event {
        Event { name: name.into(), id: id.into(), data: data.into() }
    }

    #[test]
    fn events_are_read_whole_and_a_cut_one_is_not() {
        let want = [
            event("job", "1.2", "{\"a\":\n1}"),
            event("stdout", "3.4", "x: y"),
            event("", "", "last"),
        ];
        assert_eq!(events(&[TEXT.as_bytes()]), want);
    }

    proptest! {
        #[test]
        fn where_pieces_are_cut_does_not_matter(at in 0..TEXT.len()) {
            let (one, two) = TEXT.as_bytes().split_at(at);
            prop_assert_eq!(events(&[one, two]), events(&[TEXT.as_bytes()]));
        }
    }
}
