//! A control group per machine: what it holds can be killed as one, whatever it forks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::holds_within;

/// A group of version 2 below this process's own. Not removed on drop: see [`Cgroup::end`].
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes one of this name.
    pub(crate) fn make(name: &str) -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let parent = own_folder(&mounts, &own)
            .ok_or_else(|| io::Error::other("control groups of version 2 are not mounted"))?;
        // From inside another container, the group's path may not exist as it is seen.
        let root = mount_point(&mounts).filter(|_| !parent.is_dir()).map(Path::to_path_buf);
        let path = root.unwrap_or(parent).join(name);
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    /// The one that lies there.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends a signal to each process in it, not below.
    pub(crate) fn signal(&self, signal: Signal) {
        let processes = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        let pids = processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
        for pid in pids {
            // It may have ended meanwhile.
            let _ = kill_process(pid, signal);
        }
    }

    /// Kills all processes in it and below, waits until they are gone, and removes it. Nothing
    /// happens when it does not exist.
    pub(crate) fn end(&self) {
        if !self.path.is_dir() {
            return;
        }
        // The kernel refuses only when the group is already gone.
        drop(fs::write(self.path.join("cgroup.kill"), "1"));
        let gone = holds_within(Duration::from_secs(10), || {
            remove_below(&self.path);
            !self.path.is_dir()
        });
        assert!(gone, "the control group {} does not go away", self.path.display());
    }
}

/// Removes the groups that are empty, deepest first.
fn remove_below(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten().filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_below(&entry.path());
    }
    // A group with processes cannot be removed; the caller looks again.
    drop(fs::remove_dir(path));
}

/// Where version 2 is mounted. See `proc_pid_mountinfo(5)`.
fn mount_point(mounts: &str) -> Option<&Path> {
    let line = mounts.lines().find(|line| {
        line.split_once(" - ").is_some_and(|(_, after)| after.starts_with("cgroup2 "))
    })?;
    line.split(' ').nth(4).map(Path::new)
}

fn own_folder(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(mount_point(mounts)?.join(path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_in_both_layouts() {
        let hybrid = "30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      31 30 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let found = own_folder(hybrid, "9:name=systemd:/\n0::/\n");
        assert_eq!(found, Some(PathBuf::from("/sys/fs/cgroup/unified/")));

        let unified = "31 30 0:27 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        let found = own_folder(unified, "0::/system.slice/ci.service\n");
        assert_eq!(found, Some(PathBuf::from("/sys/fs/cgroup/system.slice/ci.service")));

        assert_eq!(own_folder("30 24 0:26 / /tmp rw - tmpfs tmpfs rw\n", "0::/\n"), None);
    }
}
