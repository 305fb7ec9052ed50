//! Where trees are written: in memory where they fit, else on disk. A folder for each job, under a
//! lock, so that what a killed process left is known by its lock being free.

use std::io;
use std::path::{Path, PathBuf};

use jobs::JobId;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind, Lock};
use rustix::fs::{AtFlags, CWD, Mode};

/// The folder of file systems in memory.
const MEMORY: &str = "/dev/shm";

/// The kind of place a tree lies in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A file system in memory.
    Memory,
    /// Below the home folder.
    Disk,
}

/// A folder of one job's own. Dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    host: Host,
    path: PathBuf,
    lock_path: PathBuf,
    place: Place,
    _lock: Lock,
}

impl Scratch {
    /// Makes one; returns none when this place cannot be had.
    ///
    /// # Errors
    /// Exit 69 when the folder cannot be made, 75 when somebody else has it.
    pub fn new(
        host: &Host,
        home: &Path,
        job: &JobId,
        place: Place,
    ) -> Result<Option<Self>, Failure> {
        let Some(top) = top(host, home, place) else { return Ok(None) };
        let path = top.join(job.as_str());
        let lock_path = top.join(format!("{job}.lock"));
        let lock = loop {
            let lock = host.lock(&lock_path)?.map_err(|busy| busy.failure("job of this id"))?;
            // A sweep may have taken it between the file's making and our lock, and removed it.
            if host.look(&lock_path).is_ok_and(|it| it.is_some()) {
                break lock;
            }
        };
        let doing = || format!("make {}", path.display());
        remove(host, &path).or_fail(Exit::Unavailable, doing())?;
        host.make_dir(&path, 0o700).or_fail(Exit::Unavailable, doing())?;
        Ok(Some(Self { host: host.clone(), path, lock_path, place, _lock: lock }))
    }

    /// Where trees in memory lie.
    pub fn memory(host: &Host) -> PathBuf {
        Path::new(MEMORY).join(format!("aiops-orb-{}", host.user()))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Removes it now and says how that went; dropping it cannot.
    ///
    /// # Errors
    /// Exit 69 when something of it stays.
    pub fn remove(self) -> Result<(), Failure> {
        remove(&self.host, &self.path)
            .and_then(|()| self.host.remove_file(&self.lock_path))
            .or_fail(Exit::Unavailable, format!("remove {}", self.path.display()))
    }

    /// Removes what jobs left whose process is gone. Returns their ids.
    pub fn sweep(host: &Host, home: &Path) -> Vec<JobId> {
        let mut swept = vec![];
        for place in [Place::Memory, Place::Disk] {
            let Some(top) = top(host, home, place) else { continue };
            for name in host.names(&top).unwrap_or_default() {
                let job = name.to_str().and_then(|it| JobId::read(it.trim_end_matches(".lock")));
                let Some(job) = job else { continue };
                let lock_path = top.join(format!("{job}.lock"));
                if let Ok(Ok(_lock)) = host.lock(&lock_path)
                    && remove(host, &top.join(job.as_str())).is_ok()
                    && host.remove_file(&lock_path).is_ok()
                    && !swept.contains(&job)
                {
                    swept.push(job);
                }
            }
        }
        swept
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is swept by the next run.
        if remove(&self.host, &self.path).is_ok() {
            let _stays = self.host.remove_file(&self.lock_path).is_err();
        }
    }
}

/// The folder of all jobs' folders; none where it cannot be ours alone.
fn top(host: &Host, home: &Path, place: Place) -> Option<PathBuf> {
    let path = match place {
        Place::Disk => home.join("worktrees"),
        Place::Memory => {
            let memory = Path::new(MEMORY);
            host.look(memory).ok().flatten().filter(|it| it.kind == Kind::Folder)?;
            Scratch::memory(host)
        }
    };
    host.make_dir(&path, 0o700).ok()?;
    // /dev/shm is everybody's: somebody else may have made the name first.
    let entry = host.look(&path).ok().flatten()?;
    let is_ours =
        entry.kind == Kind::Folder && entry.owner == host.user() && entry.mode & 0o022 == 0;
    is_ours.then_some(path)
}

/// Removes a tree, folders without write bits too.
pub(crate) fn remove(host: &Host, path: &Path) -> io::Result<()> {
    if !host.is_root() {
        open_up(host, path)?;
    }
    host.remove_tree(path)
}

fn open_up(host: &Host, path: &Path) -> io::Result<()> {
    match host.look(path)? {
        Some(entry) if entry.kind == Kind::Folder => {}
        _ => return Ok(()),
    }
    rustix::fs::chmodat(CWD, path, Mode::RWXU, AtFlags::empty())?;
    for entry in host.list(path)? {
        if entry.kind == Kind::Folder {
            open_up(host, &path.join(&entry.name))?;
        }
    }
    Ok(())
}
