//! Looks at the bridge root and its targets. No judgement here.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use bridge::layout::{COMMANDS, Root};
use bridge::settings::{Settings, Target, globs};
use confined_fs::{Fault, Folder, Listed, RelPath, Seen, Tree};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use crate::decide::stage::{Content, PathRules, Stop};
use bridge::reason::{Reason, Refusal};

/// The folders of a bridge root, each opened beneath it without following anything.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) commands: Folder,
    pub(crate) results: Folder,
    pub(crate) diffs: Folder,
    pub(crate) archive: Folder,
    pub(crate) dead_letter: Folder,
    pub(crate) meta: Folder,
    pub(crate) held: Folder,
    pub(crate) logs: Folder,
}

impl Folders {
    /// Opens them all; missing evidence folders are made.
    pub(crate) fn open(root: &Root) -> Result<Self, Failure> {
        let doing = || format!("open the bridge root {}", root.path().display());
        let tree = Tree::open_resolved(root.path()).or_fail(Exit::Unavailable, doing())?;
        let open = |name: &str| {
            let path = RelPath::parse(name).or_fail(Exit::Internal, doing())?;
            tree.folder(&path, true)
                .or_fail(Exit::Unavailable, format!("open {}/{name}", root.path().display()))
                .map_err(|it| it.hint("it must be a real folder that this user may write to"))
        };
        Ok(Self {
            commands: open(COMMANDS)?,
            results: open("results")?,
            diffs: open("diffs")?,
            archive: open("archive")?,
            dead_letter: open("dead_letter")?,
            meta: open("meta")?,
            held: open("meta/held")?,
            logs: open("logs")?,
        })
    }

    /// Whether evidence of this id lies about already.
    pub(crate) fn has_evidence(&self, id: &str) -> Result<bool, Fault> {
        let there =
            |folder: &Folder, name: &str| folder.look(OsStr::new(name)).map(|it| it.is_some());
        Ok(there(&self.archive, &format!("{id}.json"))?
            || there(&self.results, &format!("{id}.json"))?
            || there(&self.results, &format!("{id}.integrity.json"))?
            || there(&self.diffs, &format!("{id}.patch"))?)
    }
}

/// `<stem>.json`.
pub(crate) fn json_name(stem: &str) -> OsString {
    format!("{stem}.json").into()
}

/// A file that was dropped into commands/.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) listed: Listed,
    /// At most one byte more than the cap; empty for what is not a regular file.
    pub(crate) bytes: Vec<u8>,
}

/// What lies in commands/, oldest first and by name among equals.
pub(crate) fn inbound(commands: &Folder) -> Result<Vec<Listed>, Fault> {
    let mut listed = commands.list()?;
    listed.sort_by(|a, b| (a.modified_ns, &a.name).cmp(&(b.modified_ns, &b.name)));
    Ok(listed)
}

/// Reads one of them; `None` when it has gone.
pub(crate) fn read(commands: &Folder, listed: &Listed, cap: u64) -> Result<Option<Arrival>, Fault> {
    let read = commands.read(&listed.name, cap.saturating_add(1))?;
    Ok(read.map(|(listed, bytes)| Arrival { listed, bytes }))
}

/// A target that is there.
#[derive(Debug)]
pub(crate) struct OpenTarget {
    pub(crate) tree: Tree,
    pub(crate) path: PathBuf,
    pub(crate) rules: PathRules,
}

/// Opens a target of the policy. The inner error says why it is not usable now.
///
/// # Errors
/// Exit 78 when the policy points it at a place where it could undermine the bridge itself.
pub(crate) fn target(
    host: &Host,
    root: &Root,
    home: &Path,
    name: &str,
    target: &Target,
) -> Result<Result<OpenTarget, String>, Failure> {
    let named = root.path().join(target.path.as_deref().unwrap_or("."));
    // Links above the target are the operator's business; the target itself must be a folder, so that
    // nobody who can replace it decides where commands write.
    let resolved = match (named.parent(), named.file_name()) {
        (Some(parent), Some(name)) => host.resolve(parent).map(|parent| parent.join(name)),
        _ => host.resolve(&named),
    };
    let path = match resolved {
        Ok(path) => path,
        Err(err) => return Ok(Err(format!("target {name} ({}): {err}", named.display()))),
    };
    let is_root = path == root.path();
    let guarded =
        ["commands", "results", "diffs", "archive", "dead_letter", "meta", "logs", ".git"];
    let home = host.resolve(home).unwrap_or_else(|_| home.to_path_buf());
    let undermines = (!is_root && root.path().starts_with(&path))
        || home.starts_with(&path)
        || ["state", "artifacts"].iter().any(|folder| path.starts_with(home.join(folder)))
        || guarded.iter().any(|folder| path.starts_with(root.path().join(folder)));
    if undermines {
        let doing = format!("use target {name}: {}", path.display());
        return Err(Failure::new(Exit::Config, doing)
            .because("it holds the bridge root, its evidence or the executor's own state")
            .hint("point it at another folder in bridge.yaml"));
    }
    let set = |list: &[String]| globs(list).or_fail(Exit::Config, format!("use target {name}"));
    let allow = if target.allow.is_empty() { None } else { Some(set(&target.allow)?) };
    let rules = PathRules { is_root, allow, deny: set(&target.deny)? };
    Ok(Tree::open_resolved(&path)
        .map(|tree| OpenTarget { tree, path, rules })
        .map_err(|fault| format!("target {name}: {fault}")))
}

/// What is at a path of a target now.
pub(crate) fn look(
    target: &OpenTarget,
    path: &RelPath,
    settings: &Settings,
) -> Result<Option<Content>, Stop> {
    match target.tree.read(path, settings.ceilings.max_file_bytes) {
        Ok(Seen::Absent) => Ok(None),
        Ok(Seen::File(it)) => Ok(Some(Content { bytes: it.bytes.into(), mode: it.mode })),
        Err(fault) => Err(stop(fault)),
    }
}

/// What a fault of the file layer means for a command.
pub(crate) fn stop(fault: Fault) -> Stop {
    let (reason, why) = match fault {
        Fault::Symlink(why) => (Reason::Symlink, why),
        Fault::Escape(why) => (Reason::PathEscape, why),
        Fault::Denied(why) => (Reason::PathDenied, why),
        Fault::Precondition(why) => (Reason::PreconditionFailed, why),
        fault @ Fault::TooLarge { .. } => (Reason::TooLarge, fault.to_string()),
        fault @ Fault::Io { .. } => return Stop::Transient(fault.to_string()),
    };
    Stop::Refused(Refusal::new(reason, why))
}

/// A name as evidence shows it.
pub(crate) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}
