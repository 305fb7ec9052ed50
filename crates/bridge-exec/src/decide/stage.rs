//! The dry run: what a command would make of its target, on paper. Pure but for the `look` it is
//! given, through which it sees each file once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::command::{Command, Op};
use bridge::evidence::{FileChange, FileOutcome, hex};
use bridge::reason::{Reason, Refusal};
use bridge::settings::{Capability, Settings};
use confined_fs::{PathFault, RelPath, fold};
use globset::GlobSet;
use sha2::{Digest, Sha256};

use super::covered;

/// Top-level folders of any target that no command may touch.
const DENIED_ANYWHERE: &[&str] = &["commands", "meta"];

/// Further ones when the target is the bridge root: evidence is written by the executor alone.
const DENIED_IN_ROOT: &[&str] = &["results", "diffs", "archive", "dead_letter", "logs"];

/// Why a dry run stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// No.
    Refused(Refusal),
    /// No answer now: the same may work later.
    Transient(String),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a file holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Content {
    /// Its bytes.
    pub(crate) bytes: Arc<[u8]>,
    /// Its permission bits.
    pub(crate) mode: u32,
}

impl Content {
    /// SHA-256 of the bytes.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

/// What may change in a target.
#[derive(Debug)]
pub(crate) struct PathRules {
    /// Whether the target is the bridge root.
    pub(crate) is_root: bool,
    /// The only paths that may change; `None` for all.
    pub(crate) allow: Option<GlobSet>,
    /// Paths that may not.
    pub(crate) deny: GlobSet,
}

impl PathRules {
    /// Reads a path of a document.
    pub(crate) fn check(&self, text: &str) -> Result<RelPath, Refusal> {
        let path = RelPath::parse(text).map_err(|fault| match fault {
            PathFault::Escape(why) => Refusal::new(Reason::PathEscape, why),
            PathFault::Denied(why) => Refusal::new(Reason::PathDenied, why),
        })?;
        let denied = |why: String| Err(Refusal::new(Reason::PathDenied, why));
        let top = fold(path.components().next().unwrap_or_default());
        if DENIED_ANYWHERE.contains(&top.as_str()) {
            return denied(format!("{text:?}: {top}/ is not for commands"));
        }
        if self.is_root && DENIED_IN_ROOT.contains(&top.as_str()) {
            return denied(format!("{text:?}: {top}/ is written by the executor alone"));
        }
        if self.deny.is_match(text) {
            return denied(format!("{text:?} is on the target's deny list"));
        }
        if self.allow.as_ref().is_some_and(|allow| !allow.is_match(text)) {
            return denied(format!("{text:?} is not on the target's allow list"));
        }
        Ok(path)
    }
}

/// A file before and after.
#[derive(Clone, Debug)]
pub(crate) struct StagedFile {
    /// As it is.
    pub(crate) before: Option<Content>,
    /// As it will be.
    pub(crate) after: Option<Content>,
    /// Where its content came from, if it was moved here.
    pub(crate) from: Option<RelPath>,
}

/// What a command would change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staged {
    /// Only files that differ, in path order.
    pub(crate) files: BTreeMap<RelPath, StagedFile>,
    /// Every path the outcome depends on, changed or not.
    pub(crate) looked: BTreeSet<RelPath>,
}

