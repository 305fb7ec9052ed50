//! One bare mirror for each repository: fetched only for a commit that is missing, pinned for as
//! long as a job runs, and replaced when it is not as we left it. All of it under the mirror's lock.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jobs::{JobId, Reason, RefPattern, RepoUrl, Repository, Sha};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind, Lock};

use crate::git::Bounds;
use crate::history::{self, Known};
use crate::pins::{self, PATIENCE, PAUSE, Pinned};
use crate::worktree::unavailable;
use crate::{git, remote, scratch, seal};

/// All mirrors of a home folder.
#[derive(Debug)]
pub struct Mirrors<'a> {
    pub(crate) host: &'a Host,
    pub(crate) home: &'a Path,
    pub(crate) bounds: Bounds,
}

/// Why a commit is not to be had.
#[derive(Clone, Debug)]
pub struct No {
    /// What asked for it: `sha`, or the name of another commit.
    pub field: String,
    /// The word for it.
    pub reason: Reason,
    /// What was found, for people.
    pub message: String,
}

/// What is asked for, and of whom.
struct Asked<'a> {
    repository: &'a Repository,
    url: RepoUrl,
    patterns: Vec<RefPattern>,
    job: &'a JobId,
}

impl<'a> Mirrors<'a> {
    /// The mirrors below a home folder.
    pub fn new(host: &'a Host, home: &'a Path) -> Self {
        Self { host, home, bounds: Bounds::default() }
    }

