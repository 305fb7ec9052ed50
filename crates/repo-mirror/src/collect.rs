//! Mirrors that nobody needs go, the others are packed.

use std::io;
use std::path::Path;
use std::time::Duration;

use jobs::RepoUrl;
use ops_core::failure::Failure;
use ops_core::host::{Host, Kind};

use crate::mirror::Mirrors;
use crate::worktree::unavailable;
use crate::{git, pins, scratch, seal};

/// What packs a mirror: `git gc` without all that a seal covers (its own lock, indexes for plain
/// HTTP, a commit-graph). Only files of objects are written, new ones before old ones go: whatever
/// ends it, and wherever, the mirror is as whole and as sealed as it was.
const PACKING: [&[&str]; 2] = [
    &["repack", "-q", "-n", "-l", "-d", "-A", "--unpack-unreachable=2.weeks.ago"],
    &["prune", "--expire=2.weeks.ago"],
];

/// What `gc` did with a mirror.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The repository's name.
    pub name: String,
    /// Whether it was removed; else it was packed, unless a job had it.
    pub removed: bool,
    /// Its size, bytes: what removing it freed, or what stays.
    pub bytes: u64,
    /// Why it could not be packed, when it could not.
    pub unpacked: Option<String>,
    /// Whether a job had it.
    in_use: bool,
    /// When a job last began or ended with it, nanoseconds since 1970.
    used_ns: i128,
}

impl Mirrors<'_> {
    /// Packs mirrors and lets go of what no reference keeps; removes those that are not listed or
    /// were not used for so long, and then the least recently used ones until what is left of them
    /// takes at most so many bytes. What jobs use stays.
    ///
    /// # Errors
    /// Exit 69 when the folder cannot be read or a mirror not be removed, 75 when a job has a
    /// mirror for too long.
    pub fn gc(&self, listed: &[&str], unused: Duration, most: u64) -> Result<Vec<Swept>, Failure> {
        let folder = self.home.join("mirrors");
        let mut swept = vec![];
        let entries = match self.host.list(&folder) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(swept),
            entries => unavailable(entries, "list", &folder)?,
        };
        let now = i128::from(self.host.now().as_second()) * 1_000_000_000;
        for entry in entries.iter().filter(|it| it.kind == Kind::Folder) {
            let Some(name) = entry.name.to_str().and_then(|it| it.strip_suffix(".git")) else {
                continue;
            };
            let _lock = self.lock(name)?;
            let mirror = self.path(name);
            self.sweep(name);
            // Nobody makes one while we hold the lock.
            let half = mirror.with_extension("new");
            unavailable(scratch::remove(self.host, &half), "remove", &half)?;
            let in_use = pins::let_go(self.host, &mirror, &mirror);
            let used_ns = self.used_ns(&mirror).unwrap_or(entry.modified_ns);
            let is_old = now - used_ns > i128::try_from(unused.as_nanos()).unwrap_or(i128::MAX);
            let removed = !in_use && (is_old || !listed.contains(&name));
            // A job that reads it would look for packs that are gone.
            let unpacked = if removed || in_use { None } else { self.pack(&mirror)? };
            let bytes = size(self.host, &mirror);
            if removed {
                self.discard(&mirror)?;
            }
            let name = name.to_owned();
            swept.push(Swept { name, removed, bytes, unpacked, in_use, used_ns });
        }
        self.make_room(&mut swept, most)?;
        Ok(swept)
    }

    /// Removes the least recently used of what is left, until the rest fits.
    fn make_room(&self, swept: &mut [Swept], most: u64) -> Result<(), Failure> {
        let mut left: u64 = swept.iter().filter(|it| !it.removed).map(|it| it.bytes).sum();
        swept.sort_by(|a, b| (a.used_ns, &a.name).cmp(&(b.used_ns, &b.name)));
        for it in swept.iter_mut().filter(|it| !it.removed && !it.in_use) {
            if left <= most {
                break;
            }
            let _lock = self.lock(&it.name)?;
            let mirror = self.path(&it.name);
            // A job may have come since it was looked at.
            it.in_use = pins::let_go(self.host, &mirror, &mirror);
            if it.in_use || self.used_ns(&mirror).is_some_and(|now| now != it.used_ns) {
                continue;
            }
            self.discard(&mirror)?;
            it.removed = true;
            left = left.saturating_sub(it.bytes);
        }
        Ok(())
    }

    /// When a job last pinned a commit of a mirror or let one go.
    fn used_ns(&self, mirror: &Path) -> Option<i128> {
        let pins = self.host.look(&mirror.join(pins::FOLDER)).ok().flatten();
        pins.map(|it| it.modified_ns)
    }

    /// Removes a mirror that nobody uses and whose lock is held. Its seal goes first: what is left
    /// of one that was removed half-way is not taken for a mirror.
    fn discard(&self, mirror: &Path) -> Result<(), Failure> {
        unavailable(seal::remove(self.host, mirror), "remove", mirror)?;
        unavailable(scratch::remove(self.host, mirror), "remove", mirror)
    }

    /// Packs a mirror that is as we left it; one that is not is replaced by its next job.
    /// Says why it cannot be packed.
    fn pack(&self, mirror: &Path) -> Result<Option<String>, Failure> {
        let url = seal::url(self.host, mirror).and_then(|it| RepoUrl::read(&it).ok());
        if !url.is_some_and(|url| self.is_whole(mirror, &url)) {
            return Ok(None);
        }
        for args in PACKING {
            let ran = git::git(self.host, Some(mirror), None, args, &self.bounds)?;
            if ran.failed.is_some() {
                return Ok(ran.failed);
            }
        }
        Ok(None)
    }
}

fn size(host: &Host, folder: &Path) -> u64 {
    let entries = host.list(folder).unwrap_or_default();
    let of = |entry: &ops_core::host::Entry| match entry.kind {
        Kind::Folder => size(host, &folder.join(&entry.name)),
        _ => entry.size,
    };
    entries.iter().map(of).sum()
}
