//! Writes a commit's files as they are in it: no filter, no attribute, no hook. Nothing written has
//! a write bit, and links come last, so that nothing is written through one.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::index::State;
use gix::index::entry;
use gix::objs::Kind;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;

use crate::history;

/// How many threads write and compare.
pub(crate) const THREADS: usize = 2;
/// A file's mode, and that of one that can be run, and a folder's.
const FILE: RawMode = 0o444;
const PROGRAM: RawMode = 0o555;

/// The largest file and folder that is read, bytes: a whole one is held in memory, by each thread.
const LARGEST_FILE: u64 = 512 << 20;
const LARGEST_FOLDER: u64 = 64 << 20;

/// Why a tree was not written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// There is not room for it here.
    TooLarge,
    /// The commit holds what must not be written, or the mirror is corrupt: what, and where.
    Bad(String),
    /// The mirror does not hold what it should.
    Corrupt(String),
    /// The system said no.
    Failed(String),
}

/// The most names of a tree, the most bytes of all their paths, and how deep it may be: a few
/// objects can stand for more files than any machine holds.
const MOST_NAMES: u64 = 1_000_000;
const MOST_BYTES: u64 = 256 << 20;
const DEEPEST: u64 = 200;

/// What a tree stands for.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    names: u64,
    /// Of all paths below it.
    bytes: u64,
    /// Of folders in folders.
    height: u64,
}

/// Everything that a commit's tree holds, in the index's order.
pub(crate) fn read(repository: &gix::Repository, commit: ObjectId) -> Result<State, Unwritten> {
    let corrupt = |err: &dyn std::fmt::Display| Unwritten::Corrupt(err.to_string());
    let object = repository.find_object(commit).map_err(|err| corrupt(&err))?;
    let tree = object.peel_to_tree().map_err(|err| corrupt(&err))?.id;
    weigh(repository, tree, 0, &mut HashMap::new())?;
    let names = gix::validate::path::component::Options {
        protect_windows: false,
        protect_hfs: true,
        protect_ntfs: true,
    };
    State::from_tree(&tree, &repository.objects, names).map_err(|err| Unwritten::Bad(chain(&err)))
}

fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    let mut text = err.to_string();
    let mut next = err.source();
    while let Some(err) = next {
        text = format!("{text}: {err}");
        next = err.source();
    }
    text
}

/// What a tree stands for. Each tree object is read once, however often it is named.
fn weigh(
    repository: &gix::Repository,
    tree: ObjectId,
    depth: u64,
    known: &mut HashMap<ObjectId, Weight>,
) -> Result<Weight, Unwritten> {
    let bad = |why: String| Err(Unwritten::Bad(why));
    let deep = || bad(format!("folders lie more than {DEEPEST} deep"));
    if let Some(weight) = known.get(&tree) {
        return if depth + weight.height > DEEPEST { deep() } else { Ok(*weight) };
    }
    if depth > DEEPEST {
        return deep();
    }
    let corrupt = |err: &dyn std::fmt::Display| Unwritten::Corrupt(format!("tree {tree}: {err}"));
    let header = repository.find_header(tree).map_err(|err| corrupt(&err))?;
    if header.size() > LARGEST_FOLDER {
        return bad(format!("a folder takes more than {LARGEST_FOLDER} bytes"));
    }
    let object = repository.find_object(tree).map_err(|err| corrupt(&err))?;
    let object = object.try_into_tree().map_err(|err| corrupt(&err))?;
    let (mut seen, mut below) = (HashSet::new(), vec![]);
    let mut weight = Weight::default();
    for entry in object.iter() {
        let entry = entry.map_err(|err| corrupt(&err))?;
        let length = entry.filename().len() as u64 + 1;
        if !seen.insert(entry.filename().to_owned()) {
            return bad(format!("{}: named twice", entry.filename()));
        }
        weight.names += 1;
        weight.bytes += length;
        if entry.mode().is_tree() {
            below.push((entry.oid().to_owned(), length));
        }
    }
    for (tree, length) in below {
        let part = weigh(repository, tree, depth + 1, known)?;
        weight.names = weight.names.saturating_add(part.names);
        weight.bytes = weight.bytes.saturating_add(part.bytes).saturating_add(part.names * length);
        weight.height = weight.height.max(part.height + 1);
        if weight.names > MOST_NAMES || weight.bytes > MOST_BYTES {
            return bad(format!("it stands for more than {MOST_NAMES} files, or their names do"));
        }
    }
    known.insert(tree, weight);
    Ok(weight)
}

