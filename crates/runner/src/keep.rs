//! What goes on beside requests and jobs: telling ends that were not heard of, settling what needs no
//! worker, and forgetting what is old.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jobs::JobId;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind, Stop};
use ops_core::time::{SignedDuration, Timestamp};
use run_queue::{Fault, Job, Micros, Queue};

use crate::settings::{Retention, Settings};
use crate::work::Notes;

/// How often jobs are settled that need no worker.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(5);

/// How long its end is waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How many sweeps there are between two looks for what is old: about an hour.
const SWEEPS: u32 = 720;

/// How many ended jobs are looked at together.
const TOGETHER: usize = 500;

/// A thread that keeps the house.
#[derive(Debug)]
pub(crate) struct Keeper {
    host: Host,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

/// Starts it; `has_workers` where workers run in this process.
pub(crate) fn start(
    context: &Context,
    settings: &Settings,
    queue: Arc<dyn Queue>,
    has_workers: bool,
) -> Result<Keeper, Failure> {
    let doing = || "start the keeper's thread";
    let stop = Arc::new(context.host.stop_on_request().or_fail(Exit::Unavailable, doing())?);
    let (asked, host) = (Arc::clone(&stop), context.host.clone());
    let (folder, retention) = (context.home.join("artifacts/jobs"), settings.retention.clone());
    let notes = Notes::new(&context.host, &context.home);
    let own = has_workers.then(|| context.host.name());
    let thread = std::thread::Builder::new().name("runner-keeper".into()).spawn(move || {
        for round in 0_u32.. {
            // What cannot be done now is done the next time. First what ended here: it is no job of a
            // worker that vanished.
            let _later = notes.look(&*queue, own.as_deref()).is_err();
            let _later = queue.sweep().is_err();
            if round % SWEEPS == 0 {
                let _later = forget(&host, &*queue, &folder, &retention).is_err();
            }
            if asked.wait(BETWEEN_SWEEPS) {
                break;
            }
        }
    });
    let thread = thread.or_fail(Exit::Unavailable, doing())?;
    Ok(Keeper { host: context.host.clone(), stop, thread })
}

impl Keeper {
    /// Ends it; one that waits for a queue that does not answer is left to the process's end.
    pub(crate) fn end(self) {
        self.stop.ask();
        let limit = self.host.ticks() + LAST_WORDS;
        while !self.thread.is_finished() && self.host.ticks() < limit {
            self.host.pause(Duration::from_millis(10));
        }
    }
}

/// Forgets ended jobs that are too old or too many, and removes what they left here: the files
/// first, so that a crash between leaves a job without files and never files without a job.
fn forget(
    host: &Host,
    queue: &dyn Queue,
    folder: &Path,
    retention: &Retention,
) -> Result<(), Fault> {
    let now = host.now();
    let age = SignedDuration::from_hours(24 * i64::from(retention.days));
    let oldest = now.checked_sub(age).unwrap_or(Timestamp::MIN);
    let sizes = sizes(host, folder);
    let (counted, strangers) = judged(queue, &sizes, oldest, retention)?;
    let mut left = Left {
        jobs: queue.counts()?.iter().filter(|(it, _)| it.is_final()).map(|(_, n)| n).sum(),
        bytes: counted,
    };
    let mut strangers = strangers.into_iter().peekable();
    let mut kept = 0;
    loop {
        let ended = queue.ended(kept, TOGETHER)?;
        let mut gone: Vec<String> = vec![];
        for job in &ended {
            let is_before = |it: &Stranger| job.finished_at.is_some_and(|at| it.changed <= at);
            while let Some(stranger) = strangers.next_if(is_before) {
                left.see_off(host, folder, &stranger, oldest, retention);
            }
            let bytes = sizes.get(&job.job_id).map_or(0, |found| found.bytes);
            if left.must_go(job, bytes, oldest, retention) {
                gone.push(job.job_id.clone());
            }
        }
        for job_id in &gone {
            remove(host, folder, job_id);
        }
        let forgotten = if gone.is_empty() { 0 } else { queue.forget(&gone)? };
        kept += ended.len().saturating_sub(forgotten);
        // Those who ended later go later.
        let is_enough = ended.last().is_none_or(|job| !left.may_go(job, oldest, retention));
        if is_enough || ended.len() < TOGETHER {
            break;
        }
    }
    for stranger in strangers {
        left.see_off(host, folder, &stranger, oldest, retention);
    }
    Ok(())
}

/// A folder that no queue knows: a run by hand, or a job that another host forgot.
#[derive(Debug)]
struct Stranger {
    job_id: String,
    /// How much of what is counted goes with it, bytes.
    bytes: u64,
    changed: Micros,
}

/// How much lies in all folders that may have to go for their size, and those of them that no queue
/// knows, the oldest first. What still runs, here or elsewhere, is not to be had: it is not counted
/// either, or others would go in its stead.
fn judged(
    queue: &dyn Queue,
    sizes: &BTreeMap<String, Found>,
    oldest: Timestamp,
    keep: &Retention,
) -> Result<(u64, Vec<Stranger>), Fault> {
    let all = Left { jobs: 0, bytes: sizes.values().map(|found| found.bytes).sum() };
    let (mut counted, mut strangers) = (0_u64, vec![]);
    for (job_id, found) in sizes {
        // As long as there is room for all, only age counts, and most need not be asked for.
        if found.changed >= oldest && !all.is_too_much(keep) {
            continue;
        }
        let job = queue.get(job_id)?;
        let has_ended = job.as_ref().map_or(found.is_whole, |job| job.status.is_final());
        let bytes = if has_ended { found.bytes } else { 0 };
        counted = counted.saturating_add(bytes);
        if job.is_none() {
            let changed = found.changed.as_microsecond();
            strangers.push(Stranger { job_id: job_id.clone(), bytes, changed });
        }
    }
    strangers.sort_by_key(|it| it.changed);
    Ok((counted, strangers))
}

/// What there still is.
#[derive(Clone, Copy, Debug)]
struct Left {
    jobs: u64,
    bytes: u64,
}

impl Left {
    /// Whether a job has to go; if so, it is counted as gone.
    fn must_go(&mut self, job: &Job, bytes: u64, oldest: Timestamp, keep: &Retention) -> bool {
        // Of too much on this host, a job that left nothing here makes nothing less.
        let must_go =
            is_old(job, oldest) || self.are_too_many(keep) || (bytes > 0 && self.is_too_much(keep));
        if must_go {
            self.jobs = self.jobs.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        must_go
    }

    /// Removes a folder that no queue knows, if it has to go; one that is not whole may still be
    /// written, and goes by age alone.
    fn see_off(
        &mut self,
        host: &Host,
        folder: &Path,
        it: &Stranger,
        oldest: Timestamp,
        keep: &Retention,
    ) {
        let is_old = it.changed < oldest.as_microsecond();
        if is_old || (it.bytes > 0 && self.is_too_much(keep)) {
            self.bytes = self.bytes.saturating_sub(it.bytes);
            remove(host, folder, &it.job_id);
        }
    }

    /// Whether one that ended then, or later, may have to go.
    fn may_go(self, job: &Job, oldest: Timestamp, keep: &Retention) -> bool {
        is_old(job, oldest) || self.are_too_many(keep) || self.is_too_much(keep)
    }

    fn are_too_many(self, keep: &Retention) -> bool {
        self.jobs > u64::from(keep.jobs)
    }

    fn is_too_much(self, keep: &Retention) -> bool {
        self.bytes > keep.artifact_mib.saturating_mul(1 << 20)
    }
}

fn is_old(job: &Job, oldest: Timestamp) -> bool {
    job.finished_at.is_some_and(|at| at < oldest.as_microsecond())
}

/// A folder of a job.
struct Found {
    bytes: u64,
    changed: Timestamp,
    /// Whether its artifact is there, which is written last.
    is_whole: bool,
}

/// The folders of jobs, with how much is in them.
fn sizes(host: &Host, folder: &Path) -> BTreeMap<String, Found> {
    let listed = host.list(folder).unwrap_or_default().into_iter();
    let folders = listed.filter(|it| it.kind == Kind::Folder);
    folders
        .filter_map(|it| {
            let job_id = JobId::read(it.name.to_str()?)?.as_str().to_owned();
            let changed = i64::try_from(it.modified_ns / 1_000).ok()?;
            let changed = Timestamp::from_microsecond(changed).ok()?;
            let bytes = size(host, &folder.join(&job_id));
            let artifact = host.look(&folder.join(&job_id).join("artifact.json"));
            let is_whole = artifact.ok().flatten().is_some_and(|it| it.kind == Kind::File);
            Some((job_id, Found { bytes, changed, is_whole }))
        })
        .collect()
}

/// The size of all files below a folder; links are not followed.
fn size(host: &Host, folder: &Path) -> u64 {
    let (mut bytes, mut open): (u64, Vec<PathBuf>) = (0, vec![folder.to_path_buf()]);
    while let Some(at) = open.pop() {
        for it in host.list(&at).unwrap_or_default() {
            match it.kind {
                Kind::Folder => open.push(at.join(&it.name)),
                Kind::File => bytes = bytes.saturating_add(it.size),
                Kind::Link | Kind::Other => {}
            }
        }
    }
    bytes
}

fn remove(host: &Host, folder: &Path, job_id: &str) {
    if JobId::read(job_id).is_some() {
        // What cannot be removed is an old folder without a job the next time.
        let _later = host.remove_tree(&folder.join(job_id)).is_err();
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
