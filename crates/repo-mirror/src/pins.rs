//! Commits that jobs use: a reference of ours keeps each, and a lock tells that its job lives.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{JobId, RepoUrl, Sha};
use ops_core::failure::Failure;
use ops_core::host::{Host, Lock};

use crate::seal;
use crate::worktree::unavailable;

/// How long another job's fetch may take, and how often to look whether it is done.
pub(crate) const PATIENCE: Duration = Duration::from_mins(16);
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// A commit that stays while a job runs. Dropping it lets it go.
#[derive(Debug)]
pub struct Pinned {
    host: Host,
    /// The bare mirror.
    pub mirror: PathBuf,
    /// The commit.
    pub sha: Sha,
    /// The reference of ours that keeps it.
    pub reference: String,
    /// Where the repository is.
    pub url: RepoUrl,
    /// Whether the remote was asked.
    pub fetched: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What the mirror was when it was pinned: another one may be put in its place.
    inode: u64,
    lock_path: PathBuf,
    _lock: Lock,
}

impl Pinned {
    /// Pins a commit of a mirror whose lock is held.
    pub(crate) fn new(
        host: &Host,
        mirror: &Path,
        url: RepoUrl,
        sha: &Sha,
        job: &JobId,
    ) -> Result<Self, Failure> {
        let lock_path = locks(mirror).join(job.as_str());
        let lock = host.lock(&lock_path)?.map_err(|busy| busy.failure("job of this id"))?;
        let reference = format!("refs/orb/jobs/{job}");
        let file = mirror.join(&reference);
        unavailable(host.make_dir(&mirror.join("refs/orb/jobs"), 0o755), "make", &file)?;
        let line = format!("{sha}\n");
        let written = host.replace_file_unsynced(&file, line.as_bytes(), 0o644);
        unavailable(written, "write", &file)?;
        let inode = unavailable(host.look(mirror), "look at", mirror)?.map_or(0, |it| it.inode);
        Ok(Self {
            host: host.clone(),
            mirror: mirror.to_path_buf(),
            sha: sha.clone(),
            reference,
            url,
            fetched: false,
            warnings: vec![],
            inode,
            lock_path,
            _lock: lock,
        })
    }

    /// Whether the mirror is as we left it; another job's fetch is ours, too.
    pub(crate) fn is_sealed(&self, host: &Host) -> bool {
        let is_sealed = || seal::holds(host, &self.mirror, &self.url);
        let lock = self.mirror.with_extension("lock");
        let end = host.ticks() + PATIENCE;
        // A fetch of another job may be between changing the mirror and saying so.
        loop {
            if is_sealed() {
                return true;
            }
            if host.lock_holder(&lock).is_none() || host.ticks() >= end {
                return is_sealed();
            }
            host.pause(PAUSE);
        }
    }

    /// Whether our reference still names the commit. In a mirror that took the place of ours
    /// meanwhile there is none; who may put it there holds its lock and seals it.
    pub(crate) fn is_pinned(&self, host: &Host) -> bool {
        let found = host.read_plain(&self.mirror.join(&self.reference), 4096);
        let inode = || host.look(&self.mirror).ok().flatten().map(|it| it.inode);
        found.is_ok_and(|(_, bytes)| bytes == format!("{}\n", self.sha).as_bytes())
            || inode().is_some_and(|it| it != self.inode)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What stays is removed by the next job.
        let _stays = self.host.remove_file(&self.mirror.join(&self.reference)).is_err();
        let _stays = self.host.remove_file(&self.lock_path).is_err();
    }
}

/// Removes pins of jobs whose process is gone, in a mirror or in what it once was. Returns whether
/// others are left.
pub(crate) fn let_go(host: &Host, mirror: &Path, folder: &Path) -> bool {
    let pins = folder.join("refs/orb/jobs");
    let mut in_use = false;
    for name in host.names(&pins).unwrap_or_default() {
        let job = name.to_str().and_then(JobId::read);
        let lock = job.map(|it| locks(mirror).join(it.as_str()));
        if lock.as_ref().is_some_and(|it| host.lock_holder(it).is_some()) {
            in_use = true;
            continue;
        }
        let _stays = host.remove_file(&pins.join(&name)).is_err();
        let _stays = lock.is_some_and(|it| host.remove_file(&it).is_err());
    }
    in_use
}

/// Where the locks of a mirror's pins lie.
fn locks(mirror: &Path) -> PathBuf {
    mirror.with_extension("pins")
}