/// Writes all of it into an empty folder. At most `room` bytes are written.
pub(crate) fn write(
    mirror: &Path,
    state: &mut State,
    folder: &Path,
    room: u64,
) -> Result<(), Unwritten> {
    let failed = |at: &[u8]| {
        let at = at.as_bstr().to_string();
        move |err: Errno| match err {
            Errno::NOSPC | Errno::DQUOT => Unwritten::TooLarge,
            Errno::EXIST | Errno::NOTDIR => Unwritten::Bad(format!("{at}: named twice")),
            Errno::NAMETOOLONG => Unwritten::Bad(format!("{at}: a name that cannot be written")),
            err => Unwritten::Failed(format!("{at}: {err}")),
        }
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::openat(CWD, folder, flags, Mode::empty()).map_err(failed(b"."))?;
    let folders = folders(state);
    for path in &folders {
        rustix::fs::mkdirat(&top, path.as_slice(), Mode::from_raw_mode(0o755))
            .map_err(failed(path))?;
    }
    let jobs: Vec<(usize, BString, ObjectId, entry::Mode)> = state
        .entries()
        .iter()
        .enumerate()
        .map(|(n, it)| (n, it.path(state).to_owned(), it.id, it.mode))
        .filter(|it| it.3 != entry::Mode::COMMIT)
        .collect();
    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (links, files): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|it| it.3 == entry::Mode::SYMLINK);
    let mut looks: Vec<(usize, Stat)> = vec![];
    for part in [files, links] {
        let share = part.len().div_ceil(THREADS).max(1);
        let done: Vec<Result<Vec<(usize, Stat)>, Unwritten>> = std::thread::scope(|scope| {
            let threads: Vec<_> = part
                .chunks(share)
                .map(|part| {
                    let (top, written, stop) = (top.as_fd(), &written, &stop);
                    scope.spawn(move || {
                        let done = write_part(mirror, part, top, room, written, stop);
                        stop.fetch_or(done.is_err(), Ordering::Relaxed);
                        done
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|it| {
                let panicked = |_| Err(Unwritten::Failed("a thread ended".to_owned()));
                it.join().unwrap_or_else(panicked)
            });
            joined.collect()
        });
        for part in done {
            looks.extend(part?);
        }
    }
    for path in folders.iter().rev() {
        let mode = Mode::from_raw_mode(0o555);
        rustix::fs::chmodat(&top, path.as_slice(), mode, AtFlags::empty()).map_err(failed(path))?;
    }
    for (n, stat) in looks {
        if let Some(entry) = state.entries_mut().get_mut(n) {
            entry.stat = index_stat(&stat);
        }
    }
    Ok(())
}

/// Every folder that holds something, or stands for another repository; outer ones first.
pub(crate) fn folders(state: &State) -> Vec<Vec<u8>> {
    let mut all = std::collections::BTreeSet::new();
    for entry in state.entries() {
        let path: &[u8] = entry.path(state);
        if entry.mode == entry::Mode::COMMIT {
            all.insert(path.to_vec());
        }
        for (at, _) in path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/') {
            if !all.insert(path.get(..at).unwrap_or_default().to_vec()) {
                break;
            }
        }
    }
    all.into_iter().collect()
}

fn write_part(
    mirror: &Path,
    part: &[(usize, BString, ObjectId, entry::Mode)],
    top: BorrowedFd<'_>,
    room: u64,
    written: &AtomicU64,
    stop: &AtomicBool,
) -> Result<Vec<(usize, Stat)>, Unwritten> {
    let repository = history::open(mirror).map_err(|err| Unwritten::Corrupt(err.to_string()))?;
    let mut stats = Vec::with_capacity(part.len());
    for (n, path, id, mode) in part {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let corrupt = |why: String| Unwritten::Corrupt(format!("{path}: {why}"));
        let size = repository.find_header(*id).map_err(|err| corrupt(err.to_string()))?.size();
        if size > LARGEST_FILE {
            return Err(Unwritten::Bad(format!("{path}: larger than {LARGEST_FILE} bytes")));
        }
        if written.fetch_add(size, Ordering::Relaxed) + size > room {
            return Err(Unwritten::TooLarge);
        }
        let blob = repository.find_object(*id).map_err(|err| corrupt(err.to_string()))?;
        let hash = gix::objs::compute_hash(id.kind(), Kind::Blob, &blob.data);
        if blob.kind != Kind::Blob || hash.map_err(|err| corrupt(err.to_string()))? != *id {
            return Err(corrupt(format!("object {id} is not what its name says")));
        }
        let stat = if *mode == entry::Mode::SYMLINK {
            link(top, path, &blob.data)
        } else {
            let mode = if *mode == entry::Mode::FILE_EXECUTABLE { PROGRAM } else { FILE };
            file(top, path, &blob.data, mode)
        };
        let stat = stat.map_err(|err| match err {
            Errno::NOSPC | Errno::DQUOT => Unwritten::TooLarge,
            Errno::EXIST | Errno::NOTDIR | Errno::LOOP | Errno::ISDIR => {
                Unwritten::Bad(format!("{path}: named twice"))
            }
            Errno::NAMETOOLONG | Errno::INVAL | Errno::NOENT => {
                Unwritten::Bad(format!("{path}: a name or link that cannot be written"))
            }
            err => Unwritten::Failed(format!("{path}: {err}")),
        })?;
        stats.push((*n, stat));
    }
    Ok(stats)
}

fn file(top: BorrowedFd<'_>, path: &[u8], bytes: &[u8], mode: RawMode) -> Result<Stat, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file: OwnedFd = rustix::fs::openat(top, path, flags, Mode::from_raw_mode(mode))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(err) => return Err(err),
        }
    }
    let stat = rustix::fs::fstat(&file)?;
    if stat.st_mode & 0o7777 == mode {
        return Ok(stat);
    }
    // The caller's umask took something.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    rustix::fs::fstat(&file)
}

fn link(top: BorrowedFd<'_>, path: &[u8], target: &[u8]) -> Result<Stat, Errno> {
    rustix::fs::symlinkat(target, top, path)?;
    rustix::fs::statat(top, path, AtFlags::SYMLINK_NOFOLLOW)
}

/// A file's looks as the index holds them: everything cut to 32 bits, as git does.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the index's own format cuts them"
)]
fn index_stat(stat: &Stat) -> entry::Stat {
    let time = |secs: i64, nsecs: u64| entry::stat::Time { secs: secs as u32, nsecs: nsecs as u32 };
    entry::Stat {
        mtime: time(stat.st_mtime, stat.st_mtime_nsec),
        ctime: time(stat.st_ctime, stat.st_ctime_nsec),
        dev: stat.st_dev as u32,
        ino: stat.st_ino as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u32,
    }
}
