//! Commits that jobs use: a reference of ours keeps each, and a lock tells that its job lives.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{JobId, RepoUrl, Sha};
use ops_core::failure::Failure;
use ops_core::host::{Host, Lock};

use crate::seal;
use crate::worktree::unavailable;

/// Where our references lie in a mirror.
pub(crate) const FOLDER: &str = "refs/orb/jobs";

/// How long another job's fetch may take, and how often to look whether it is done.
pub(crate) const PATIENCE: Duration = Duration::from_mins(16);
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// A commit that stays while a job runs, and others that it may look at. Dropping it lets them go.
#[derive(Debug)]
pub struct Pinned {
    host: Host,
    /// The bare mirror.
    pub mirror: PathBuf,
    /// The commit.
    pub sha: Sha,
    /// The reference of ours that keeps it.
    pub reference: String,
    /// What each reference of ours keeps, that one among them.
    kept: Vec<(String, Sha)>,
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
    /// Pins commits of a mirror whose lock is held: the job's own, and others.
    pub(crate) fn new(
        host: &Host,
        mirror: &Path,
        url: RepoUrl,
        sha: &Sha,
        others: &[&Sha],
        job: &JobId,
    ) -> Result<Self, Failure> {
        let lock_path = locks(mirror).join(job.as_str());
        let lock = host.lock(&lock_path)?.map_err(|busy| busy.failure("job of this id"))?;
        let folder = mirror.join(FOLDER);
        unavailable(host.make_dir(&folder, 0o755), "make", &folder)?;
        let reference = format!("{FOLDER}/{job}");
        let mut kept = vec![(reference.clone(), sha.clone())];
        for (n, sha) in others.iter().enumerate() {
            kept.push((format!("{reference}.{}", n + 1), (*sha).clone()));
        }
        for (reference, sha) in &kept {
            let file = mirror.join(reference);
            let line = format!("{sha}\n");
            let written = host.replace_file_unsynced(&file, line.as_bytes(), 0o644);
            unavailable(written, "write", &file)?;
        }
        let inode = unavailable(host.look(mirror), "look at", mirror)?.map_or(0, |it| it.inode);
        Ok(Self {
            host: host.clone(),
            mirror: mirror.to_path_buf(),
            sha: sha.clone(),
            reference,
            kept,
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

    /// Our references that no longer name their commits. In a mirror that took the place of ours
    /// meanwhile there are none; who may put it there holds its lock and seals it.
    pub(crate) fn moved(&self, host: &Host) -> Vec<&str> {
        let is_moved = |(reference, sha): &&(String, Sha)| {
            let found = host.read_plain(&self.mirror.join(reference), 4096);
            !found.is_ok_and(|(_, bytes)| bytes == format!("{sha}\n").as_bytes())
        };
        let moved: Vec<&str> = self.kept.iter().filter(is_moved).map(|it| it.0.as_str()).collect();
        let inode = || host.look(&self.mirror).ok().flatten().map(|it| it.inode);
        if !moved.is_empty() && inode().is_some_and(|it| it != self.inode) {
            return vec![];
        }
        moved
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What stays is removed by the next job.
        for (reference, _) in &self.kept {
            let _stays = self.host.remove_file(&self.mirror.join(reference)).is_err();
        }
        let _stays = self.host.remove_file(&self.lock_path).is_err();
    }
}

/// Removes pins of jobs whose process is gone, in a mirror or in what it once was. Returns whether
/// others are left.
pub(crate) fn let_go(host: &Host, mirror: &Path, folder: &Path) -> bool {
    let pins = folder.join(FOLDER);
    let mut in_use = false;
    for name in host.names(&pins).unwrap_or_default() {
        // A job's other commits are `<job id>.<number>`.
        let job = name.to_str().and_then(|it| JobId::read(it.split('.').next()?));
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
