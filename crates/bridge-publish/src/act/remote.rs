//! The only place that starts git: to fetch and to push.

use std::time::Duration;

use bridge::settings::Publish;
use gix::ObjectId;
use gix::bstr::ByteSlice;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Exec, Finished, Host};

use crate::repository::{REMOTE, Repository};

/// What a fetch found.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The branch, and the commit it is at.
    Tip(ObjectId),
    /// A remote without that branch.
    NoBranch,
    /// No answer, and why.
    Unreachable(String),
}

/// How a push ended.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// The remote has it.
    Arrived,
    /// It does not, and why.
    Refused(String),
    /// It was killed at its deadline: fewer commits at a time may arrive.
    TooSlow(String),
}

/// Environment that reaches git beside PATH: what finding and using credentials takes.
const PASSED: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Settings that no configuration of the repository may override.
const FIXED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=all",
    "core.fsyncMethod=batch",
    "core.deltaBaseCacheLimit=512m",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "submodule.recurse=false",
    // Deltas of a pack of ours are sent on as they are; see pack.rs for the chain's length.
    "pack.depth=4095",
    "pack.threads=2",
];

/// The remote of a bridge root.
pub(crate) struct Remote<'a> {
    pub(crate) host: &'a Host,
    pub(crate) repository: &'a Repository,
    pub(crate) settings: &'a Publish,
}

impl Remote<'_> {
    /// Fetches the branch into a reference of ours, and nothing else.
    pub(crate) fn fetch(&self) -> Result<Fetched, Failure> {
        let branch = self.repository.branch.as_bstr();
        let refspec = format!("+{branch}:{REMOTE}");
        let done = self.git(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--refmap=",
            "--",
            &self.settings.remote,
            &refspec,
        ])?;
        if done.success() {
            let tip = self.repository.commit_at(REMOTE)?;
            return Ok(tip
                .map_or_else(|| Fetched::Unreachable("git fetched nothing".into()), Fetched::Tip));
        }
        let is_missing = done.stderr.find(b"couldn't find remote ref").is_some();
        Ok(if is_missing {
            Fetched::NoBranch
        } else {
            Fetched::Unreachable(self.why("fetch", &done))
        })
    }

    /// Pushes a commit to the branch, never by force.
    pub(crate) fn push(&self, commit: ObjectId, many: bool) -> Result<Pushed, Failure> {
        let refspec = format!("{commit}:{}", self.repository.branch.as_bstr());
        // Among many commits each tree has its delta already; looking for better ones takes longer
        // than sending what is there.
        let window = if many { "pack.window=0" } else { "pack.window=10" };
        let done = self.git(&[
            "-c",
            window,
            "push",
            "--quiet",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            "--",
            &self.settings.remote,
            &refspec,
        ])?;
        Ok(match done.ending {
            Ending::Code(0) => Pushed::Arrived,
            Ending::Deadline => Pushed::TooSlow(self.why("push", &done)),
            Ending::Code(_) | Ending::Signal(_) => Pushed::Refused(self.why("push", &done)),
        })
    }

    fn git(&self, args: &[&str]) -> Result<Finished, Failure> {
        let mut exec = Exec::new("git", ["--git-dir"]);
        exec.args.push(self.repository.git.git_dir().as_os_str().to_owned());
        for setting in FIXED {
            exec.args.extend(["-c".into(), setting.into()]);
        }
        exec.args.extend(args.iter().map(Into::into));
        for name in PASSED {
            exec.env.extend(self.host.env(name).map(|value| (name.into(), value.to_owned())));
        }
        // An empty askpass is none; LC_ALL because one message is looked for above.
        for (name, value) in [("GIT_TERMINAL_PROMPT", "0"), ("GIT_ASKPASS", ""), ("LC_ALL", "C")] {
            exec.env.insert(name.into(), value.into());
        }
        let is_chosen =
            ["GIT_SSH", "GIT_SSH_COMMAND"].iter().any(|name| self.host.env(name).is_some())
                || self.repository.git.config_snapshot().string("core.sshCommand").is_some();
        if !is_chosen {
            exec.env.insert("GIT_SSH_COMMAND".into(), "ssh -o BatchMode=yes".into());
        }
        exec.folder = self.repository.git.workdir().map(Into::into);
        exec.deadline = Duration::from_secs(u64::from(self.settings.git_deadline_seconds));
        self.host.run(&exec).or_fail(Exit::Unavailable, "start git")
    }

    fn why(&self, verb: &str, done: &Finished) -> String {
        if done.ending == Ending::Deadline {
            let limit = self.settings.git_deadline_seconds;
            return format!("git {verb} took longer than {limit} s and was killed");
        }
        let said = [&done.stdout[..], &done.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(6)..).unwrap_or_default();
        format!("git {verb}: {}", without_passwords(&last.join("; ")))
    }
}

/// Takes `user:password@` out of addresses.
fn without_passwords(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(after.len());
        let host = after.get(..end).unwrap_or(after);
        rest = host.rfind('@').and_then(|at| after.get(at + 1..)).unwrap_or(after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_its_credentials() {
        for (text, want) in [
            ("unable to access 'https://u:p@host/x'", "unable to access 'https://host/x'"),
            ("a://u@b c://d@e@f/g@h", "a://b c://f/g@h"),
            ("no address @ all", "no address @ all"),
        ] {
            assert_eq!(without_passwords(text), want);
        }
    }
}
