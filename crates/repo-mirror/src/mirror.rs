//! One bare mirror for each repository: fetched only for a commit that is missing, pinned for as
//! long as a job runs, made anew when it is not as we left it. All of it under the mirror's lock.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{JobId, Reason, RefPattern, RepoUrl, Repository, Sha};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind, Lock};

use crate::history::{self, Known};
use crate::scratch::{self, Scratch};
use crate::worktree::unavailable;
use crate::{git, seal};

/// How long to wait for another job's fetch.
const PATIENCE: Duration = Duration::from_mins(15);
/// How often to look whether it is done.
const PAUSE: Duration = Duration::from_millis(20);

/// All mirrors of a home folder.
#[derive(Debug)]
pub struct Mirrors<'a> {
    host: &'a Host,
    home: &'a Path,
}

/// A commit that stays while a job runs. Dropping it lets it go.
#[derive(Debug)]
pub struct Pinned {
    host: Host,
    /// The bare mirror.
    pub mirror: PathBuf,
    /// The commit.
    pub sha: Sha,
    /// The reference of ours that keeps it.
    pub reference: String,
    /// Where the repository is.
    pub url: RepoUrl,
    /// Whether the remote was asked.
    pub fetched: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Why a commit is not to be had.
#[derive(Clone, Debug)]
pub struct No {
    /// The word for it.
    pub reason: Reason,
    /// What was found, for people.
    pub message: String,
}

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

impl<'a> Mirrors<'a> {
    /// The mirrors below a home folder.
    pub fn new(host: &'a Host, home: &'a Path) -> Self {
        Self { host, home }
    }

