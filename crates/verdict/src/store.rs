//! Verdicts and waivers in the git directory, shared by all worktrees, never in the work tree:
//! `<git common dir>/aiops/verdicts/<to>/<since>.dsse.json`.

use std::io;
use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};

use crate::dsse;
use crate::statement::Signed;

/// The end of every name.
const TAIL: &str = ".dsse.json";

/// The most verdicts of one commit, or waivers, that are looked at.
const MOST: usize = 256;

/// The verdicts and waivers of a repository.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store of a repository, by its common git directory.
    pub fn of(git: &gix::Repository) -> Self {
        Self { folder: git.common_dir().join("aiops") }
    }

    /// Where the verdict about a range lies.
    pub fn path(&self, to: &str, since: &str) -> PathBuf {
        self.folder.join("verdicts").join(to).join(format!("{since}{TAIL}"))
    }

    /// Keeps a verdict, durably; one about the same range is replaced.
    ///
    /// # Errors
    /// Exit 69 when it cannot be written.
    pub fn put(&self, host: &Host, signed: &Signed) -> Result<PathBuf, Failure> {
        let range = signed.range();
        let path = self.path(&range.to_sha, &range.since_sha);
        write(host, &path, &signed.envelope().to_bytes())?;
        Ok(path)
    }

    /// The bytes kept about a commit, in the order of their names. No commit's name, no verdicts.
    ///
    /// # Errors
    /// Exit 69 when they cannot be read; other than that there are none.
    pub fn verdicts(&self, host: &Host, to: &str) -> Result<Vec<Vec<u8>>, Failure> {
        if !crate::is_oid(to) {
            return Ok(Vec::new());
        }
        read_all(host, &self.folder.join("verdicts").join(to))
    }

    /// Keeps a signed waiver, durably.
    ///
    /// # Errors
    /// Exit 65 when it names no commit or finding, 69 when it cannot be written.
    pub fn put_waiver(
        &self,
        host: &Host,
        to: &str,
        fingerprint: &str,
        bytes: &[u8],
    ) -> Result<PathBuf, Failure> {
        if !crate::is_oid(to) || !crate::is_oid(fingerprint) {
            return Err(Failure::new(Exit::Malformed, "keep a waiver: it names no finding"));
        }
        let path = self.folder.join("waivers").join(to).join(format!("{fingerprint}{TAIL}"));
        write(host, &path, bytes)?;
        Ok(path)
    }

    /// The waivers kept about a commit, in the order of their names.
    ///
    /// # Errors
    /// Exit 69 when they cannot be read; other than that there are none.
    pub fn waivers(&self, host: &Host, to: &str) -> Result<Vec<Vec<u8>>, Failure> {
        if !crate::is_oid(to) {
            return Ok(Vec::new());
        }
        read_all(host, &self.folder.join("waivers").join(to))
    }
}

fn write(host: &Host, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let doing = || format!("write {}", path.display());
    if let Some(folder) = path.parent() {
        host.make_dir(folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    }
    let mut line = bytes.to_vec();
    line.push(b'\n');
    host.replace_file(path, &line, 0o640).or_fail(Exit::Unavailable, doing())
}

fn read_all(host: &Host, folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let doing = || format!("read {}", folder.display());
    let mut entries = match host.list(folder) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.or_fail(Exit::Unavailable, doing())?,
    };
    entries.retain(|it| {
        it.kind == Kind::File
            && it.name.to_str().and_then(|it| it.strip_suffix(TAIL)).is_some_and(crate::is_oid)
    });
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries.truncate(MOST);
    entries
        .iter()
        .map(|it| host.read_plain(&folder.join(&it.name), dsse::LARGEST as u64 + 1))
        .map(|read| read.map(|(_, bytes)| bytes).or_fail(Exit::Unavailable, doing()))
        .collect()
}
