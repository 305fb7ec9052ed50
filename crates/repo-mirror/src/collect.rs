//! Mirrors that nobody needs go, the others are packed.

use std::io;
use std::path::Path;
use std::time::Duration;

use jobs::RepoUrl;
use ops_core::failure::{Exit, Failure};
use ops_core::host::{Host, Kind};

use crate::mirror::Mirrors;
use crate::worktree::unavailable;
use crate::{git, pins, scratch, seal};

/// What `gc` did with a mirror.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The repository's name.
    pub name: String,
    /// Whether it was removed; else it was only packed.
    pub removed: bool,
    /// Its size afterwards, bytes.
    pub bytes: u64,
}

impl Mirrors<'_> {
    /// Packs mirrors and lets go of what no reference keeps; removes those that are not listed or
    /// were not used for so long. What jobs use stays.
    ///
    /// # Errors
    /// Exit 69 when the folder cannot be read.
    pub fn gc(&self, listed: &[&str], unused: Duration) -> Result<Vec<Swept>, Failure> {
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
            let age = self.host.look(&mirror.join(pins::FOLDER)).ok().flatten();
            let age = now - age.map_or(entry.modified_ns, |it| it.modified_ns);
            let is_old = age > i128::try_from(unused.as_nanos()).unwrap_or(i128::MAX);
            let removed = !in_use && (is_old || !listed.contains(&name));
            if removed {
                unavailable(scratch::remove(self.host, &mirror), "remove", &mirror)?;
                unavailable(seal::remove(self.host, &mirror), "remove", &mirror)?;
            } else {
                self.pack(&mirror)?;
            }
            let bytes = if removed { 0 } else { size(self.host, &mirror) };
            swept.push(Swept { name: name.to_owned(), removed, bytes });
        }
        Ok(swept)
    }

    /// Packs a mirror that is as we left it; one that is not is replaced by its next job.
    fn pack(&self, mirror: &Path) -> Result<(), Failure> {
        let url = seal::url(self.host, mirror).and_then(|it| RepoUrl::read(&it).ok());
        let Some(url) = url.filter(|url| self.is_whole(mirror, url)) else { return Ok(()) };
        let args = ["gc", "--quiet", "--prune=2.weeks.ago"];
        let ran = git::git(self.host, Some(mirror), None, &args, &self.bounds)?;
        if let Some(why) = ran.failed {
            let doing = format!("collect garbage in {}", mirror.display());
            return Err(Failure::new(Exit::Unavailable, doing).because(why));
        }
        unavailable(seal::write(self.host, mirror, &url), "seal", mirror)
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
