//! One claimed job, from its claim to its end.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jobs::{Artifact, JobTypes};
use ops_core::config::{self, Source};
use ops_core::host::{Ending, Exec, Finished, Stop};
use run_queue::{Claimed, Job, Lease, Told};

use super::lease::{Keeper, Why};
use super::verdict::{self, Say, Seen};
use super::{AFTER_FAULT, Shop};

/// Variables of this process that orb-wrap gets: how ssh is called and where it finds keys, and what
/// orb-wrap itself reads.
const PASSED: [&str; 5] = ["HOME", "SSH_AUTH_SOCK", "AIOPS_SSH_COMMAND", "AIOPS_LOG", "TMPDIR"];

/// How long a job that is busy is waited for, in leases, before the claim counts as an attempt.
const BUSY_LEASES: u32 = 3;

/// How long is waited between two tries of a job that is busy.
const AFTER_BUSY: Duration = Duration::from_secs(1);

impl Shop {
    /// Runs a job under its lease, which was asked for at `since` of the machine's uptime; whether it
    /// was ended here.
    pub(super) fn run(&self, claimed: &Claimed, since: Duration) -> bool {
        let job = &claimed.job;
        let folder = self.home.join("artifacts/jobs").join(&job.job_id);
        let stop = match self.host.stop_on_request() {
            Ok(stop) => Arc::new(stop),
            Err(err) => {
                self.tell(&format!("{} is given back: {err}", job.job_id));
                self.give_back(&claimed.lease);
                return false;
            }
        };
        self.register(&stop);
        let (length, beat) = (self.settings.lease(), self.settings.heartbeat());
        let queue = &*self.queue;
        let keeper = Keeper::new(&self.host, queue, &claimed.lease, length, beat, &stop, since);
        let is_ended = std::thread::scope(|scope| {
            keeper.keep(scope);
            let say = self.say(claimed, &folder, &stop, &keeper);
            let is_ended = match say {
                Say::Ended(verdict) => self.finish(&claimed.lease, &verdict, &keeper),
                Say::GiveBack => {
                    self.tell(&format!("{} is given back", job.job_id));
                    self.clear(&claimed.lease, &folder);
                    self.give_back(&claimed.lease);
                    false
                }
                Say::Busy => {
                    // It counts as an attempt: another host may do better, and there is an end to it.
                    self.tell(&format!("{} stays busy: its lease runs out", job.job_id));
                    false
                }
                Say::Nothing => {
                    self.tell(&format!("{} was lost and is stopped", job.job_id));
                    false
                }
            };
            keeper.end();
            is_ended
        });
        self.unregister(&stop);
        is_ended
    }

    /// Tries until the job is not busy any more, or has been for too long.
    fn say(&self, claimed: &Claimed, folder: &Path, stop: &Arc<Stop>, keeper: &Keeper<'_>) -> Say {
        let end = self.host.uptime() + self.settings.lease() * BUSY_LEASES;
        let mut is_told = false;
        loop {
            let said = self.attempt(claimed, folder, stop, keeper);
            if said != Say::Busy || self.host.uptime() >= end {
                return said;
            }
            if !std::mem::replace(&mut is_told, true) {
                let job_id = &claimed.job.job_id;
                self.tell(&format!(
                    "{job_id} is still run by an earlier program, and is waited for"
                ));
            }
            if stop.wait(AFTER_BUSY) {
                return verdict::judge(self.seen(
                    None,
                    Ok(Ending::Deadline),
                    String::new(),
                    keeper,
                ));
            }
        }
    }

    /// Runs the program, unless it was run to its end before or an earlier one still runs, and judges
    /// what became of it.
    fn attempt(
        &self,
        Claimed { job, lease }: &Claimed,
        folder: &Path,
        stop: &Arc<Stop>,
        keeper: &Keeper<'_>,
    ) -> Say {
        if job.attempts > 1
            && let Some(artifact) = verdict::artifact(&self.host, job, folder)
        {
            // An earlier worker on this host got so far and no further.
            return Say::Ended(verdict::of_artifact(artifact));
        }
        // orb-wrap holds its folder as long as it runs: a worker that hangs cannot end its own.
        if matches!(self.host.lock_folder(folder), Ok(Err(_held))) {
            return Say::Busy;
        }
        // What a worker that was killed left is in the way of a whole result.
        let noted = self.host.remove_tree(folder).and_then(|()| self.notes.begin(lease));
        if let Err(err) = noted {
            self.tell(&format!("cannot clear {} and note its job: {err}", folder.display()));
        }
        let done = self.host.run_until(&self.exec(job, folder), stop);
        let artifact = verdict::artifact(&self.host, job, folder);
        let said = done.as_ref().map(said).unwrap_or_default();
        let ending = done.map(|done| done.ending).map_err(|err| err.to_string());
        verdict::judge(self.seen(artifact, ending, said, keeper))
    }

