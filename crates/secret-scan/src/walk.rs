//! Scans a file, or every file below a folder.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ops_host::host::{Host, Kind};

use crate::Rules;
use crate::finding::Finding;
use crate::ignore::Ignored;
use crate::stream::{self, Outcome, WINDOWS};
use crate::text::scan_path;

/// The file of findings that were judged before.
const IGNORE_FILE: &str = ".gitleaksignore";

/// The largest such file that is read, bytes.
const LARGEST_IGNORE_FILE: u64 = 4 << 20;

/// How many threads scan at most.
const MOST_THREADS: usize = 8;

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest file that is scanned, bytes; larger ones are passed over as [`Why::TooLarge`].
    pub largest_file: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { largest_file: 256 << 20 }
    }
}

/// What came of a walk. Paths are relative to its root, or the root's own name when it is a file.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// What looks like a secret, by path and line.
    pub findings: Vec<Finding>,
    /// How many files were scanned to their end.
    pub files: u64,
    /// How many bytes that was.
    pub bytes: u64,
    /// What was passed over on purpose, by path.
    pub passed: Vec<Passed>,
    /// What was to be scanned and could not be: no answer about these, by path.
    pub unread: Vec<Unread>,
}

/// A file or folder that was passed over.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Passed {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why something was passed over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Why {
    /// The rules' allowlist of paths: pictures, lock files, installed packages.
    Allowed,
    /// It has a NUL byte near its start.
    Binary,
    /// A symbolic link; what it points to is scanned where it lies, if that is below the root.
    Link,
    /// A pipe, socket or device.
    Special,
    /// Larger than [`Limits::largest_file`].
    TooLarge,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unread {
    /// Which.
    pub path: PathBuf,
    /// What the system says.
    pub why: String,
}

/// A file to scan: where it is, and the name it is told under.
struct Target {
    place: PathBuf,
    name: PathBuf,
}

/// Scans below a root. `.git` is not entered.
pub(crate) fn walk(rules: &Rules, host: &Host, root: &Path, limits: Limits) -> Walk {
    let mut walk = Walk::default();
    let targets = targets(rules, host, root, limits, &mut walk);
    let ignored = ignored(host, root, &mut walk);
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(&mut walk);
    let work = || {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = scan_file(rules, host, target, limits);
            let mut walk = shared.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut walk, target, outcome);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 1..threads.min(MOST_THREADS).min(targets.len()) {
            scope.spawn(work);
        }
        work();
    });
    walk.findings.retain(|finding| !ignored.covers(finding));
    walk.findings.sort();
    walk.passed.sort();
    walk.unread.sort();
    walk
}

/// Lists the files to scan, and notes what is passed over or cannot be listed.
fn targets(
    rules: &Rules,
    host: &Host,
    root: &Path,
    limits: Limits,
    walk: &mut Walk,
) -> Vec<Target> {
    let unread = |path: &Path, err: &io::Error| Unread { path: path.into(), why: err.to_string() };
    match host.look(root) {
        Ok(Some(entry)) if entry.kind == Kind::File => {
            let name = root.file_name().map_or_else(|| root.into(), PathBuf::from);
            walk.findings.extend(scan_path(rules, &name));
            return vec![Target { place: root.into(), name }];
        }
        Ok(Some(_)) => {}
        Ok(None) => {
            let err = io::Error::from(io::ErrorKind::NotFound);
            walk.unread.push(unread(root, &err));
            return vec![];
        }
        Err(err) => {
            walk.unread.push(unread(root, &err));
            return vec![];
        }
    }
    let mut targets = Vec::new();
    let mut folders = VecDeque::from([PathBuf::new()]);
    while let Some(folder) = folders.pop_front() {
        let entries = match host.list(&root.join(&folder)) {
            Ok(entries) => entries,
            Err(err) => {
                walk.unread.push(unread(&folder, &err));
                continue;
            }
        };
        for entry in entries.into_iter().filter(|entry| entry.name != ".git") {
            let name = folder.join(&entry.name);
            if entry.kind == Kind::File {
                walk.findings.extend(scan_path(rules, &name));
            }
            let why = match entry.kind {
                Kind::Link => Some(Why::Link),
                Kind::Other => Some(Why::Special),
                _ if rules.common.allows_path(Some(&name)) => Some(Why::Allowed),
                Kind::File if entry.size > limits.largest_file => Some(Why::TooLarge),
                Kind::File | Kind::Folder => None,
            };
            match (why, entry.kind) {
                (Some(why), _) => walk.passed.push(Passed { path: name, why }),
                (None, Kind::Folder) => folders.push_back(name),
                (None, _) => targets.push(Target { place: root.join(&name), name }),
            }
        }
    }
    targets
}

fn scan_file(
    rules: &Rules,
    host: &Host,
    target: &Target,
    limits: Limits,
) -> io::Result<Option<Outcome>> {
    let (entry, mut file) = host.open_plain(&target.place)?;
    if entry.size > limits.largest_file {
        return Ok(None);
    }
    stream::scan(rules, Some(&target.name), &mut file, WINDOWS).map(Some)
}

fn note(walk: &mut Walk, target: &Target, outcome: io::Result<Option<Outcome>>) {
    let passed = |why| Passed { path: target.name.clone(), why };
    match outcome {
        Ok(Some(Outcome::Scanned { findings, bytes })) => {
            walk.findings.extend(findings);
            walk.files += 1;
            walk.bytes += bytes;
        }
        Ok(Some(Outcome::Binary)) => walk.passed.push(passed(Why::Binary)),
        Ok(None) => walk.passed.push(passed(Why::TooLarge)),
        Err(err) => {
            walk.unread.push(Unread { path: target.name.clone(), why: err.to_string() });
        }
    }
}

fn ignored(host: &Host, root: &Path, walk: &mut Walk) -> Ignored {
    match host.read_plain(&root.join(IGNORE_FILE), LARGEST_IGNORE_FILE) {
        Ok((_, text)) => Ignored::parse(&text),
        Err(err)
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ignored::default()
        }
        Err(err) => {
            walk.unread.push(Unread { path: IGNORE_FILE.into(), why: err.to_string() });
            Ignored::default()
        }
    }
}
