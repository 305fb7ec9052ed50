//! What a job uses, seen from outside while it runs: limits of single processes do not add up.

use std::io;
use std::path::{Path, PathBuf};

use ops_core::host::{Host, Kind};

/// The most files that a job may leave.
pub(crate) const MOST_FILES: u64 = 20_000;
/// The most processes that are looked at.
const MOST_PROCESSES: usize = 40_000;

/// How deep folders may lie in each other, and how long a path may be, bytes: what is below could
/// not be looked at.
const DEEPEST: usize = 64;
const LONGEST: usize = 3000;

/// Whether a process and all below it use more memory than so many bytes.
pub(crate) fn is_memory_over(host: &Host, top: u32, most: u64) -> bool {
    let (mut own, mut shared, mut sharing) = (0_u64, 0_u64, vec![]);
    let mut left = vec![top];
    let mut seen = 0;
    while let Some(process) = left.pop() {
        seen += 1;
        if seen > MOST_PROCESSES {
            break;
        }
        left.extend(host.children(process));
        let fields = Fields::of(host, process, "status");
        own = own.saturating_add(fields.kib("RssAnon:") + fields.kib("VmSwap:"));
        let part = fields.kib("RssShmem:");
        if part > 0 {
            shared = shared.saturating_add(part);
            sharing.push((process, part));
        }
    }
    let most = most / 1024;
    if own.saturating_add(shared) <= most {
        return false;
    }
    // Only now each one's part of what they share is asked for: that takes longer.
    let part = |&(process, all): &(u32, u64)| {
        let fields = Fields::of(host, process, "smaps_rollup");
        if fields.0.is_empty() { all } else { fields.kib("Pss_Shmem:") }
    };
    own.saturating_add(sharing.iter().map(part).sum()) > most
}

/// A file of a process that says a thing in each line.
struct Fields(String);

impl Fields {
    fn of(host: &Host, process: u32, name: &str) -> Self {
        let path = format!("/proc/{process}/{name}");
        let text = host.read_start(Path::new(&path), 1 << 14).unwrap_or_default();
        Self(String::from_utf8_lossy(&text).into_owned())
    }

    fn kib(&self, name: &str) -> u64 {
        let found = self.0.lines().find_map(|line| line.strip_prefix(name));
        found.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
    }
}

/// Whether a folder holds more than so many bytes, or more files than anybody may leave. What cannot
/// be looked at, because it lies too deep or is closed, is too much. Links are not followed.
pub(crate) fn are_files_over(host: &Host, folder: &Path, most: u64) -> bool {
    let (mut bytes, mut count) = (0_u64, 0_u64);
    let mut left = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = left.pop() {
        let entries = match host.list(&folder) {
            Ok(entries) => entries,
            // It went while we looked.
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => return true,
        };
        for entry in entries {
            count += 1;
            match entry.kind {
                Kind::Folder => left.push((folder.join(&entry.name), depth + 1)),
                Kind::File => bytes = bytes.saturating_add(entry.size),
                Kind::Link | Kind::Other => {}
            }
        }
        let is_deep = |it: &(PathBuf, usize)| it.1 > DEEPEST || it.0.as_os_str().len() > LONGEST;
        if bytes > most || count > MOST_FILES || left.last().is_some_and(is_deep) {
            return true;
        }
    }
    false
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set the scene")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_large_many_deep_or_closed_is_too_much() {
        let host = Host::real();
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        fs::write(top.join("a"), [0; 1000]).unwrap();
        fs::create_dir(top.join("b")).unwrap();
        fs::write(top.join("b/c"), [0; 1000]).unwrap();
        std::os::unix::fs::symlink("/", top.join("root")).unwrap();
        assert!(!are_files_over(&host, top, 2000));
        assert!(are_files_over(&host, top, 1999));
        assert!(!are_files_over(&host, &top.join("gone"), 0));
        let mut deep = top.to_path_buf();
        (0..=DEEPEST).for_each(|_| deep.push("d"));
        fs::create_dir_all(deep.parent().unwrap()).unwrap();
        assert!(!are_files_over(&host, top, 2000));
        fs::create_dir(&deep).unwrap();
        assert!(are_files_over(&host, top, 2000));
        fs::remove_dir(&deep).unwrap();
        if !host.is_root() {
            fs::set_permissions(top.join("b"), fs::Permissions::from_mode(0o0)).unwrap();
            assert!(are_files_over(&host, top, 2000));
            fs::set_permissions(top.join("b"), fs::Permissions::from_mode(0o700)).unwrap();
        }
        (0..MOST_FILES).for_each(|n| fs::write(top.join(format!("f{n}")), "").unwrap());
        assert!(are_files_over(&host, top, 2000));
    }
}
