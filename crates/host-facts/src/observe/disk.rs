//! Room in file systems, and the sizes of log folders. No judgement here.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ops_core::host::{Host, Kind};

use super::Wanted;
use crate::facts::{Disk, LogFolder, Mount, Seen, Space};
use crate::sizes;

/// How many names a folder of logs may hold before its size is called unknown.
const MOST_NAMES: usize = 100_000;

pub(super) fn disk(host: &Host, wanted: &Wanted) -> Disk {
    let mount = |path: &PathBuf| Mount {
        path: path.display().to_string(),
        space: space(host, path).into(),
    };
    let log = |path: &PathBuf| LogFolder {
        path: path.display().to_string(),
        bytes: Seen::from(size(host, path, MOST_NAMES)),
    };
    Disk {
        mounts: wanted.mounts.iter().map(mount).collect(),
        logs: wanted.logs.iter().map(log).collect(),
        before: sizes::load(host, &wanted.home),
    }
}

fn space(host: &Host, path: &Path) -> Result<Space, String> {
    let space = host.space(path).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok(Space {
        total_bytes: space.total_bytes,
        used_bytes: space.total_bytes.saturating_sub(space.free_bytes),
        available_bytes: space.available_bytes,
        inodes: space.inodes,
        free_inodes: space.free_inodes,
    })
}

/// The sum of the files below a folder; `None` when it is not there. Links are not followed.
fn size(host: &Host, folder: &Path, most: usize) -> Result<Option<u64>, String> {
    let mut folders = vec![folder.to_path_buf()];
    let (mut sum, mut names) = (0_u64, 0);
    while let Some(next) = folders.pop() {
        let entries = match host.list(&next) {
            Ok(entries) => entries,
            Err(err) if err.kind() == ErrorKind::NotFound && next == folder => return Ok(None),
            // A folder that was removed in the meantime holds nothing.
            Err(err) if err.kind() == ErrorKind::NotFound => continue,
            Err(err) => return Err(format!("{}: {err}", next.display())),
        };
        names += entries.len();
        if names > most {
            return Err(format!("{} holds more than {most} names", folder.display()));
        }
        for entry in entries {
            match entry.kind {
                Kind::File => sum = sum.saturating_add(entry.size),
                Kind::Folder => folders.push(next.join(&entry.name)),
                Kind::Link | Kind::Other => {}
            }
        }
    }
    Ok(Some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_summed_up_without_following_links_and_within_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        host.make_dir(&dir.path().join("logs/old"), 0o750).unwrap();
        for (name, size) in [("logs/a", 10), ("logs/old/b", 7), ("outside", 1000)] {
            host.replace_file(&dir.path().join(name), &vec![0; size], 0o640).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("logs/loop")).unwrap();
        std::os::unix::fs::symlink("../outside", dir.path().join("logs/link")).unwrap();
        let logs = dir.path().join("logs");
        assert_eq!(size(&host, &logs, 5), Ok(Some(17)));
        assert!(size(&host, &logs, 4).unwrap_err().contains("more than 4 names"));
        assert_eq!(size(&host, &dir.path().join("none"), 9), Ok(None));
        assert!(size(&host, &logs.join("a"), 9).is_err());
    }
}
