//! Which processes hold given sockets, from /proc/PID/fd. No judgement here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ops_core::host::Host;

use crate::facts::Owner;

/// How much of a small file in /proc is read, in bytes.
const ENOUGH: u64 = 64 * 1024;

/// How many files of a process are looked at whatever was found: the usual limit of how many a
/// process may have.
const FIRST: usize = 1024;

/// Who holds the sockets that were asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// Socket inode → the processes that hold it, by number. An inode that nobody was found to
    /// hold is missing.
    pub holders: BTreeMap<u32, Vec<Owner>>,
    /// How many processes could not be looked into, each of which could hold any socket.
    pub unreadable: usize,
}

/// Looks into every process for the sockets with these inodes.
///
/// The first files of every process are looked at, which for nearly all is every file, and not only
/// until one holder is found: systemd and the service it starts can hold the same socket. What a
/// process has beyond them is looked at only while a socket has no holder at all: among tens of
/// thousands of connections nobody passes on what listens. Threads with a table of files of their
/// own are not looked into. Processes that vanish on the way are left out.
///
/// # Errors
/// Why the processes of this machine could not be listed.
pub fn owners(host: &Host, inodes: &BTreeSet<u32>) -> Result<Found, String> {
    let mut found = Found::default();
    if inodes.is_empty() {
        return Ok(found);
    }
    let names = host.names(Path::new("/proc")).map_err(|err| format!("/proc: {err}"))?;
    let mut pids: Vec<u32> = names.iter().filter_map(|it| it.to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut large = Vec::new();
    for pid in pids {
        let seen = found.look(host, pid, inodes, |count, _| count == FIRST);
        large.extend((seen == FIRST).then_some(pid));
    }
    for pid in large {
        let is_missing = |inode: &&u32| !found.holders.contains_key(inode);
        let missing: BTreeSet<u32> = inodes.iter().filter(is_missing).copied().collect();
        if missing.is_empty() {
            break;
        }
        found.look(host, pid, &missing, |_, held| held == missing.len());
    }
    Ok(found)
}

impl Found {
    /// Looks at the files of one process until `is_enough` of how many were seen and how many of
    /// the sockets were among them. Returns how many were seen.
    fn look(
        &mut self,
        host: &Host,
        pid: u32,
        inodes: &BTreeSet<u32>,
        is_enough: impl Fn(usize, usize) -> bool,
    ) -> usize {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let (mut held, mut seen) = (BTreeSet::new(), 0);
        let looked = host.each_link(&folder.join("fd"), &mut |says| {
            held.extend(inode(says).filter(|inode| inodes.contains(inode)));
            seen += 1;
            let is_enough = is_enough(seen, held.len());
            if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if looked.is_err() && host.look(&folder).is_ok_and(|it| it.is_some()) {
            self.unreadable += 1;
        }
        if !held.is_empty()
            && let Some(owner) = owner(host, pid, &folder)
        {
            for inode in held {
                self.holders.entry(inode).or_default().push(owner.clone());
            }
        }
        seen
    }
}

/// `socket:[12345]`, as a link in /proc/PID/fd says.
fn inode(says: &[u8]) -> Option<u32> {
    let number = says.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// `None` when the process has gone.
fn owner(host: &Host, pid: u32, folder: &Path) -> Option<Owner> {
    let text = |name| {
        let bytes = host.read_start(&folder.join(name), ENOUGH).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let comm = text("comm")?;
    let exe = host.read_link(&folder.join("exe")).ok();
    Some(Owner {
        pid,
        comm: comm.trim_end_matches('\n').to_owned(),
        exe: exe.map(|path| path.to_string_lossy().into_owned()),
        cgroup: text("cgroup").and_then(|text| cgroup(&text)),
        uid: text("status").and_then(|text| real_user(&text)),
    })
}

/// The unified group, or systemd's own where groups are split or mixed (cgroups(7)).
fn cgroup(text: &str) -> Option<String> {
    let of = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let split = text.lines().find_map(|line| line.split_once(":name=systemd:")).map(|it| it.1);
    split.or_else(|| of("0::")).map(str::to_owned)
}

fn real_user(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_groups_and_users_are_read_as_the_kernel_writes_them() {
        assert_eq!(inode(b"socket:[4026]"), Some(4026));
        for other in [&b"pipe:[7]"[..], b"socket:[", b"socket:[x]", b"/dev/null", b"", b"\xff"] {
            assert_eq!(inode(other), None);
        }
        let unified = "0::/system.slice/ssh.service\n";
        let mixed = "2:cpu:/\n1:name=systemd:/system.slice/ssh.service\n0::/\n";
        for text in [unified, mixed] {
            assert_eq!(cgroup(text).as_deref(), Some("/system.slice/ssh.service"));
        }
        assert_eq!(cgroup(""), None);
        assert_eq!(real_user("Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(1000));
        assert_eq!(real_user("Name:\tUid:\n"), None);
    }
}
