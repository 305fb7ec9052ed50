//! What a job uses, seen from outside while it runs: limits of single processes do not add up.

use std::path::Path;

use ops_core::host::{Host, Kind};

/// The most files that a job may leave.
pub(crate) const MOST_FILES: u64 = 20_000;
/// The most processes that are looked at.
const MOST_PROCESSES: usize = 40_000;

/// Memory of a process and all below it, bytes. What processes share is counted once, by the one
/// that has most of it.
pub(crate) fn memory(host: &Host, top: u32) -> u64 {
    let (mut own, mut shared) = (0_u64, 0_u64);
    let mut left = vec![top];
    let mut seen = 0;
    while let Some(process) = left.pop() {
        seen += 1;
        if seen > MOST_PROCESSES {
            break;
        }
        left.extend(host.children(process));
        let path = format!("/proc/{process}/status");
        let status = host.read_start(Path::new(&path), 1 << 14).unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let kib = |name: &str| -> u64 {
            let found = status.lines().find_map(|line| line.strip_prefix(name));
            found.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
        };
        own = own.saturating_add(kib("RssAnon:") + kib("VmSwap:"));
        shared = shared.max(kib("RssShmem:"));
    }
    own.saturating_add(shared).saturating_mul(1024)
}

/// Bytes and number of files in a folder and below; links are not followed.
pub(crate) fn files(host: &Host, folder: &Path) -> (u64, u64) {
    let (mut bytes, mut count) = (0_u64, 0_u64);
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in host.list(&folder).unwrap_or_default() {
            count += 1;
            if count > MOST_FILES {
                return (bytes, count);
            }
            match entry.kind {
                Kind::Folder => left.push(folder.join(&entry.name)),
                Kind::File => bytes = bytes.saturating_add(entry.size),
                Kind::Link | Kind::Other => {}
            }
        }
    }
    (bytes, count)
}
