//! Each operation stopped before every one of its system calls, and disturbed between any two.
#![expect(
    clippy::disallowed_methods,
    reason = "tests set up and look at real folders, behind the back of the code under test"
)]

mod disturbed;
mod killed;

use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{After, Before, Change, Fault, RelPath, Side, Tree};

const OLD: &[u8] = b"old content";
const NEW: &[u8] = b"new content";
const EDIT: &[u8] = b"edited by someone";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Prepare,
    Commit,
    Undo,
    Finish,
}
use Step::{Commit, Finish, Prepare, Undo};

fn run(tree: &Tree, change: &Change, step: Step) -> Result<(), Fault> {
    match step {
        Prepare => tree.prepare(change).map(drop),
        Commit => tree.commit(change),
        Undo => tree.undo(change),
        Finish => tree.finish(change),
    }
}

/// From what to what.
type Motion = (Option<&'static [u8]>, Option<&'static [u8]>);

/// A replacement, a new file, a deletion.
const MOTIONS: [Motion; 3] = [(Some(OLD), Some(NEW)), (None, Some(NEW)), (Some(OLD), None)];

/// What comes before the two steps that move files.
const MOVES: [(&[Step], Step); 2] = [(&[Prepare], Commit), (&[Prepare, Commit], Undo)];

struct Ground {
    folder: TempDir,
    tree: Tree,
    change: Change,
}

impl Ground {
    fn new((before, after): Motion) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("tree/d")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        if let Some(bytes) = before {
            fs::write(folder.path().join("tree/d/x"), bytes).unwrap();
        }
        let change = Change {
            path: RelPath::parse("d/x").unwrap(),
            before: before.map_or(Before::Absent, |bytes| Before::File {
                sha256: Sha256::digest(bytes).into(),
            }),
            after: after
                .map_or(After::Absent, |bytes| After::File { bytes: bytes.into(), mode: 0o644 }),
            temp: ".aiops-1".to_owned(),
        };
        let tree = Tree::open(&folder.path().join("tree")).unwrap();
        Self { folder, tree, change }
    }

    /// A ground on which some steps were done.
    fn after(motion: Motion, steps: &[Step]) -> Self {
        let ground = Self::new(motion);
        for &step in steps {
            ground.run(step).unwrap();
        }
        ground
    }

    fn run(&self, step: Step) -> Result<(), Fault> {
        run(&self.tree, &self.change, step)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("tree").join(name)
    }

    fn file(&self) -> Option<Vec<u8>> {
        fs::read(self.at("d/x")).ok()
    }

    /// Names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn assert_holds(&self, expected: Option<&[u8]>, label: &str) {
        assert_eq!(self.file().as_deref(), expected, "{label}");
        let names: &[&str] = if expected.is_some() { &["x"] } else { &[] };
        assert_eq!(self.names("tree/d"), names, "{label}: nothing is left over");
    }

    /// Finishes an interrupted change as an executor with a journal would.
    fn roll_forward(&self) -> Result<(), Fault> {
        if self.tree.state(&self.change)? == Side::Before {
            self.run(Prepare)?;
        }
        self.run(Commit)?;
        self.run(Finish)
    }

    fn roll_back(&self) -> Result<(), Fault> {
        self.run(Undo)?;
        self.run(Finish)
    }
}