    fn seen(
        &self,
        artifact: Option<Artifact>,
        ending: Result<Ending, String>,
        said: String,
        keeper: &Keeper<'_>,
    ) -> Seen {
        Seen { artifact, ending, said, killed: keeper.why(), is_over: self.is_leaving() }
    }

    fn exec(&self, job: &Job, folder: &Path) -> Exec {
        let wanted = &job.wanted;
        let words = |words: &[&str]| -> Vec<OsString> { words.iter().map(Into::into).collect() };
        let parent = std::process::id().to_string();
        let mut args = words(&["inside", "--parent", &parent, "--"]);
        args.push(self.program.clone().into());
        args.extend(words(&["run", "--json", "--job", &wanted.job_type]));
        args.extend(words(&["--repo", &wanted.remote_url, "--sha", &wanted.sha]));
        for (name, value) in &wanted.params {
            args.extend(words(&["--param", &format!("{name}={value}")]));
        }
        args.extend(["--artifact-dir".into(), folder.into()]);
        args.extend(["--home".into(), self.home.clone().into()]);
        if let Source::Folder(configs) = &self.configs {
            args.extend(["--configs".into(), configs.into()]);
        }
        let mut exec = Exec::new(self.own.clone(), args);
        exec.deadline = Duration::from_secs(self.settings.longest_job_seconds.into());
        // `runner inside` wants to know a home, too.
        exec.env.insert("AIOPS_HOME".into(), self.home.clone().into());
        exec.env.insert("AIOPS_TRIGGER".into(), "api".into());
        let passed = PASSED.iter().map(|name| (*name).to_owned());
        for name in passed.chain(self.passed_to(&wanted.job_type)) {
            if let Some(value) = self.host.env(&name) {
                exec.env.insert(name.into(), value.into());
            }
        }
        exec
    }

    /// The variables that the allowlist lets pass to jobs of a type, as it is now: orb-wrap reads
    /// it for each job, and is the one to tell what is wrong with it.
    fn passed_to(&self, job_type: &str) -> Vec<String> {
        let types: Result<JobTypes, _> = config::load(&self.host, &self.configs);
        let passed = types.ok().and_then(|mut it| it.jobs.remove(job_type));
        passed.map(|it| it.pass_env).unwrap_or_default()
    }

    /// Says how a job ended until it is heard, or the lease is lost; whether it was taken.
    fn finish(&self, lease: &Lease, verdict: &run_queue::Verdict, keeper: &Keeper<'_>) -> bool {
        loop {
            match self.queue.finish(lease, verdict) {
                Ok(Told::Taken) => {
                    self.notes.end(&lease.job_id);
                    self.tell(&format!("{} ended: {}", lease.job_id, verdict.status));
                    return true;
                }
                Ok(Told::Refused) => {
                    self.tell(&format!("{} had been lost: its end does not count", lease.job_id));
                    return false;
                }
                // Who looks next on this host tells it, unless another host has run it again by then.
                Err(fault) if keeper.why() == Some(Why::Lost) || self.is_leaving() => {
                    self.tell(&format!("{}'s end could not be told: {fault}", lease.job_id));
                    return false;
                }
                Err(_) => self.host.pause(AFTER_FAULT),
            }
        }
    }

    /// Removes what the run of this lease left, which does not count, and its note: while the lease
    /// still keeps others away, as from the moment when the job is given back folder and note may be
    /// another run's.
    fn clear(&self, lease: &Lease, folder: &Path) {
        if !self.notes.is_of(lease) {
            return;
        }
        match self.host.remove_tree(folder) {
            Ok(()) => self.notes.end(&lease.job_id),
            // The note stays: when the job has ended elsewhere, what lies here goes with it.
            Err(err) => self.tell(&format!("what {} left stays: {err}", lease.job_id)),
        }
    }

    fn give_back(&self, lease: &Lease) {
        // When it fails, the lease runs out by itself.
        if let Err(fault) = self.queue.release(lease) {
            self.tell(&format!("{} could not be given back: {fault}", lease.job_id));
        }
    }

    fn is_leaving(&self) -> bool {
        self.is_over.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// The end of what a program said on standard error, as one line.
fn said(done: &Finished) -> String {
    let text = String::from_utf8_lossy(&done.stderr);
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}
