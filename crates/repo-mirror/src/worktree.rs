//! A commit's tree and a git folder of its own beside it, and both compared afterwards.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::index::write::Options;
use gix::index::{File, entry};
use jobs::{Change, ChangeKind, JobId, Sha};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};

use crate::compare::{self, Known};
use crate::git::Bounds;
use crate::pins::Pinned;
use crate::scratch::{Place, Scratch};
use crate::tree::{self, Unwritten};
use crate::{git, history, seal};

/// The largest tree that is written, bytes.
const LARGEST: u64 = 16 << 30;
/// What part of a place's free room a tree may take, and of the memory that is free for all.
const SHARE: u64 = 2;
const SHARE_OF_MEMORY: u64 = 4;

/// Where the job sees things.
#[derive(Clone, Copy, Debug)]
pub struct PlaceInside<'a> {
    /// The git folder.
    pub git: &'a str,
    /// The objects of the mirror.
    pub objects: &'a str,
}

/// A commit's tree, its git folder, and what both were when they had just been written.
#[derive(Debug)]
pub struct Worktree {
    scratch: Scratch,
    known: BTreeMap<PathBuf, Known>,
    git_seal: String,
    /// What a person should know of it.
    pub warnings: Vec<String>,
}

impl Worktree {
    /// Writes the tree of a pinned commit: in memory when it fits, else on disk.
    ///
    /// # Errors
    /// Exit 65 when the commit holds what must not be written, 69 when it cannot be written.
    /// `Ok(Err(why))` when the mirror turned out to be corrupt.
    pub fn write(
        host: &Host,
        home: &Path,
        job: &JobId,
        pinned: &Pinned,
        inside: PlaceInside<'_>,
    ) -> Result<Result<Self, String>, Failure> {
        for place in [Place::Memory, Place::Disk] {
            let Some(scratch) = Scratch::new(host, home, job, place)? else { continue };
            let room = room(host, &scratch).min(LARGEST);
            match Self::fill(host, scratch, pinned, inside, room) {
                Ok(worktree) => return Ok(Ok(worktree)),
                Err(Unwritten::Corrupt(why)) => return Ok(Err(why)),
                Err(Unwritten::TooLarge) => {}
                Err(Unwritten::Bad(why)) => {
                    return Err(Failure::new(Exit::Malformed, "write the commit's tree")
                        .because(why)
                        .hint("git itself would refuse or mangle it: nothing of it was used"));
                }
                Err(Unwritten::Failed(why)) => {
                    return Err(
                        Failure::new(Exit::Unavailable, "write the commit's tree").because(why)
                    );
                }
            }
        }
        Err(Failure::new(Exit::Unavailable, "write the commit's tree")
            .because("there is no room for it, neither in memory nor on disk"))
    }

