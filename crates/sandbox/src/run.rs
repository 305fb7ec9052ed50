//! Starts the helper, lets it become the job when enough holds, looks on, and ends all of it.

use std::io;
use std::time::Duration;

use jobs::{Held, Layer};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Event, Host, Running, Stop, Stream};
use ops_core::time::Timestamp;

use crate::inside::GO;
use crate::order::{Job, Order, Told};
use crate::{usage, walls};

/// How long the helper may take to tell what holds.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often memory and files are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long what was killed may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(20);
/// The longest first line of the helper, bytes.
const LONGEST: usize = 1 << 16;

/// How a job ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// With this code; 128 and its number for a signal.
    Code(i32),
    /// It outlived its deadline and was killed with all it had started.
    Deadline,
    /// All its processes together used more memory than they may, and were killed.
    Memory,
    /// It wrote more than it may, and was killed.
    Files,
    /// The disk it writes to was nearly full, and it was killed: what it has open may be the reason.
    DiskShort,
    /// This machine was short of memory, and it was killed.
    MemoryShort,
    /// This process was asked to end, and ended it.
    Stopped,
}

/// What came of a job that was started.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// What each layer was found to hold before it started.
    pub held: Vec<Held>,
    /// When it was let go.
    pub started: Timestamp,
    /// How long setting up and trying the sandbox took.
    pub set_up: Duration,
    /// Whether everything it started is gone.
    pub all_gone: bool,
    /// Whether it left more than it may: too much or too many, or what cannot be looked at.
    pub too_much: bool,
}

/// Why a job was not started.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What each layer was found to hold, when it came to that.
    pub held: Vec<Held>,
    /// The layers of the minimum that did not.
    pub missing: Vec<Layer>,
    /// What the helper or bubblewrap said.
    pub said: String,
}

/// Runs a job. What it says goes to `sink` as it comes.
///
/// # Errors
/// Exit 69 when the helper cannot be started or followed, or `sink` fails.
pub fn run(
    host: &Host,
    job: &Job,
    sink: &mut dyn FnMut(Stream, &[u8]) -> io::Result<()>,
    stop: &Stop,
) -> Result<Result<Outcome, Refused>, Failure> {
    let doing = || "run the job in its sandbox";
    let began = host.ticks();
    let Some(bubblewrap) = host.find_program("bwrap") else {
        let said = "bubblewrap is not here: install the package bubblewrap".to_owned();
        return Ok(Err(Refused { held: vec![], missing: job.minimum.clone(), said }));
    };
    let exec = walls::behind(host, &bubblewrap, job);
    let order = order(host, job);
    let mut text = serde_json::to_vec(&order).or_fail(Exit::Internal, doing())?;
    text.push(b'\n');
    let mut running = host.follow(&exec).or_fail(Exit::Unavailable, doing())?;
    let heard = running.tell(&text).and_then(|()| first_line(host, &mut running, stop));
    let held = match heard.or_fail(Exit::Unavailable, doing())? {
        Ok(held) => held,
        Err(said) => return Ok(Err(Refused { held: vec![], missing: job.minimum.clone(), said })),
    };
    let holds = |layer: &Layer| held.iter().any(|it| it.layer == *layer && it.held);
    let missing: Vec<Layer> = job.minimum.iter().filter(|it| !holds(it)).copied().collect();
    if !missing.is_empty() {
        return Ok(Err(Refused { held, missing, said: String::new() }));
    }
    // Behind walls the first process of the namespace is bubblewrap's child: all ends with it.
    let children = host.children(running.id());
    for child in &children {
        running.hold(*child).or_fail(Exit::Unavailable, doing())?;
    }
    let started = host.now();
    let set_up = host.ticks().saturating_sub(began);
    running.tell(GO).or_fail(Exit::Unavailable, doing())?;
    running.hang_up();
    let ended = look_on(host, job, &mut running, sink, stop);
    let all_gone = running.end(LAST_BREATH);
    let too_much = has_too_much(host, job);
    let ended = match ended.or_fail(Exit::Unavailable, doing())? {
        Ended::Code(_) if too_much => Ended::Files,
        ended => ended,
    };
    Ok(Ok(Outcome { ended, held, started, set_up, all_gone, too_much }))
}