    /// Finds a commit of a repository, fetching only when it is missing, and pins it for a job. No
    /// commit: the remote's HEAD.
    ///
    /// # Errors
    /// Exit 69 when the remote cannot be asked or the mirror not be written; 75 when another job
    /// has the mirror for too long.
    pub fn pin(
        &self,
        repository: &Repository,
        sha: Option<&Sha>,
        job: &JobId,
        anew: bool,
    ) -> Result<Result<Pinned, No>, Failure> {
        let wrong = |why: String| Failure::new(Exit::Config, "use the repository").because(why);
        let url = repository.place().map_err(wrong)?;
        let patterns = repository.patterns().map_err(wrong)?;
        let name = repository.name.as_str();
        let _lock = self.lock(name)?;
        let mirror = self.path(name);
        let mut warnings = vec![];
        if anew {
            warnings.push("MIRROR_REBUILT: it was corrupt".to_owned());
        }
        if anew || !self.is_whole(name, &url) {
            if !anew && self.host.look(&mirror).is_ok_and(|it| it.is_some()) {
                warnings.push("MIRROR_REBUILT: it was not as it was left".to_owned());
            }
            self.make(name, &url, sha)?;
        }
        let head;
        let (sha, is_head) = match sha {
            Some(sha) => (sha, false),
            None => match self.head(repository)? {
                Ok(sha) => {
                    head = sha;
                    (&head, true)
                }
                Err(no) => return Ok(Err(no)),
            },
        };
        let before = self.known(name, sha, &patterns);
        let fetched = !matches!(before, Ok(Known::Reached));
        if fetched {
            self.fetch(repository, &url, sha, &patterns, &mut warnings)?;
            let mut after = self.known_for_sure(name, sha, &patterns);
            if after.is_err() {
                // Git takes what a reference names for there and fetches it no more.
                warnings.push("MIRROR_REBUILT: it was corrupt".to_owned());
                self.make(name, &url, Some(sha))?;
                self.fetch(repository, &url, sha, &patterns, &mut warnings)?;
                after = self.known_for_sure(name, sha, &patterns);
            }
            let after = after?;
            if after != Known::Reached {
                return Ok(Err(no(after, before.ok(), sha, repository, is_head)));
            }
        }
        let reference = format!("refs/orb/jobs/{job}");
        let file = mirror.join(&reference);
        unavailable(self.host.make_dir(&mirror.join("refs/orb/jobs"), 0o755), "make", &file)?;
        let line = format!("{sha}\n");
        let pinned = self.host.replace_file_unsynced(&file, line.as_bytes(), 0o644);
        unavailable(pinned, "write", &file)?;
        let (host, sha) = (self.host.clone(), sha.clone());
        Ok(Ok(Pinned { host, mirror, sha, reference, url, fetched, warnings }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.join("mirrors").join(format!("{name}.git"))
    }

    fn lock(&self, name: &str) -> Result<Lock, Failure> {
        let path = self.home.join("mirrors").join(format!("{name}.lock"));
        let end = self.host.ticks() + PATIENCE;
        loop {
            match self.host.lock(&path)? {
                Ok(lock) => return Ok(lock),
                Err(busy) if self.host.ticks() >= end => {
                    return Err(busy.failure("fetch of this repository"));
                }
                Err(_) => self.host.pause(PAUSE),
            }
        }
    }

    /// Whether the mirror is as we left it, and of this URL.
    fn is_whole(&self, name: &str, url: &RepoUrl) -> bool {
        let mirror = self.path(name);
        let sealed = self.host.read(&seal_path(&mirror), 4096).unwrap_or_default();
        let found = seal::of_mirror(self.host, &mirror).map(|it| seal_text(&it, url));
        found.is_ok_and(|text| text.as_bytes() == sealed) && history::open(&mirror).is_ok()
    }

    fn seal(&self, name: &str, url: &RepoUrl) -> Result<(), Failure> {
        let mirror = self.path(name);
        let found = unavailable(seal::of_mirror(self.host, &mirror), "look at", &mirror)?;
        let text = seal_text(&found, url);
        let path = seal_path(&mirror);
        unavailable(self.host.replace_file(&path, text.as_bytes(), 0o640), "write", &path)
    }

    /// Makes an empty mirror in place of what is there.
    fn make(&self, name: &str, url: &RepoUrl, sha: Option<&Sha>) -> Result<(), Failure> {
        let mirror = self.path(name);
        let doing = || format!("make the mirror {}", mirror.display());
        let host = self.host;
        host.remove_file(&seal_path(&mirror)).or_fail(Exit::Unavailable, doing())?;
        scratch::remove(host, &mirror).or_fail(Exit::Unavailable, doing())?;
        let made = (|| -> io::Result<()> {
            for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
                host.make_dir(&mirror.join(folder), 0o755)?;
            }
            let is_long = sha.is_some_and(|it| it.as_str().len() == 64);
            host.replace_file(&mirror.join("HEAD"), b"ref: refs/heads/main\n", 0o644)?;
            host.replace_file(&mirror.join("config"), config(url, is_long).as_bytes(), 0o644)
        })();
        made.or_fail(Exit::Unavailable, doing())?;
        self.seal(name, url)
    }

    /// The commit that the remote's HEAD names.
    fn head(&self, repository: &Repository) -> Result<Result<Sha, No>, Failure> {
        let doing = || format!("ask {} for its HEAD", repository.name);
        let url = repository.place().or_fail(Exit::Config, doing())?;
        let args = ["ls-remote", "--end-of-options", &repository.url, "HEAD"];
        let asked = git::git(self.host, None, Some(&url), &args)?;
        if !asked.success() {
            return Err(Failure::new(Exit::Unavailable, doing()).because(git::said(&asked)));
        }
        let text = String::from_utf8_lossy(&asked.stdout);
        let sha = text.lines().find_map(|line| line.strip_suffix("\tHEAD"));
        let message = "the remote has no HEAD: name a commit".to_owned();
        let no = No { reason: Reason::CommitNotAllowed, message };
        Ok(sha.and_then(|sha| Sha::read(sha).ok()).ok_or(no))
    }

    fn known(&self, name: &str, sha: &Sha, patterns: &[RefPattern]) -> Result<Known, Failure> {
        let doing = || format!("look for {sha}");
        let repository = history::open(&self.path(name))?;
        let commit =
            gix::ObjectId::from_hex(sha.as_str().as_bytes()).or_fail(Exit::Malformed, doing())?;
        if commit.kind() != repository.object_hash() {
            return Ok(Known::Absent);
        }
        history::look_for(&repository, commit, patterns)
    }

    /// The same; that a commit is absent is believed of a whole history alone.
    fn known_for_sure(
        &self,
        name: &str,
        sha: &Sha,
        patterns: &[RefPattern],
    ) -> Result<Known, Failure> {
        let known = self.known(name, sha, patterns)?;
        if known == Known::Absent {
            history::is_whole(&history::open(&self.path(name))?, patterns)?;
        }
        Ok(known)
    }

    /// Fetches the allowed references. A mirror that cannot take them is made anew, once.
    fn fetch(
        &self,
        repository: &Repository,
        url: &RepoUrl,
        sha: &Sha,
        patterns: &[RefPattern],
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let name = repository.name.as_str();
        let mirror = self.path(name);
        let specs: Vec<String> = patterns.iter().map(RefPattern::refspec).collect();
        let mut args = vec!["fetch", "--quiet", "--no-tags", "--prune", "--no-auto-maintenance"];
        args.extend([
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-show-forced-updates",
        ]);
        args.extend(["--end-of-options", &repository.url]);
        args.extend(specs.iter().map(String::as_str));
        let first = git::git(self.host, Some(&mirror), Some(url), &args)?;
        if !first.success() {
            // Only a fresh mirror tells whether the old one or the remote is at fault.
            self.make(name, url, Some(sha))?;
            let second = git::git(self.host, Some(&mirror), Some(url), &args)?;
            if !second.success() {
                let doing = format!("fetch {name} from {url}");
                return Err(Failure::new(Exit::Unavailable, doing)
                    .because(git::said(&second))
                    .hint(
                        "is it there, and may this user read it? AIOPS_SSH_COMMAND names a key",
                    ));
            }
            warnings.push(format!("MIRROR_REBUILT: {}", git::said(&first)));
        }
        self.seal(name, url)
    }

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
            let in_use = self.let_go(&mirror);
            let age = self.host.look(&mirror.join("refs/orb/jobs")).ok().flatten();
            let age = now - age.map_or(entry.modified_ns, |it| it.modified_ns);
            let is_old = age > i128::try_from(unused.as_nanos()).unwrap_or(i128::MAX);
            let removed = !in_use && (is_old || !listed.contains(&name));
            if removed {
                unavailable(scratch::remove(self.host, &mirror), "remove", &mirror)?;
                unavailable(self.host.remove_file(&seal_path(&mirror)), "remove", &mirror)?;
            } else {
                self.pack(name, &mirror)?;
            }
            let bytes = if removed { 0 } else { size(self.host, &mirror) };
            swept.push(Swept { name: name.to_owned(), removed, bytes });
        }
        Ok(swept)
    }

