//! Whether a push may go: for every protected reference it moves there is a trusted verdict about
//! exactly what is new on the remote.
//!
//! `lines` reads what git says on standard input, `observe` reads the repository, `decide` judges.
//! Nothing turns it off: it takes no flag, and of the environment only where the repository lies.

mod ancestry;
mod branch;
mod decide;
mod facts;
pub mod lines;
mod observe;
mod report;

use std::path::Path;

use gix::ObjectId;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use verdict::in_force::Fallback;
use verdict::objects::Objects;

use lines::Update;
use observe::Observer;

pub use report::{CheckReport, Moved, Outcome, Refusal};

/// Which hook asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Before a push, in the repository that pushes. Verdicts lie in its git directory.
    PrePush,
    /// Before references move, in the repository that is pushed to. Verdicts are git notes.
    PreReceive,
}

/// What a hook was called with.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Which hook.
    pub mode: Mode,
    /// Where it runs.
    pub cwd: &'a Path,
    /// Its standard input.
    pub lines: &'a [u8],
    /// The remote's name (or URL) as git gives it to pre-push; may hold a password, is never shown.
    pub remote: Option<&'a str>,
    /// Where rules come from that a commit does not carry.
    pub fallback: Fallback<'a>,
}

/// Decides a push.
///
/// # Errors
/// No answer, and so no: 69 when the repository cannot be read, 78 when the installed policy is
/// wrong.
pub fn check(host: &Host, call: &Call<'_>) -> Result<CheckReport, Failure> {
    let mut report = CheckReport::new(call.mode);
    let lines = lines::read(call.mode, call.lines);
    for (at, line) in lines.iter().enumerate() {
        if let Err(why) = line {
            report.refusals.push(Refusal {
                reference: format!("line {}", at + 1),
                expected: "lines as git writes them for this hook".to_owned(),
                found: why.clone(),
                next: "let git call this hook; see githooks(5)".to_owned(),
            });
        }
    }
    let updates: Vec<Update> = lines.into_iter().flatten().collect();
    if updates.is_empty() {
        return Ok(report);
    }
    let git = repository(host, call)?;
    let objects = objects(host, call, &git)?;
    let observer = Observer::new(host, call, &objects, &updates)?;
    for update in &updates {
        let facts = observer.facts(update)?;
        let (moved, refusal) = decide::decide(&facts, call.mode);
        report.moved.push(moved);
        report.refusals.extend(refusal);
    }
    Ok(report)
}

/// The protected branch as a remote of this repository has it, as far as is known here: its name
/// (`refs/remotes/origin/main`), and the commit it is at, if it is known.
///
/// # Errors
/// 69 when the repository cannot be read, 78 when the installed policy is wrong.
pub fn remote_branch(
    host: &Host,
    git: &gix::Repository,
    remote: &str,
    fallback: Fallback<'_>,
) -> Result<(String, Option<ObjectId>), Failure> {
    let (mode, cwd, remote) = (Mode::PrePush, git.git_dir(), Some(remote));
    let call = Call { mode, cwd, lines: b"", remote, fallback };
    let found = branch::protected_branch(host, &call, &Objects::of(git))?;
    Ok((found.name, found.tip))
}

/// The repository that git runs the hook in. In a linked work tree, in a bare one and in one that
/// was named by `--git-dir`, `GIT_DIR` says where it lies.
fn repository(host: &Host, call: &Call<'_>) -> Result<gix::Repository, Failure> {
    let git_dir = host.env("GIT_DIR").map(Path::new);
    verdict::objects::open(host, call.cwd, git_dir)
}

/// Its objects; in pre-receive also those of the push, which are not accepted yet.
fn objects<'a>(
    host: &Host,
    call: &Call<'_>,
    git: &'a gix::Repository,
) -> Result<Objects<'a>, Failure> {
    let objects = Objects::of(git);
    if call.mode == Mode::PrePush {
        return Ok(objects);
    }
    if host.env("GIT_NAMESPACE").is_some() {
        let doing = "judge a push into a git namespace";
        return Err(Failure::new(Exit::Unavailable, doing).because("these are not supported"));
    }
    match host.env("GIT_OBJECT_DIRECTORY") {
        Some(folder) => objects.and(&call.cwd.join(folder)),
        None => Ok(objects),
    }
}
