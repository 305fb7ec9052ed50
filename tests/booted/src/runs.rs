//! One folder per machine, locked while its process lives, so that what a killed run left behind is
//! recognised and cleaned by the next.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::cgroup::Cgroup;

/// A machine's folder. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Run {
    folder: PathBuf,
    cgroup: Cgroup,
    _lock: File,
}

impl Run {
    /// Makes a folder and a control group for a machine, after cleaning what dead runs left.
    pub(crate) fn begin(cache: &Path) -> io::Result<(Self, Cgroup)> {
        let machines = cache.join("machines");
        fs::create_dir_all(&machines)?;
        // Held only while folders come and go: a folder without a lock must be a dead one's.
        let all = File::create(cache.join("machines.lock"))?;
        all.lock()?;
        clean(&machines)?;
        let folder = tempfile::Builder::new().prefix("m").tempdir_in(&machines)?.keep();
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cgroup = Cgroup::make(&format!("aiops-booted-{name}"))?;
        fs::write(folder.join("cgroup"), cgroup.path().as_os_str().as_encoded_bytes())?;
        let run = Self { folder, cgroup: cgroup.clone(), _lock: lock };
        Ok((run, cgroup))
    }

    /// The folder's name.
    pub(crate) fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Its log file of this name.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cgroup.end();
        let all = self.folder.ancestors().nth(2).map(|cache| cache.join("machines.lock"));
        let all = all.and_then(|path| File::create(path).ok());
        // Unlocked again when `all` goes out of scope.
        if all.as_ref().is_some_and(|lock| lock.lock().is_ok()) {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

/// Removes the folders and control groups of runs whose process is gone.
fn clean(machines: &Path) -> io::Result<()> {
    for entry in fs::read_dir(machines)? {
        let folder = entry?.path();
        if let Ok(lock) = File::open(folder.join("lock")) {
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(err)) => return Err(err),
            }
        }
        if let Ok(path) = fs::read_to_string(folder.join("cgroup")) {
            Cgroup::at(PathBuf::from(path)).end();
        }
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