    /// Packs a mirror that is as we left it; one that is not is made anew by its next job.
    fn pack(&self, name: &str, mirror: &Path) -> Result<(), Failure> {
        let sealed = self.host.read(&seal_path(mirror), 4096).unwrap_or_default();
        let sealed = String::from_utf8_lossy(&sealed).into_owned();
        let url = sealed.lines().nth(1).and_then(|it| RepoUrl::read(it).ok());
        let Some(url) = url.filter(|url| self.is_whole(name, url)) else { return Ok(()) };
        let args = ["gc", "--quiet", "--prune=2.weeks.ago"];
        let done = git::git(self.host, Some(mirror), None, &args)?;
        if !done.success() {
            let doing = format!("collect garbage in {}", mirror.display());
            return Err(Failure::new(Exit::Unavailable, doing).because(git::said(&done)));
        }
        self.seal(name, &url)
    }

    /// Removes pins of jobs whose process is gone. Returns whether others are left.
    fn let_go(&self, mirror: &Path) -> bool {
        let folder = mirror.join("refs/orb/jobs");
        let mut in_use = false;
        for name in self.host.names(&folder).unwrap_or_default() {
            let job = name.to_str().and_then(JobId::read);
            if job.is_some_and(|job| Scratch::is_held(self.host, self.home, &job)) {
                in_use = true;
            } else {
                let _stays = self.host.remove_file(&folder.join(&name)).is_err();
            }
        }
        in_use
    }
}

