//! The steps, one by one. Each says yes, no, or BLOCKED; what gave no answer is a failure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Exec, Finished};
use ops_core::report::Report as _;
use review_bundle::Repository;
use review_gate::args::{RangeArgs, Reviewer, RunArgs};
use review_gate::documents::Outcome;
use review_gate::git::why;
use review_gate::run::{Reviewed, review};
use review_gate::{finish, verify_tree};
use secrets::Registry;
use verdict::document::{Decision, Verdict};

use crate::Ship;
use crate::decide::{Ended, Step};
use crate::heal::{self, Memory};
use crate::settings::Who;

/// How much of a program's output is kept, bytes.
const KEPT: usize = 1 << 20;

/// How many lines of it are told.
const TOLD: usize = 20;

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) ended: Ended,
    pub(crate) lines: Vec<String>,
}

impl Said {
    pub(crate) fn new(ended: Ended, lines: Vec<String>) -> Self {
        Self { ended, lines }
    }

    /// A no, and why.
    pub(crate) fn no(why: impl Into<String>) -> Self {
        Self::new(Ended::No, vec![why.into()])
    }
}

impl From<Outcome> for Said {
    fn from(outcome: Outcome) -> Self {
        let ended = if outcome.exit() == Exit::Ok { Ended::Yes } else { Ended::No };
        Self::new(ended, outcome.done.into_iter().chain(outcome.problems).collect())
    }
}