fn order(host: &Host, job: &Job) -> Order {
    let writable = [job.writable.to.clone()].into_iter().chain(walls::TMP.map(Into::into));
    Order {
        argv: job.argv.clone(),
        folder: job.folder.clone(),
        env: job.env.clone(),
        read_only: job.readable.iter().map(|it| it.to.clone()).collect(),
        writable: writable.collect(),
        spare: walls::SPARE.into(),
        user: host.is_root().then_some(job.user),
        limits: job.limits,
    }
}

/// Reads what the helper tells; what was said instead, when it ends before that.
fn first_line(
    host: &Host,
    running: &mut Running,
    stop: &Stop,
) -> io::Result<Result<Vec<Held>, String>> {
    let end = host.ticks() + PATIENCE;
    let (mut line, mut said) = (vec![], vec![]);
    loop {
        match running.next(end.saturating_sub(host.ticks()), stop)? {
            Event::Said(Stream::Out, bytes) => line.extend(bytes),
            Event::Said(Stream::Err, bytes) => said.extend(bytes),
            Event::Ended(_) => return Ok(Err(told(&said))),
            Event::Stopped => return Ok(Err("asked to end".to_owned())),
            Event::Nothing => return Ok(Err(format!("no answer in {} s", PATIENCE.as_secs()))),
        }
        if line.ends_with(b"\n") {
            let told: Told = serde_json::from_slice(&line)?;
            return Ok(Ok(told.held));
        }
        if line.len() > LONGEST || said.len() > LONGEST {
            return Ok(Err(told(&said)));
        }
    }
}

fn told(said: &[u8]) -> String {
    String::from_utf8_lossy(said).trim().to_owned()
}

fn look_on(
    host: &Host,
    job: &Job,
    running: &mut Running,
    sink: &mut dyn FnMut(Stream, &[u8]) -> io::Result<()>,
    stop: &Stop,
) -> io::Result<Ended> {
    let end = host.ticks() + job.deadline;
    let mut next_look = host.ticks() + LOOK;
    loop {
        let now = host.ticks();
        if now >= end {
            return Ok(Ended::Deadline);
        }
        if now >= next_look {
            if let Some(ended) = over(host, job, running.id()) {
                return Ok(ended);
            }
            next_look = host.ticks() + LOOK;
        }
        match running.next(next_look.min(end).saturating_sub(host.ticks()), stop)? {
            Event::Said(stream, bytes) => sink(stream, &bytes)?,
            Event::Ended(Ending::Code(code)) => return Ok(Ended::Code(code)),
            Event::Ended(Ending::Signal(signal)) => return Ok(Ended::Code(128 + signal)),
            Event::Ended(Ending::Deadline) => return Ok(Ended::Deadline),
            Event::Stopped => return Ok(Ended::Stopped),
            Event::Nothing => {}
        }
    }
}

/// What is over its limit now. A single process's own limits do not add up, and files that have no
/// name any more, or memory that belongs to no process, are seen by what is left for all.
fn over(host: &Host, job: &Job, process: u32) -> Option<Ended> {
    if usage::is_memory_over(host, process, job.limits.memory_mib << 20) {
        return Some(Ended::Memory);
    }
    if has_too_much(host, job) {
        return Some(Ended::Files);
    }
    if host.space(&job.writable.from).is_ok_and(|it| it.is_short()) {
        return Some(Ended::DiskShort);
    }
    host.memory().is_ok_and(|it| it.is_short()).then_some(Ended::MemoryShort)
}

fn has_too_much(host: &Host, job: &Job) -> bool {
    usage::are_files_over(host, &job.writable.from, job.limits.artifact_mib << 20)
}
