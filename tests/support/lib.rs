//! What scenarios share: the built commands, a bridge to try them on, a client that signs.
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "the support of tests sets the scene itself, and a scene that fails is a failed test"
)]

mod consistent;
mod fixture;
mod letters;
mod process;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use fixture::{Bridge, SECRET};
pub use letters::{Document, delete, diff, moved, noop, write};
pub use process::{Ran, Watch, exited};

/// Returns the path of a built command, or says how to build it.
///
/// # Panics
/// When the command is not built: cargo sets `CARGO_BIN_EXE_*` only inside the command's own
/// package.
pub fn command(name: &str) -> PathBuf {
    let exe = env::current_exe().expect("a test runs from a file");
    let built = exe.ancestors().nth(2).expect("target/<profile>/deps/<test>").join(name);
    assert!(built.exists(), "{name} is not built: run `cargo build --workspace` first");
    built
}

/// What lies below a folder.
pub type Snapshot = BTreeMap<PathBuf, String>;

/// Every file and folder below `path`, without what `skip` names: kind, mode and content.
pub fn snapshot(path: &Path, skip: &[&str]) -> Snapshot {
    let mut found = BTreeMap::new();
    let mut open = vec![path.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let at = entry.path().strip_prefix(path).unwrap().to_path_buf();
            if skip.iter().any(|skipped| at.starts_with(skipped)) {
                continue;
            }
            let about = entry.metadata().unwrap();
            let kind = about.file_type();
            let what = if kind.is_dir() {
                open.push(entry.path());
                "folder".to_owned()
            } else if kind.is_file() {
                String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned()
            } else if kind.is_symlink() {
                format!("link to {}", fs::read_link(entry.path()).unwrap().display())
            } else {
                "other".to_owned()
            };
            found.insert(at, format!("{:o} {what}", about.mode()));
        }
    }
    found
}

/// The paths that differ between two snapshots.
pub fn changed(one: &Snapshot, other: &Snapshot) -> Vec<PathBuf> {
    let differs = |path: &&PathBuf| one.get(*path) != other.get(*path);
    let mut paths: Vec<PathBuf> = one.keys().chain(other.keys()).filter(differs).cloned().collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Tells a thread that spins until this holds to stop, even when the test panics: a scope waits for
/// its threads.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until something holds, and fails when it does not within half a minute.
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    assert!(holds_within(Duration::from_secs(30), holds), "in vain: {what}");
}

/// Whether something comes to hold within a time.
pub fn holds_within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !holds() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Whether a program is on `PATH`.
pub fn has(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file())
}

/// Whether this process may mount.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