    /// The same with other bounds for what a remote may cost.
    #[must_use]
    pub fn within(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Finds a commit of a repository, and others that a job may look at by the names of what asks
    /// for them; fetches, once, only when one is missing, and pins all of them. No commit: the
    /// remote's HEAD. An allowed reference must reach each; every one that none reaches is told.
    ///
    /// # Errors
    /// Exit 69 when the remote cannot be asked or the mirror not be written; 75 when another job
    /// has the mirror for too long.
    pub fn pin(
        &self,
        repository: &Repository,
        sha: Option<&Sha>,
        others: &BTreeMap<String, Sha>,
        job: &JobId,
        anew: bool,
    ) -> Result<Result<Pinned, Vec<No>>, Failure> {
        let wrong = |why: String| Failure::new(Exit::Config, "use the repository").because(why);
        let url = repository.place().map_err(wrong)?;
        let patterns = repository.patterns().map_err(wrong)?;
        let asked = Asked { repository, url, patterns, job };
        let name = repository.name.as_str();
        let _lock = self.lock(name)?;
        let mirror = self.path(name);
        self.sweep(name);
        let head;
        let (sha, is_head) = match sha {
            Some(sha) => (sha, false),
            None => match self.head(&asked)? {
                Ok(sha) => {
                    head = sha;
                    (&head, true)
                }
                Err(no) => return Ok(Err(vec![no])),
            },
        };
        let wanted: Vec<&Sha> = [sha].into_iter().chain(others.values()).collect();
        let are_reached = |it: &Vec<Known>| it.iter().all(|it| *it == Known::Reached);
        let mut warnings = vec![];
        let is_there = self.host.look(&mirror).is_ok_and(|it| it.is_some());
        let is_whole = !anew && self.is_whole(&mirror, &asked.url);
        let mut known = if is_whole { self.known(&asked, &wanted).ok() } else { None };
        let before = known.clone().unwrap_or_default();
        let fetched = !known.as_ref().is_some_and(are_reached);
        if fetched && is_whole {
            known = match self.fetch(&asked, &mirror)? {
                None => self.known_for_sure(&asked, &wanted).ok(),
                Some(why) => {
                    warnings.push(format!("MIRROR_REBUILT: {why}"));
                    None
                }
            };
        }
        if fetched && known.is_none() {
            // Only a fresh mirror tells whether the old one or the remote is at fault.
            if is_there && warnings.is_empty() {
                let why = if anew || is_whole { "corrupt" } else { "not as it was left" };
                warnings.push(format!("MIRROR_REBUILT: it was {why}"));
            }
            self.renew(&asked, sha)?;
            known = Some(self.known_for_sure(&asked, &wanted)?);
        }
        let mut nos = vec![];
        let fields = ["sha"].into_iter().chain(others.keys().map(String::as_str));
        for (n, (field, sha)) in fields.zip(&wanted).enumerate() {
            let after = known.as_ref().and_then(|it| it.get(n)).copied();
            if after != Some(Known::Reached) {
                let was_here = [after, before.get(n).copied()].contains(&Some(Known::Unreached));
                nos.push(no(field, sha, repository, was_here, is_head && n == 0));
            }
        }
        if !nos.is_empty() {
            return Ok(Err(nos));
        }
        let mut more: Vec<&Sha> = others.values().filter(|it| *it != sha).collect();
        more.sort();
        more.dedup();
        let mut pinned = Pinned::new(self.host, &mirror, asked.url, sha, &more, job)?;
        (pinned.fetched, pinned.warnings) = (fetched, warnings);
        Ok(Ok(pinned))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.join("mirrors").join(format!("{name}.git"))
    }

    pub(crate) fn lock(&self, name: &str) -> Result<Lock, Failure> {
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
    pub(crate) fn is_whole(&self, mirror: &Path, url: &RepoUrl) -> bool {
        seal::holds(self.host, mirror, url) && history::open(mirror).is_ok()
    }

    /// Lets go of what killed jobs used, in this mirror and in those it took the place of, which
    /// are removed with their last job.
    pub(crate) fn sweep(&self, name: &str) {
        let mirror = self.path(name);
        pins::let_go(self.host, &mirror, &mirror);
        for old in self.olds(name) {
            if !pins::let_go(self.host, &mirror, &old) {
                let _stays = scratch::remove(self.host, &old).is_err();
            }
        }
    }

    /// What a mirror took the place of.
    fn olds(&self, name: &str) -> Vec<PathBuf> {
        let folder = self.home.join("mirrors");
        let names = self.host.names(&folder).unwrap_or_default();
        let is_old = |it: &str| {
            let job = it.strip_prefix(name).and_then(|it| it.strip_prefix('.'));
            job.and_then(|it| it.strip_suffix(".old")).is_some_and(|it| JobId::read(it).is_some())
        };
        let olds = names.iter().filter_map(|it| it.to_str()).filter(|it| is_old(it));
        olds.map(|it| folder.join(it)).collect()
    }

    /// Makes a new mirror and puts it in the place of the old one, which stays for the jobs that
    /// use it.
    fn renew(&self, asked: &Asked<'_>, sha: &Sha) -> Result<(), Failure> {
        let (host, name) = (self.host, asked.repository.name.as_str());
        let mirror = self.path(name);
        let doing = || format!("make the mirror {}", mirror.display());
        let new = mirror.with_extension("new");
        scratch::remove(host, &new).or_fail(Exit::Unavailable, doing())?;
        let made = (|| -> io::Result<()> {
            for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
                host.make_dir(&new.join(folder), 0o755)?;
            }
            let config = config(&asked.url, sha.as_str().len() == 64);
            host.replace_file(&new.join("HEAD"), b"ref: refs/heads/main\n", 0o644)?;
            host.replace_file(&new.join("config"), config.as_bytes(), 0o644)
        })();
        made.or_fail(Exit::Unavailable, doing())?;
        let failed = self.fetch_into(asked, &new)?;
        if let Some(why) = failed {
            let _swept_later = scratch::remove(host, &new).is_err();
            return Err(Failure::new(
                Exit::Unavailable,
                format!("fetch {name} from {}", asked.url),
            )
            .because(why)
            .hint("is it there, and may this user read it? AIOPS_SSH_COMMAND names a key"));
        }
        seal::remove(host, &mirror).or_fail(Exit::Unavailable, doing())?;
        let old = self.home.join("mirrors").join(format!("{name}.{}.old", asked.job));
        let replaced = match host.look(&mirror) {
            Ok(None) => Ok(()),
            Ok(Some(entry)) if entry.kind == Kind::Folder => host.rename(&mirror, &old),
            Ok(Some(_)) => host.remove_file(&mirror),
            Err(err) => Err(err),
        };
        replaced.and_then(|()| host.rename(&new, &mirror)).or_fail(Exit::Unavailable, doing())?;
        seal::write(host, &mirror, &asked.url).or_fail(Exit::Unavailable, doing())?;
        self.sweep(name);
        Ok(())
    }

    /// The commit that the remote's HEAD names.
    fn head(&self, asked: &Asked<'_>) -> Result<Result<Sha, No>, Failure> {
        let head = remote::head(self.host, asked.repository, &asked.url, &self.bounds)?;
        let message = "the remote has no HEAD: name a commit".to_owned();
        let (field, reason) = ("sha".to_owned(), Reason::CommitNotAllowed);
        Ok(head.ok_or(No { field, reason, message }))
    }

    /// What the mirror knows of each commit.
    fn known(&self, asked: &Asked<'_>, wanted: &[&Sha]) -> Result<Vec<Known>, Failure> {
        let repository = history::open(&self.path(&asked.repository.name))?;
        let look_for = |sha: &&Sha| {
            let commit = gix::ObjectId::from_hex(sha.as_str().as_bytes())
                .or_fail(Exit::Malformed, format!("look for {sha}"))?;
            if commit.kind() != repository.object_hash() {
                return Ok(Known::Absent);
            }
            history::look_for(&repository, commit, &asked.patterns)
        };
        wanted.iter().map(look_for).collect()
    }

    /// The same; that a commit is absent is believed of a whole history alone.
    fn known_for_sure(&self, asked: &Asked<'_>, wanted: &[&Sha]) -> Result<Vec<Known>, Failure> {
        let known = self.known(asked, wanted)?;
        if known.contains(&Known::Absent) {
            let repository = history::open(&self.path(&asked.repository.name))?;
            history::is_whole(&repository, &asked.patterns)?;
        }
        Ok(known)
    }

    /// Fetches the allowed references into a mirror that is whole. Says why not, when it cannot.
    fn fetch(&self, asked: &Asked<'_>, mirror: &Path) -> Result<Option<String>, Failure> {
        let failed = self.fetch_into(asked, mirror)?;
        // References that it moved before it failed are ours, too: no job is to be blamed for them.
        unavailable(seal::write(self.host, mirror, &asked.url), "seal", mirror)?;
        Ok(failed)
    }

    fn fetch_into(&self, asked: &Asked<'_>, folder: &Path) -> Result<Option<String>, Failure> {
        let specs: Vec<String> = asked.patterns.iter().map(RefPattern::refspec).collect();
        let mut args = vec!["fetch", "--quiet", "--no-tags", "--prune", "--no-auto-maintenance"];
        args.extend([
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-show-forced-updates",
        ]);
        args.extend(["--end-of-options", &asked.repository.url]);
        args.extend(specs.iter().map(String::as_str));
        let ran = git::git(self.host, Some(folder), Some(&asked.url), &args, &self.bounds)?;
        Ok(ran.failed)
    }
}

/// Why a commit is not to be had, after the remote was asked.
fn no(field: &str, sha: &Sha, of: &Repository, was_here: bool, is_head: bool) -> No {
    let refs = of.refs.join(", ");
    let message = match was_here {
        _ if is_head => format!("the remote's HEAD is {sha}, which none of {refs} reaches"),
        true => format!(
            "{sha} was here, and none of {refs} reaches it any more: the branch was rewritten by a \
             forced push, or removed"
        ),
        false => format!(
            "none of {refs} of the remote reaches {sha}: it was never pushed there, only lies in a \
             fork or another reference, or was removed by a forced push"
        ),
    };
    No { field: field.to_owned(), reason: Reason::CommitNotAllowed, message }
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