impl Staged {
    /// Every path that changes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(RelPath::as_str)
    }

    /// Bytes of all new content.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.files
            .values()
            .filter_map(|file| file.after.as_ref())
            .map(|it| it.bytes.len() as u64)
            .sum()
    }

    /// The old name of a moved file, if the move is still all that happened to it.
    fn moved_from<'a>(&self, file: &'a StagedFile) -> Option<&'a RelPath> {
        let from = file.from.as_ref()?;
        let gone = self.files.get(from).is_some_and(|it| it.after.is_none() && it.before.is_some());
        (gone && file.before.is_none()).then_some(from)
    }

    /// The unified diff of the whole command.
    pub(crate) fn diff(&self) -> Vec<u8> {
        let moved: BTreeSet<&RelPath> = self.moved();
        let changes: Vec<file_patch::FileChange<'_>> = self
            .files
            .iter()
            .filter(|(path, _)| !moved.contains(path))
            .map(|(path, file)| {
                let from = self.moved_from(file);
                let old = from.and_then(|from| self.files.get(from)).unwrap_or(file);
                file_patch::FileChange {
                    path: path.as_str(),
                    moved_from: from.map(RelPath::as_str),
                    before: old.before.as_ref().map(side),
                    after: file.after.as_ref().map(side),
                }
            })
            .collect();
        file_patch::render(&changes)
    }

    /// What evidence says of each file; a moved file is one row under its new name.
    pub(crate) fn outcomes(&self) -> Vec<FileOutcome> {
        let moved = self.moved();
        let rows = self.files.iter().filter(|(path, _)| !moved.contains(path));
        rows.map(|(path, file)| {
            let from = self.moved_from(file);
            let old = from.and_then(|from| self.files.get(from)).unwrap_or(file);
            let hash = |content: &Option<Content>| content.as_ref().map(|it| hex(&it.sha256()));
            FileOutcome {
                path: path.as_str().to_owned(),
                change: match (from, &file.before, &file.after) {
                    (Some(_), _, _) => FileChange::Moved,
                    (None, None, _) => FileChange::Added,
                    (None, Some(_), None) => FileChange::Deleted,
                    (None, Some(_), Some(_)) => FileChange::Modified,
                },
                from: from.map(|it| it.as_str().to_owned()),
                sha256_before: hash(&old.before),
                sha256_after: hash(&file.after),
                bytes: file.after.as_ref().map_or(0, |it| it.bytes.len() as u64),
            }
        })
        .collect()
    }

    fn moved(&self) -> BTreeSet<&RelPath> {
        self.files.values().filter_map(|file| self.moved_from(file)).collect()
    }
}

fn side(content: &Content) -> file_patch::Side<'_> {
    file_patch::Side { bytes: &content.bytes, mode: content.mode }
}

/// Stages a command. `look` returns what is at a path now.
pub(crate) fn stage(
    command: &Command,
    rules: &PathRules,
    settings: &Settings,
    look: &mut dyn FnMut(&RelPath) -> Result<Option<Content>, Stop>,
) -> Result<Staged, Stop> {
    let mut desk = Desk { command, rules, settings, look, files: BTreeMap::new() };
    for op in &command.payload.inline.ops {
        desk.carry_out(op)?;
    }
    let mut files = desk.files;
    let looked = files.keys().cloned().collect();
    files.retain(|_, file| file.before != file.after);
    let staged = Staged { files, looked };
    limits(&staged, command, settings)?;
    Ok(staged)
}

fn limits(staged: &Staged, command: &Command, settings: &Settings) -> Result<(), Refusal> {
    let (changed, most) = (staged.files.len() as u64, command.constraints.max_files_changed);
    if changed > most {
        let why = format!("{changed} files would change; maxFilesChanged is {most}");
        return Err(Refusal::new(Reason::TooManyFiles, why));
    }
    let (written, most) = (staged.bytes_written(), settings.ceilings.max_total_bytes);
    if written > most {
        let why = format!("{written} bytes would be written; the policy allows {most}");
        return Err(Refusal::new(Reason::TooLarge, why));
    }
    let exists = |path: &RelPath| staged.files.get(path).is_some_and(|file| file.after.is_some());
    for path in staged.files.keys().filter(|path| exists(path)) {
        let mut above = path.parent();
        while let Some(folder) = above {
            if exists(&folder) {
                let why = format!("{}: {} would be a file", path.as_str(), folder.as_str());
                return Err(Refusal::new(Reason::PathDenied, why));
            }
            above = folder.parent();
        }
    }
    Ok(())
}

/// The dry run under way.
struct Desk<'a> {
    command: &'a Command,
    rules: &'a PathRules,
    settings: &'a Settings,
    look: &'a mut dyn FnMut(&RelPath) -> Result<Option<Content>, Stop>,
    files: BTreeMap<RelPath, StagedFile>,
}

