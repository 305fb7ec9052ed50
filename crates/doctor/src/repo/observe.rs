//! Looks at a repository. No judgement here.

mod files;
mod units;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_facts::Seen;
use ops_core::failure::{Exit, Failure};
use ops_core::host::{Ending, Exec, Finished, Host, Kind};

use super::facts::{Baseline, Hook, RepoFacts};
use crate::policy::RepoPolicy;

/// How long git may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// How much git may say, bytes.
const LARGEST: usize = 64 << 20;

/// git, in one work tree.
#[derive(Debug)]
pub(super) struct Git<'a> {
    pub(super) host: &'a Host,
    /// The top folder of the work tree.
    pub(super) top: PathBuf,
}

impl<'a> Git<'a> {
    /// Finds the work tree that holds a folder.
    ///
    /// # Errors
    /// Exit 69 when there is none, or no git.
    pub(super) fn open(host: &'a Host, path: &Path) -> Result<Self, Failure> {
        let doing = || format!("find a git repository at {}", path.display());
        let git = Self { host, top: path.to_path_buf() };
        let said = git
            .output(&["rev-parse", "--show-toplevel"])
            .map_err(|why| Failure::new(Exit::Unavailable, doing()).because(why))?;
        let top = PathBuf::from(OsStr::from_bytes(said.strip_suffix(b"\n").unwrap_or(&said)));
        Ok(Self { host, top })
    }

    /// What git prints.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) fn output(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        let finished = self.run(args)?;
        if finished.success() {
            return Ok(finished.stdout);
        }
        let said = String::from_utf8_lossy(&finished.stderr);
        let said = said.lines().next().unwrap_or_default();
        Err(format!("git {}: {:?} {said}", args.first().unwrap_or(&""), finished.ending))
    }

    fn run(&self, args: &[&str]) -> Result<Finished, String> {
        let program = self.host.find_program("git").ok_or("there is no program `git` on PATH")?;
        // A monitor that the repository names would be a program of the repository's choice.
        let fixed = ["-c", "core.fsmonitor=false"];
        let mut exec = Exec::new(program, fixed.iter().chain(args).copied());
        exec.folder = Some(self.top.clone());
        exec.deadline = DEADLINE;
        exec.cap = LARGEST;
        exec.env.extend(self.host.env("HOME").map(|home| ("HOME".into(), home.into())));
        exec.env.insert("LC_ALL".into(), "C".into());
        exec.env.insert("GIT_OPTIONAL_LOCKS".into(), "0".into());
        let finished = self.host.run(&exec).map_err(|err| format!("git: {err}"))?;
        if finished.truncated {
            return Err(format!("git said more than {LARGEST} bytes"));
        }
        Ok(finished)
    }

    /// A setting, if it is set.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) fn config(&self, name: &str) -> Result<Option<String>, String> {
        let finished = self.run(&["config", "--get", name])?;
        match finished.ending {
            Ending::Code(0) => {
                let text = String::from_utf8_lossy(&finished.stdout);
                Ok(Some(text.trim_end_matches('\n').to_owned()))
            }
            Ending::Code(1) => Ok(None),
            other => Err(format!("git config: {other:?}")),
        }
    }

    /// Tracked files below these folders, or all, relative to the top.
    ///
    /// # Errors
    /// Why they are not known.
    pub(super) fn tracked(&self, folders: &[&Path]) -> Result<Vec<PathBuf>, String> {
        let names: Vec<&str> = folders.iter().filter_map(|it| it.to_str()).collect();
        let args: Vec<&str> = ["ls-files", "-z", "--"].into_iter().chain(names).collect();
        Ok(paths(&self.output(&args)?))
    }

    fn is_ancestor(&self, commit: &str) -> Result<bool, String> {
        let is_commit = self.run(&["cat-file", "-e", &format!("{commit}^{{commit}}")])?;
        if !is_commit.success() {
            return Ok(false);
        }
        match self.run(&["merge-base", "--is-ancestor", commit, "HEAD"])?.ending {
            Ending::Code(0) => Ok(true),
            Ending::Code(1) => Ok(false),
            other => Err(format!("git merge-base: {other:?}")),
        }
    }
}

fn paths(bytes: &[u8]) -> Vec<PathBuf> {
    let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}

/// Looks at everything.
pub(super) fn facts(git: &Git, policy: &RepoPolicy) -> RepoFacts {
    RepoFacts {
        hooks_path: git.config("core.hooksPath").into(),
        top: git.top.display().to_string(),
        hooks: hooks(git, policy).into(),
        bypass: files::bypass(git, &policy.no_bypass_in).into(),
        configs: files::configs(git).into(),
        baseline: policy.baseline.as_ref().map(|file| Seen::from(baseline(git, file))),
        allowlists: policy.allowlists.iter().map(|file| files::allowlist(git, file)).collect(),
        secrets: files::secrets(git).into(),
        units: units::units(git, &policy.units).into(),
    }
}

/// Every hook that is there, or tracked, or wanted.
pub(super) fn hooks(git: &Git, policy: &RepoPolicy) -> Result<Vec<Hook>, String> {
    let folder = &policy.hooks;
    let name = |path: &PathBuf| path.strip_prefix(folder).ok().map(|it| it.display().to_string());
    let tracked: Vec<String> = git.tracked(&[folder])?.iter().filter_map(name).collect();
    let place = folder.to_string_lossy();
    let changed = git.output(&[
        "diff",
        "--no-ext-diff",
        "--no-textconv",
        "--name-only",
        "-z",
        "HEAD",
        "--",
        &place,
    ])?;
    let changed: Vec<String> = paths(&changed).iter().filter_map(name).collect();
    let entries = match git.host.list(&git.top.join(folder)) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(|err| format!("{place}: {err}"))?,
    };
    let there: BTreeMap<String, bool> = entries
        .iter()
        .filter(|it| it.kind != Kind::Folder)
        .map(|it| (it.name.to_string_lossy().into_owned(), it.mode & 0o100 != 0))
        .collect();
    let mut names: Vec<&String> =
        tracked.iter().chain(&changed).chain(there.keys()).chain(&policy.required_hooks).collect();
    names.sort();
    names.dedup();
    let hook = |name: &String| Hook {
        name: name.clone(),
        is_there: there.contains_key(name),
        is_executable: there.get(name).copied().unwrap_or(false),
        is_tracked: tracked.contains(name),
        is_changed: changed.contains(name),
    };
    Ok(names.into_iter().map(hook).collect())
}

fn baseline(git: &Git, file: &Path) -> Result<Baseline, String> {
    let shown = file.display();
    let bytes =
        git.host.read(&git.top.join(file), 4096).map_err(|err| format!("{shown}: {err}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let commit = text.trim();
    let is_hash =
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|it| it.is_ascii_hexdigit());
    if !is_hash {
        return Err(format!("{shown} does not hold one commit and nothing else"));
    }
    Ok(Baseline { commit: commit.to_owned(), is_ancestor: git.is_ancestor(commit)? })
}