    fn fill(
        host: &Host,
        scratch: Scratch,
        pinned: &Pinned,
        inside: PlaceInside<'_>,
        room: u64,
    ) -> Result<Self, Unwritten> {
        let failed = |err: &dyn std::fmt::Display| Unwritten::Failed(err.to_string());
        let repository = history::open(&pinned.mirror).map_err(|err| failed(&err))?;
        let commit = id(&pinned.sha)?;
        let mut state = tree::read(&repository, commit)?;
        let (top, own) = (scratch.path().join("tree"), scratch.path().join("git"));
        host.make_dir(&top, 0o755).map_err(|err| failed(&err))?;
        tree::write(&pinned.mirror, &mut state, &top, room)?;
        let dot = format!("gitdir: {}\n", inside.git);
        let write = |path: &Path, text: &str| {
            host.replace_file_unsynced(path, text.as_bytes(), 0o444).map_err(|err| failed(&err))
        };
        write(&top.join(".git"), &dot)?;
        for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            host.make_dir(&own.join(folder), 0o755).map_err(|err| failed(&err))?;
        }
        write(&own.join("HEAD"), &format!("{}\n", pinned.sha))?;
        write(&own.join("objects/info/alternates"), &format!("{}\n", inside.objects))?;
        let config = config(pinned);
        host.replace_file_unsynced(&own.join("config"), config.as_bytes(), 0o644)
            .map_err(|err| failed(&err))?;
        let hooks = state.entries().iter().any(|it| it.path(&state).starts_with(b".githooks/"));
        let warnings = if hooks { set_hooks(host, &own) } else { vec![] };
        let ids: BTreeMap<PathBuf, gix::ObjectId> = state
            .entries()
            .iter()
            .filter(|it| it.mode != entry::Mode::COMMIT)
            .map(|it| (PathBuf::from(OsStr::from_bytes(it.path(&state))), it.id))
            .collect();
        let mut index = File::from_state(state, own.join("index"));
        index.write(Options::default()).map_err(|err| failed(&err))?;
        let readable = rustix::fs::Mode::from_raw_mode(0o444);
        for name in ["config", "index"] {
            let flags = rustix::fs::AtFlags::empty();
            rustix::fs::chmodat(rustix::fs::CWD, own.join(name), readable, flags)
                .map_err(|err| failed(&err))?;
        }
        // After all else: its own times are told from here on.
        let closed = rustix::fs::Mode::from_raw_mode(0o555);
        rustix::fs::chmodat(rustix::fs::CWD, &top, closed, rustix::fs::AtFlags::empty())
            .map_err(|err| failed(&err))?;
        let mut unseen = vec![];
        let seen = compare::look(host, &top, &mut unseen);
        if let Some(change) = unseen.first() {
            return Err(Unwritten::Failed(format!("{} cannot be read again", change.path)));
        }
        let kind = commit.kind();
        let known = seen
            .into_iter()
            .map(|(path, entry)| {
                let id = if path == Path::new(".git") {
                    gix::objs::compute_hash(kind, gix::objs::Kind::Blob, dot.as_bytes()).ok()
                } else {
                    ids.get(&path).copied()
                };
                (path, Known { entry, id })
            })
            .collect();
        let git_seal = seal::of_folder(host, &own).map_err(|err| failed(&err))?;
        Ok(Self { scratch, known, git_seal, warnings })
    }

    /// The tree.
    pub fn tree(&self) -> PathBuf {
        self.scratch.path().join("tree")
    }

    /// Its git folder.
    pub fn git(&self) -> PathBuf {
        self.scratch.path().join("git")
    }

    /// Where it lies.
    pub fn place(&self) -> Place {
        self.scratch.place()
    }

    /// Whether a path of the commit is a file, and whether it can be run.
    pub fn program(&self, path: &str) -> Option<bool> {
        let known = self.known.get(Path::new(path))?;
        (known.entry.kind == Kind::File).then_some(known.entry.mode & 0o111 != 0)
    }

    /// Everything that is not as it was, in the tree, its git folder and the mirror: at most a
    /// thousand differences of the tree.
    pub fn compare(&self, host: &Host, pinned: &Pinned) -> Vec<Change> {
        let mut changes = compare::compare(host, &self.tree(), &self.known);
        let mut whole = |place: &str, same: bool| {
            if !same {
                changes.push(Change { path: place.to_owned(), kind: ChangeKind::Modified });
            }
        };
        let own = seal::of_folder(host, &self.git());
        whole("<gitdir>/", own.is_ok_and(|it| it == self.git_seal));
        whole("<mirror>/", pinned.is_sealed(host));
        for reference in pinned.moved(host) {
            whole(&format!("<mirror>/{reference}"), false);
        }
        changes
    }

    /// Removes tree and git folder.
    ///
    /// # Errors
    /// Exit 69 when something of them stays.
    pub fn remove(self) -> Result<(), Failure> {
        self.scratch.remove()
    }
}

/// How much may be written to a place.
fn room(host: &Host, scratch: &Scratch) -> u64 {
    let room = host.space(scratch.path()).map_or(0, |it| it.available_bytes / SHARE);
    match scratch.place() {
        Place::Disk => room,
        // A file system in memory says how much it may take, not how much there is.
        Place::Memory => {
            room.min(host.memory().map_or(0, |it| it.available_bytes / SHARE_OF_MEMORY))
        }
    }
}

fn id(sha: &Sha) -> Result<gix::ObjectId, Unwritten> {
    gix::ObjectId::from_hex(sha.as_str().as_bytes()).map_err(|err| Unwritten::Bad(err.to_string()))
}

/// The configuration of the git folder: what the target's own tools read.
fn config(pinned: &Pinned) -> String {
    let mut text = String::from("[core]\n");
    let is_long = pinned.sha.as_str().len() == 64;
    let version = u8::from(is_long);
    let _infallible = writeln!(text, "\trepositoryformatversion = {version}\n\tbare = false");
    text += "\tfilemode = true\n\tlogallrefupdates = false\n\tfsmonitor = false\n";
    if is_long {
        text += "[extensions]\n\tobjectformat = sha256\n";
    }
    text += "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[remote \"origin\"]\n";
    let _infallible = writeln!(text, "\turl = {}\n\tpushurl = DISABLED", pinned.url);
    text
}

/// Has the target's own doctor find its hooks set up. Not being able to is a warning.
fn set_hooks(host: &Host, own: &Path) -> Vec<String> {
    let file = own.join("config").to_string_lossy().into_owned();
    let args = ["config", "--file", &file, "core.hooksPath", ".githooks"];
    let why = match git::git(host, None, None, &args, &Bounds::default()) {
        Ok(ran) => ran.failed,
        Err(failure) => Some(failure.to_string()),
    };
    why.map(|why| format!("HOOKS_PATH_NOT_SET: {why}")).into_iter().collect()
}

/// Exit 69 for what the system said of a place.
pub(crate) fn unavailable<T>(
    done: std::io::Result<T>,
    doing: &str,
    at: &Path,
) -> Result<T, Failure> {
    done.or_fail(Exit::Unavailable, format!("{doing} {}", at.display()))
}
