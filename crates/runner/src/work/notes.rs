//! Notes of what runs here, on this machine's disk, so that a job's end is told although its worker is
//! gone: by whichever runner of this home looks next, under the lease that the worker had.
//!
//! A note is written when the job's folder has been emptied and before its program starts; so an
//! artifact beside a note was left by that very run. It goes when the queue has heard how the job
//! ended.

use std::io;
use std::path::{Path, PathBuf};

use jobs::JobId;
use ops_core::host::Host;
use run_queue::{Fault, Job, Lease, Queue, Status};

use super::verdict;

/// The longest note, bytes: a number.
const LONGEST: u64 = 32;

/// The notes of a home.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    host: Host,
    folder: PathBuf,
    artifacts: PathBuf,
}

/// What is to be done about a note.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    /// Nothing yet.
    Wait,
    /// The run that it is about still counts: its end is told, if it has ended.
    Tell,
    /// Nothing depends on it any more.
    Forget,
    /// The job ended on another host: what this run left here is not what the job left.
    Clear,
}

impl Notes {
    /// Those of a home.
    pub(crate) fn new(host: &Host, home: &Path) -> Self {
        let folder = home.join("state/runner/running");
        Self { host: host.clone(), folder, artifacts: home.join("artifacts/jobs") }
    }

    /// Notes that the program of a job is started under this lease, in an empty folder.
    pub(super) fn begin(&self, lease: &Lease) -> io::Result<()> {
        self.host.make_dir(&self.folder, 0o750)?;
        let text = format!("{}\n", lease.fence);
        self.host.replace_file(&self.folder.join(&lease.job_id), text.as_bytes(), 0o640)
    }

    /// Whether the note of a job, and so what lies in its folder, is of the run of this lease.
    pub(super) fn is_of(&self, lease: &Lease) -> bool {
        self.fence(&lease.job_id) == Some(lease.fence)
    }

    /// Forgets a job: the queue has heard of its end, or somebody else is to run it.
    pub(super) fn end(&self, job_id: &str) {
        // One that stays is forgotten by the next look.
        let _later = self.host.remove_file(&self.folder.join(job_id)).is_err();
    }

    /// Looks at each note: tells the queue what ended and was not heard of. `own` is the name of this
    /// host where workers run, who alone know that a job ended elsewhere.
    ///
    /// # Errors
    /// When the queue cannot be asked; the next look goes on.
    pub(crate) fn look(&self, queue: &dyn Queue, own: Option<&str>) -> Result<(), Fault> {
        for name in self.host.names(&self.folder).unwrap_or_default() {
            let Some(job_id) = name.to_str().and_then(JobId::read) else { continue };
            let job_id = job_id.as_str();
            let Some(fence) = self.fence(job_id) else { continue };
            let job = queue.get(job_id)?;
            let at = self.artifacts.join(job_id);
            match next(job.as_ref(), fence, own) {
                Next::Wait => {}
                Next::Tell => {
                    let artifact = job.and_then(|job| verdict::artifact(&self.host, &job, &at));
                    if let Some(artifact) = artifact {
                        let lease = Lease { job_id: job_id.to_owned(), fence, expires: 0 };
                        // Taken or not: the next look sees how the job stands.
                        queue.finish(&lease, &verdict::of_artifact(artifact))?;
                    }
                }
                Next::Clear => {
                    if self.host.remove_tree(&at).is_ok() {
                        self.end(job_id);
                    }
                }
                Next::Forget => self.end(job_id),
            }
        }
        Ok(())
    }

    /// The number of the lease that a note is about; `None` for what is no note of ours.
    fn fence(&self, job_id: &str) -> Option<i64> {
        let (_, bytes) = self.host.read_plain(&self.folder.join(job_id), LONGEST).ok()?;
        std::str::from_utf8(&bytes).ok()?.trim_end().parse().ok()
    }
}

/// What follows from how the job stands. Pure.
fn next(job: Option<&Job>, fence: i64, own: Option<&str>) -> Next {
    let Some(job) = job else { return Next::Forget };
    match (job.status, job.fence == fence) {
        (Status::Running, true) => Next::Tell,
        // Somebody else has it or will have it; where it ends is not known yet.
        (Status::Running | Status::Queued, _) => Next::Wait,
        (_, true) => Next::Forget,
        (_, false) => match (own, &job.worker) {
            (Some(own), Some(worker)) if worker.host != own => Next::Clear,
            (Some(_), _) => Next::Forget,
            (None, _) => Next::Wait,
        },
    }
}

#[cfg(test)]
#[path = "notes_tests.rs"]
mod tests;