impl Pinned {
    /// Whether the mirror is as we left it; another job's fetch is ours, too.
    pub(crate) fn is_sealed(&self, host: &Host) -> bool {
        // A fetch of another job may be between changing the mirror and saying so.
        for _ in 0..200 {
            let sealed = host.read(&seal_path(&self.mirror), 4096).unwrap_or_default();
            let found = seal::of_mirror(host, &self.mirror).map(|it| seal_text(&it, &self.url));
            if found.is_ok_and(|text| text.as_bytes() == sealed) {
                return true;
            }
            let lock = self.mirror.with_extension("lock");
            if host.lock_holder(&lock).is_none() {
                let sealed = host.read(&seal_path(&self.mirror), 4096).unwrap_or_default();
                let found = seal::of_mirror(host, &self.mirror);
                return found.is_ok_and(|it| seal_text(&it, &self.url).as_bytes() == sealed);
            }
            host.pause(Duration::from_millis(50));
        }
        false
    }

    /// Whether our reference still names the commit.
    pub(crate) fn is_pinned(&self, host: &Host) -> bool {
        let found = host.read_plain(&self.mirror.join(&self.reference), 4096);
        found.is_ok_and(|(_, bytes)| bytes == format!("{}\n", self.sha).as_bytes())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What stays is removed by the next gc.
        let _stays = self.host.remove_file(&self.mirror.join(&self.reference)).is_err();
    }
}

/// Why a commit is not to be had, after the remote was asked.
fn no(after: Known, before: Option<Known>, sha: &Sha, of: &Repository, is_head: bool) -> No {
    let refs = of.refs.join(", ");
    let message = match (after, before) {
        _ if is_head => format!("the remote's HEAD is {sha}, which none of {refs} reaches"),
        (Known::Unreached, _) | (_, Some(Known::Unreached)) => format!(
            "{sha} was here, and none of {refs} reaches it any more: the branch was rewritten by a \
             forced push, or removed"
        ),
        _ => format!(
            "none of {refs} of the remote reaches {sha}: it was never pushed there, only lies in a \
             fork or another reference, or was removed by a forced push"
        ),
    };
    No { reason: Reason::CommitNotAllowed, message }
}

fn seal_path(mirror: &Path) -> PathBuf {
    mirror.with_extension("seal")
}

fn seal_text(hash: &str, url: &RepoUrl) -> String {
    format!("{hash}\n{url}\n")
}

fn config(url: &RepoUrl, is_long: bool) -> String {
    let version = u8::from(is_long);
    let format = if is_long { "[extensions]\n\tobjectformat = sha256\n" } else { "" };
    format!(
        "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = true\n\
         \tsharedRepository = 0644\n{format}[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n\
         [remote \"origin\"]\n\turl = {url}\n\tpushurl = DISABLED\n"
    )
}

fn size(host: &Host, folder: &Path) -> u64 {
    let entries = host.list(folder).unwrap_or_default();
    let of = |entry: &ops_core::host::Entry| match entry.kind {
        Kind::Folder => size(host, &folder.join(&entry.name)),
        _ => entry.size,
    };
    entries.iter().map(of).sum()
}
