//! A note of the file that is being judged, so that a document which ends the executor each time is
//! not tried for ever. Not flushed: it has to outlive the process, not the machine.

use std::ffi::OsStr;

use confined_fs::{Fault, Folder, Listed, RelPath, Tree};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use std::path::Path;

const NAME: &str = "working";

/// The note.
#[derive(Debug)]
pub(crate) struct Working {
    folder: Folder,
    /// The file that an earlier process died on, and how often in a row.
    earlier: Option<(u64, u32)>,
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
        let earlier =
            note.and_then(|(_, bytes)| parse(&bytes)).map(|(inode, deaths)| (inode, deaths + 1));
        Ok(Self { folder, earlier, is_clear: false })
    }

    /// Notes that this file is being judged; returns how often in a row that was somebody's end.
    pub(crate) fn begin(&mut self, file: &Listed) -> Result<u32, Fault> {
        let deaths = self.earlier.filter(|(inode, _)| *inode == file.inode).map_or(0, |it| it.1);
        let note = format!("{} {deaths}\n", file.inode);
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

fn parse(note: &[u8]) -> Option<(u64, u32)> {
    let (inode, deaths) = std::str::from_utf8(note).ok()?.trim().split_once(' ')?;
    Some((inode.parse().ok()?, deaths.parse().ok()?))
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
        for deaths in 0..3 {
            let mut working = Working::open(&host, dir.path()).unwrap();
            assert_eq!(working.begin(&file(7)).unwrap(), deaths);
        }
        let mut working = Working::open(&host, dir.path()).unwrap();
        assert_eq!(working.begin(&file(8)).unwrap(), 0);
        working.done().unwrap();
        assert_eq!(Working::open(&host, dir.path()).unwrap().begin(&file(7)).unwrap(), 0);
    }
}
