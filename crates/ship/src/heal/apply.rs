//! Applies a proposed diff: strictly parsed, only where that is allowed, and taken back whole.

use confined_fs::{After, Before, Change, Fault, RelPath, Seen, Snapshot, Tree};
use file_patch::Mode;
use ops_core::failure::{Exit, Failure, OrFail};
use review_gate::commit::File;
use review_rules::GatePaths;

use crate::Ship;
use crate::decide::forbidden;

/// The largest file that is mended, bytes.
const LARGEST: u64 = 4 << 20;

/// One file, before and after.
#[derive(Debug)]
pub(super) struct Edit {
    path: RelPath,
    before: Option<Snapshot>,
    after: Vec<u8>,
    mode: u32,
}

impl Edit {
    /// As a commit has it.
    pub(super) fn file(&self) -> File {
        let executable = Mode::of_bits(self.mode) == Mode::Executable;
        File { path: self.path.as_str().to_owned(), executable, bytes: self.after.clone() }
    }
}

/// What a diff makes of the work tree, in memory; or why it is not applied.
pub(super) fn changes(ship: &Ship<'_>, diff: &str) -> Result<Result<Vec<Edit>, String>, Failure> {
    let patches = match file_patch::parse(diff.as_bytes()) {
        Ok(patches) => patches,
        Err(fault) => return Ok(Err(format!("the diff cannot be read: {fault}"))),
    };
    let tree = open(ship)?;
    let gate = GatePaths::new(&ship.basis.policy.gate_paths)?;
    let mut edits = Vec::new();
    for patch in patches {
        let Some(name) = patch.new.clone() else {
            return Ok(Err("the diff removes a file".to_owned()));
        };
        if patch.mode == Some(Mode::Executable) || patch.old_mode.is_some() && patch.mode.is_some()
        {
            return Ok(Err(format!("the diff changes the mode of {name}")));
        }
        if let Some(why) = forbidden(&name, &ship.settings.heal.paths, &gate) {
            return Ok(Err(format!("the diff touches {name}: {why}")));
        }
        let path = RelPath::parse(&name).or_fail(Exit::Internal, "use a path that was allowed")?;
        let seen = match tree.read(&path, LARGEST) {
            Ok(Seen::Absent) => None,
            Ok(Seen::File(file)) => Some(file),
            Err(fault) => return Ok(Err(format!("{name} cannot be mended: {fault}"))),
        };
        let old = seen.as_ref().map(|file| file.bytes.as_slice());
        let after = match file_patch::apply(&patch, old) {
            Ok(Some(after)) => after,
            Ok(None) => return Ok(Err(format!("the diff removes {name}"))),
            Err(conflict) => return Ok(Err(format!("the diff does not fit {name}: {conflict}"))),
        };
        let mode = seen.as_ref().map_or(0o644, |file| file.mode & 0o777);
        edits.push(Edit { path, before: seen, after, mode });
    }
    Ok(Ok(edits))
}

fn open(ship: &Ship<'_>) -> Result<Tree, Failure> {
    let top = &ship.checkout.top;
    Tree::open(top).or_fail(Exit::Unavailable, format!("open {}", top.display()))
}

/// What changed in the work tree beyond the edits, if anything did: tests that leave files behind
/// count, and so does an edit that is not there.
pub(super) fn beyond(edits: &[Edit], unclean: &[String]) -> Option<String> {
    let is_edit = |path: &String| edits.iter().any(|edit| edit.path.as_str() == path);
    if let Some(other) = unclean.iter().find(|path| !is_edit(path)) {
        return Some(format!("{other} changed as well, and nobody proposed that"));
    }
    let missing = edits.iter().find(|edit| !unclean.iter().any(|it| it == edit.path.as_str()));
    missing.map(|edit| format!("the diff left {} as it was", edit.path.as_str()))
}

/// Edits that are in the work tree and can be taken back.
#[derive(Debug)]
pub(super) struct Applied<'a> {
    tree: Tree,
    edits: &'a [Edit],
    token: u64,
    /// Folders that had to be made, outermost first.
    folders: Vec<RelPath>,
}

impl<'a> Applied<'a> {
    /// Makes every edit, or none. Nothing but the edits is left in the work tree: what was there is
    /// in memory.
    pub(super) fn apply(ship: &Ship<'_>, edits: &'a [Edit]) -> Result<Self, Failure> {
        let token = u64::from_ne_bytes(ship.context.host.random());
        let mut applied = Self { tree: open(ship)?, edits, token, folders: vec![] };
        let doing = || "apply the proposed diff";
        for at in 0..edits.len() {
            if let Err(fault) = applied.make(at) {
                let failure = Err(fault).or_fail(Exit::Unavailable, doing());
                applied.undo(at)?;
                return failure;
            }
        }
        applied.tree.sync().or_fail(Exit::Unavailable, doing())?;
        Ok(applied)
    }

    fn make(&mut self, at: usize) -> Result<(), Fault> {
        let Some(edit) = self.edits.get(at) else { return Ok(()) };
        let before =
            edit.before.as_ref().map_or(Before::Absent, |it| Before::File { sha256: it.sha256 });
        let after = After::File { bytes: edit.after.clone().into(), mode: edit.mode };
        let change = self.change(at, edit, before, after);
        self.folders.extend(self.tree.prepare(&change)?);
        self.tree.commit(&change)?;
        self.tree.finish(&change)
    }

    /// Puts back what was there.
    pub(super) fn take_back(self) -> Result<(), Failure> {
        self.undo(self.edits.len())
    }

    fn undo(&self, made: usize) -> Result<(), Failure> {
        let doing = || "take the proposed diff back; `git status` shows what is left of it";
        for (at, edit) in self.edits.iter().enumerate().take(made).rev() {
            let before = Before::File { sha256: digest(&edit.after) };
            let after = edit.before.as_ref().map_or(After::Absent, |it| After::File {
                bytes: it.bytes.clone().into(),
                mode: it.mode & 0o777,
            });
            let change = self.change(at, edit, before, after);
            let back = self.tree.prepare(&change).and_then(|_| self.tree.commit(&change));
            back.and_then(|()| self.tree.finish(&change)).or_fail(Exit::Unavailable, doing())?;
        }
        for folder in self.folders.iter().rev() {
            self.tree.remove_empty_dir(folder).or_fail(Exit::Unavailable, doing())?;
        }
        self.tree.sync().or_fail(Exit::Unavailable, doing())
    }

    fn change(&self, at: usize, edit: &Edit, before: Before, after: After) -> Change {
        let temp = format!(".aiops-{:016x}-{at}", self.token);
        Change { path: edit.path.clone(), before, after, temp }
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