impl Ship<'_> {
    /// Takes one step. `left` is how many dollars there are.
    pub(crate) fn take(&self, step: Step, memory: &mut Memory, left: f64) -> Result<Said, Failure> {
        match step {
            Step::VerifyTree => self.verify(),
            Step::Tests => self.tests(),
            Step::Review => self.review(memory),
            Step::Heal => heal::heal(self, memory, left),
            Step::Finish => finish::finish(self.context, &self.checkout.top).map(Into::into),
            Step::Push => self.push(),
        }
    }

    fn verify(&self) -> Result<Said, Failure> {
        // A call that died in `finish` left the work tree behind HEAD.
        finish::settle(&self.checkout, &Repository::discover(&self.checkout.top)?)?;
        if let Some(what) = self.unclean()?.first() {
            return Ok(Said::no(format!(
                "the work tree is not clean: {what}; commit or remove it"
            )));
        }
        verify_tree::look(self.context, &self.checkout.top).map(Into::into)
    }

    /// What is neither committed nor ignored.
    pub(crate) fn unclean(&self) -> Result<Vec<String>, Failure> {
        let status = [
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=none",
        ];
        let said = self.checkout.git.said(status)?;
        let entries = said.split(|byte| *byte == 0).filter(|entry| entry.len() > 3);
        Ok(entries.map(|entry| String::from_utf8_lossy(&entry[3..]).into_owned()).collect())
    }

    /// Runs the tests; the first that fails ends it.
    pub(crate) fn tests(&self) -> Result<Said, Failure> {
        let mut lines = Vec::new();
        for argv in &self.settings.tests {
            let shown = argv.join(" ");
            self.context.say(&format!("running {shown}"));
            let done = self.run_test(argv)?;
            if !done.success() {
                lines.push(format!("{shown}: {:?}", done.ending));
                lines.extend(tail(&done));
                return Ok(Said::new(Ended::No, lines));
            }
            lines.push(format!("{shown}: passed"));
        }
        Ok(Said::new(Ended::Yes, lines))
    }

    fn run_test(&self, argv: &[String]) -> Result<Finished, Failure> {
        let host = &self.context.host;
        let (program, operands) = argv
            .split_first()
            .ok_or_else(|| Failure::new(Exit::Config, "run the tests: one of them is empty"))?;
        let mut exec = Exec::new(program, operands.iter().map(OsString::from));
        exec.folder = Some(self.checkout.top.clone());
        exec.deadline = Duration::from_secs(60 * self.settings.test_minutes);
        exec.cap = KEPT;
        let registry = Registry::load(self.context)?;
        exec.env = host
            .environment()
            .filter(|(name, _)| !is_kept_back(name, &registry))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let doing = format!("run the test {}", argv.join(" "));
        host.run(&exec).or_fail(Exit::Unavailable, doing).map_err(|failure| {
            failure.hint("configs/ship.yaml, as of the range's start, names the tests; without one the shipped file counts")
        })
    }

    fn review(&self, memory: &mut Memory) -> Result<Said, Failure> {
        let reviewer = match self.settings.reviewer {
            Who::Api => Reviewer::Api,
            Who::Codex => Reviewer::Codex,
        };
        let range = RangeArgs { since: None, to: "HEAD".into() };
        let args = RunArgs { range, gate: true, reviewer, simulate: false };
        match review(self.context, &self.checkout.top, &args)? {
            Reviewed::Nothing(outcome) => Ok(outcome.into()),
            Reviewed::Verdict(kept) => {
                let verdict = kept.verdict;
                let is_yes = verdict.verdict == Decision::Approved && !verdict.meta.simulated;
                let mut lines = vec![format!("{}: {}", verdict.verdict.word(), verdict.summary)];
                lines.extend(verdict.because.iter().cloned());
                let sent = kept.sent_waived.iter();
                lines.extend(
                    sent.map(|it| format!("sent, since a waiver says it is no secret: {it}")),
                );
                let ended = ended(is_yes, verdict, memory, &mut lines);
                Ok(Said::new(ended, lines))
            }
        }
    }

    /// Pushes, through the hook; the notes with it, joined with those that are there.
    fn push(&self) -> Result<Said, Failure> {
        let git = &self.checkout.git;
        let (remote, branch) = (&self.settings.remote, &self.settings.branch);
        let mut specs = vec![format!("HEAD:refs/heads/{branch}")];
        if self.settings.push_notes {
            self.join_notes()?;
            specs.push(verdict::notes::REFERENCE.to_owned());
        }
        let mut exec = git.plain(["push", "--quiet", "--no-follow-tags", "--", remote]);
        exec.args.extend(specs.into_iter().map(OsString::from));
        self.go_outside(&mut exec)?;
        let done = git.run(&exec)?;
        if done.ending == Ending::Deadline {
            return Err(Failure::new(Exit::Unavailable, "push").because(why(&done)));
        }
        if !done.success() {
            let mut lines = vec!["git push was refused".to_owned()];
            lines.extend(why(&done).lines().map(str::to_owned));
            return Ok(Said::new(Ended::No, lines));
        }
        Ok(Said::new(Ended::Yes, vec![format!("pushed to {branch} of {remote}")]))
    }

    /// Takes the remote's notes in, so that ours are on top of them.
    fn join_notes(&self) -> Result<(), Failure> {
        let git = &self.checkout.git;
        let theirs = "refs/aiops/notes/remote";
        let spec = format!("+{}:{theirs}", verdict::notes::REFERENCE);
        let words = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--refmap=",
            "--",
        ];
        let mut exec = git.quiet(words);
        exec.args.extend([self.settings.remote.clone().into(), spec.into()]);
        self.go_outside(&mut exec)?;
        let done = git.run(&exec)?;
        let said = String::from_utf8_lossy(&done.stderr);
        if !done.success() {
            if said.contains("couldn't find remote ref") {
                return Ok(());
            }
            return Err(
                Failure::new(Exit::Unavailable, "fetch the remote's verdicts").because(why(&done))
            );
        }
        let name = format!("--ref={}", verdict::notes::REFERENCE);
        let mut join =
            git.quiet(["notes", &name, "merge", "--quiet", "-s", "cat_sort_uniq", theirs]);
        for who in ["AUTHOR", "COMMITTER"] {
            join.env.insert(format!("GIT_{who}_NAME").into(), "ship".into());
            join.env.insert(format!("GIT_{who}_EMAIL").into(), "ship@localhost".into());
        }
        let done = git.run(&join)?;
        if done.success() {
            return Ok(());
        }
        Err(Failure::new(Exit::Unavailable, "join the remote's verdicts with ours")
            .because(why(&done)))
    }

    /// Lets a call reach another machine, where it never asks anybody anything.
    fn go_outside(&self, exec: &mut Exec) -> Result<(), Failure> {
        exec.deadline = Duration::from_mins(10);
        if self.checkout.git.setting("core.sshCommand")?.is_none() {
            exec.env.insert("GIT_SSH_COMMAND".into(), "ssh -o BatchMode=yes".into());
        }
        Ok(())
    }
}

/// What a verdict means here.
fn ended(is_yes: bool, verdict: Verdict, memory: &mut Memory, lines: &mut Vec<String>) -> Ended {
    if is_yes {
        return Ended::Yes;
    }
    let is_simulated = verdict.meta.simulated;
    if is_simulated {
        lines.push("the verdict is simulated, and no gate takes it".to_owned());
        return Ended::No;
    }
    match memory.remember(verdict) {
        Ok(()) => Ended::Blocked,
        Err(why) => {
            lines.push(why);
            Ended::No
        }
    }
}

/// Variables that tests do not get: git's own, and every registered secret.
fn is_kept_back(name: &OsStr, registry: &Registry) -> bool {
    let is_secret = |name: &str| {
        registry
            .keys
            .iter()
            .any(|key| key.env() == name || key.older_env.iter().any(|it| it == name))
    };
    name.as_bytes().starts_with(b"GIT_")
        || name == "CREDENTIALS_DIRECTORY"
        || name.to_str().is_some_and(is_secret)
}

/// The last lines that a program said.
fn tail(done: &Finished) -> Vec<String> {
    let all = [done.stdout.as_slice(), done.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&all);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(TOLD)).map(|line| (*line).to_owned()).collect()
}
