//! A note of the file that is being judged, so that a document which ends the executor each time is
//! not tried for ever. Not flushed: it has to outlive the process, not the machine.

use std::ffi::OsStr;

use confined_fs::{Fault, Folder, Listed, RelPath, Tree};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::Timestamp;
use std::path::Path;

const NAME: &str = "working";

/// Deaths closer together than this count as one: somebody ends the executor again and again, which
/// says nothing about the file.
const APART: i64 = 1_000_000;

/// A file, how often in a row it was somebody's end, and since when that count stands (microseconds).
#[derive(Clone, Copy, Debug)]
struct Note {
    inode: u64,
    deaths: u32,
    since: i64,
}

/// The note.
#[derive(Debug)]
pub(crate) struct Working {
    folder: Folder,
    /// What an earlier process died on.
    earlier: Option<Note>,
    is_clear: bool,
}

impl Working {
    /// Reads what an earlier process left.
    pub(crate) fn open(host: &Host, state: &Path) -> Result<Self, Failure> {
        let doing = || format!("open {}", state.display());
        host.make_dir(&state.join("now"), 0o750).or_fail(Exit::Unavailable, doing())?;
        let tree = Tree::open(state).or_fail(Exit::Unavailable, doing())?;
        let path = RelPath::parse("now").or_fail(Exit::Internal, doing())?;
        let folder = tree.folder(&path, true).or_fail(Exit::Unavailable, doing())?;
        let note = folder.read(OsStr::new(NAME), 64).or_fail(Exit::Unavailable, doing())?;
        let earlier = note.and_then(|(_, bytes)| parse(&bytes));
        Ok(Self { folder, earlier, is_clear: false })
    }

    /// Notes that this file is being judged; returns how often in a row that was somebody's end.
    pub(crate) fn begin(&mut self, file: &Listed, now: Timestamp) -> Result<u32, Fault> {
        let now = now.as_microsecond();
        let (deaths, since) = match self.earlier.filter(|it| it.inode == file.inode) {
            None => (0, now),
            Some(it) if now.abs_diff(it.since) < APART.unsigned_abs() => (it.deaths, it.since),
            Some(it) => (it.deaths.saturating_add(1), now),
        };
        let note = format!("{} {deaths} {since}\n", file.inode);
        self.is_clear = false;
        self.folder.write_at(OsStr::new(NAME), 0, note.as_bytes())?;
        Ok(deaths)
    }

    /// Notes that nothing is being judged.
    pub(crate) fn done(&mut self) -> Result<(), Fault> {
        if self.is_clear {
            return Ok(());
        }
        self.folder.write_at(OsStr::new(NAME), 0, b"")?;
        self.is_clear = true;
        Ok(())
    }
}

fn parse(note: &[u8]) -> Option<Note> {
    let mut fields = std::str::from_utf8(note).ok()?.split_whitespace();
    let mut next = || fields.next();
    let (inode, deaths, since) = (next()?, next()?, next()?);
    Some(Note {
        inode: inode.parse().ok()?,
        deaths: deaths.parse().ok()?,
        since: since.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use confined_fs::ListedKind;

    #[test]
    fn deaths_in_a_row_on_one_file_are_counted_and_forgotten_once_it_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let file = |inode| Listed {
            name: "x.json".into(),
            kind: ListedKind::File,
            size: 1,
            modified_ns: 0,
            changed_ns: 0,
            inode,
        };
        let at = |ms: i64| Timestamp::from_millisecond(1_000_000 + ms).unwrap();
        for (ms, deaths) in [(0, 0), (1000, 1), (1500, 1), (1999, 1), (2000, 2), (-9000, 3)] {
            let mut working = Working::open(&host, dir.path()).unwrap();
            assert_eq!(working.begin(&file(7), at(ms)).unwrap(), deaths, "{ms}");
        }
        let mut working = Working::open(&host, dir.path()).unwrap();
        assert_eq!(working.begin(&file(8), at(9000)).unwrap(), 0);
        working.done().unwrap();
        let mut working = Working::open(&host, dir.path()).unwrap();
        assert_eq!(working.begin(&file(7), at(99_000)).unwrap(), 0);
    }
}