impl Desk<'_> {
    fn carry_out(&mut self, op: &Op) -> Result<(), Stop> {
        match op {
            Op::Noop {} => Ok(()),
            Op::WriteFile { path, content, content_base64, mode, expect_sha256 } => {
                let path = self.rules.check(path)?;
                let bytes = bytes_of(content.as_deref(), content_base64.as_deref())?;
                let file = self.file(&path)?;
                if let Some(want) = expect_sha256 {
                    expect(&path, want, file.after.as_ref())?;
                }
                let kept = file.after.as_ref().map_or(0o644, |it| it.mode & 0o777);
                let mode = mode.map_or(kept, bridge::command::Mode::bits);
                self.put(&path, Content { bytes: bytes.into(), mode })
            }
            Op::MoveFile { from, to } => {
                let (from, to) = (self.rules.check(from)?, self.rules.check(to)?);
                let moved = self.existing(&from)?;
                if from == to || self.file(&to)?.after.is_some() {
                    return Err(unmet(format!("{} is already there", to.as_str())));
                }
                self.file(&from)?.after = None;
                self.put(&to, moved)?;
                self.file(&to)?.from = Some(from);
                Ok(())
            }
            Op::DeleteFile { path } => {
                let path = self.rules.check(path)?;
                self.existing(&path)?;
                self.file(&path)?.after = None;
                Ok(())
            }
            Op::ApplyDiff { diff } => self.apply(diff),
        }
    }

    fn apply(&mut self, diff: &str) -> Result<(), Stop> {
        let conflict = |why: String| Stop::Refused(Refusal::new(Reason::PatchConflict, why));
        let patches =
            file_patch::parse(diff.as_bytes()).map_err(|err| conflict(err.to_string()))?;
        for patch in &patches {
            let name = patch.new.as_ref().or(patch.old.as_ref());
            let path = self.rules.check(name.map_or("", String::as_str))?;
            if patch.new.is_none() {
                covered(Capability::DeleteFile, self.command, self.settings)?;
            }
            let old = self.file(&path)?.after.clone();
            let old_bytes = old.as_ref().map(|it| &*it.bytes);
            let new = file_patch::apply(patch, old_bytes)
                .map_err(|err| conflict(format!("{}: {err}", path.as_str())))?;
            let Some(bytes) = new else {
                self.file(&path)?.after = None;
                continue;
            };
            let kept = old.as_ref().map_or(0o644, |it| it.mode & 0o777);
            let mode = patch.mode.map_or(kept, file_patch::Mode::bits);
            self.put(&path, Content { bytes: bytes.into(), mode })?;
        }
        Ok(())
    }

    /// The staged state of a path, looked up once.
    fn file(&mut self, path: &RelPath) -> Result<&mut StagedFile, Stop> {
        if !self.files.contains_key(path) {
            let before = (self.look)(path)?;
            let file = StagedFile { after: before.clone(), before, from: None };
            self.files.insert(path.clone(), file);
        }
        self.files.get_mut(path).ok_or_else(|| Stop::Transient("a path was lost".into()))
    }

    fn existing(&mut self, path: &RelPath) -> Result<Content, Stop> {
        let content = self.file(path)?.after.clone();
        content.ok_or_else(|| unmet(format!("{} is not there", path.as_str())))
    }

    fn put(&mut self, path: &RelPath, content: Content) -> Result<(), Stop> {
        let (size, most) = (content.bytes.len() as u64, self.settings.ceilings.max_file_bytes);
        if size > most {
            let why =
                format!("{} would have {size} bytes; the policy allows {most}", path.as_str());
            return Err(Refusal::new(Reason::TooLarge, why).into());
        }
        let file = self.file(path)?;
        file.after = Some(content);
        file.from = None;
        Ok(())
    }
}

fn bytes_of(content: Option<&str>, base64: Option<&str>) -> Result<Vec<u8>, Refusal> {
    match (content, base64) {
        (Some(text), _) => Ok(text.as_bytes().to_vec()),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map_err(|err| Refusal::new(Reason::Schema, format!("contentBase64: {err}"))),
        (None, None) => Err(Refusal::new(Reason::Schema, "writeFile has no content")),
    }
}

fn expect(path: &RelPath, want: &str, found: Option<&Content>) -> Result<(), Stop> {
    let found = found.map_or_else(|| "absent".to_owned(), |it| hex(&it.sha256()));
    if found == want {
        return Ok(());
    }
    Err(unmet(format!("{}: expectSha256 is {want}, found {found}", path.as_str())))
}

fn unmet(why: String) -> Stop {
    Stop::Refused(Refusal::new(Reason::PreconditionFailed, why))
}
