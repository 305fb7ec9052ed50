//! Whether a reference may move. Pure.

use gix::ObjectId;
use verdict::objects::Peeled;

use crate::Mode;
use crate::facts::{Base, Facts, Ground};
use crate::report::{Moved, Outcome, Refusal};

/// Decides one update.
pub(crate) fn decide(facts: &Facts, mode: Mode) -> (Moved, Option<Refusal>) {
    let mut moved = Moved {
        reference: facts.update.reference.as_bstr().to_string(),
        outcome: Outcome::Unprotected,
        signed_by: None,
        to_sha: None,
    };
    if !facts.is_protected {
        return (moved, None);
    }
    match allowed(facts, mode) {
        Ok((by, to)) => {
            moved.outcome = Outcome::Allowed;
            moved.signed_by = Some(by);
            moved.to_sha = Some(to.to_string());
            (moved, None)
        }
        Err(No { expected, found, next }) => {
            moved.outcome = Outcome::Refused;
            let refusal = Refusal { reference: moved.reference.clone(), expected, found, next };
            (moved, Some(refusal))
        }
    }
}

struct No {
    expected: String,
    found: String,
    next: String,
}

fn no(expected: &str, found: impl Into<String>, next: impl Into<String>) -> No {
    No { expected: expected.to_owned(), found: found.into(), next: next.into() }
}

/// Who allows it, and the commit they approve.
fn allowed(facts: &Facts, mode: Mode) -> Result<(String, ObjectId), No> {
    let Some(local) = &facts.local else {
        return Err(no(
            "a protected reference that stays",
            "a deletion",
            "leave it; an operator may delete it on the server itself",
        ));
    };
    let tip = match local {
        Peeled::Commit(tip) => *tip,
        Peeled::Other(kind) => {
            return Err(no(
                "a commit, or a tag of one",
                format!("a {kind}, which nobody can review"),
                "tag a commit instead: git tag -f NAME COMMIT",
            ));
        }
        Peeled::Missing(id) => {
            return Err(no("objects that are here", format!("{id} is missing"), "git fsck"));
        }
    };
    let bases = bases(facts, mode)?;
    let is_covered =
        |since: ObjectId| bases.iter().any(|base| base.id == since || base.advances == Some(since));
    let is_there = |to: ObjectId| bases.iter().any(|base| base.id == to || base.id == tip);
    let mut found = Vec::new();
    for it in &facts.candidates {
        let covers = is_covered(it.since) || (is_there(it.to) && it.is_ancestor);
        match &it.trust {
            Ok(by) if covers => return Ok((by.clone(), it.to)),
            Ok(_) => found
                .push(format!("a verdict about {}..{}, which is another range", it.since, it.to)),
            Err(reasons) => found.push(format!(
                "a verdict about {}..{} that does not count: {}",
                it.since,
                it.to,
                reasons.join("; ")
            )),
        }
    }
    found.extend(facts.unreadable.iter().cloned());
    let since = bases.first().map_or(tip, |base| base.id);
    let expected = format!("a trusted verdict that approves {since}..{tip}");
    let place = match mode {
        Mode::PrePush => "no verdict in the git directory",
        Mode::PreReceive => "no verdict in refs/notes/aiops-verdicts",
    };
    let found = if found.is_empty() { place.to_owned() } else { found.join("\n            ") };
    let run = format!("review-gate run --gate --since {since} --to {tip}");
    let next = match mode {
        Mode::PrePush => run,
        Mode::PreReceive => {
            format!("{run}, then push refs/notes/aiops-verdicts along with the branch")
        }
    };
    Err(No { expected, found, next })
}

/// What the remote has of the new commit's history.
fn bases(facts: &Facts, mode: Mode) -> Result<&[Base], No> {
    let fetch = "git fetch, then rebase or merge, and review again";
    match (&facts.remote, &facts.ground) {
        (Some(Peeled::Missing(id)), _) => {
            Err(no("a remote whose commits are here", format!("it has {id}, which is not"), fetch))
        }
        (Some(Peeled::Other(kind)), _) => Err(no(
            "a remote reference that names a commit",
            format!("it names a {kind}"),
            "an operator may delete it on the server itself",
        )),
        (_, Ground::From(bases)) => Ok(bases),
        (_, Ground::Diverged) => Err(no(
            "a fast-forward of what the remote has",
            "a forced update: the remote's commit is no ancestor of the new one",
            fetch,
        )),
        (_, Ground::Unproved(why)) => Err(no(
            "history that proves what is new on the remote",
            why.clone(),
            "git fetch --unshallow, then push again",
        )),
        (_, Ground::NoProtectedBranch(name)) => Err(no(
            "the protected branch on the remote, to measure a new reference against",
            format!("no {name}"),
            match mode {
                Mode::PrePush => {
                    "git fetch REMOTE, and push to that remote by its name; git remote set-head \
                     REMOTE --auto, where its branch has another name; an empty remote gets its \
                     first commit, the reviewed baseline, on the server itself"
                }
                Mode::PreReceive => {
                    "an operator puts the reviewed baseline there on the server itself: \
                     git fetch REPOSITORY main:main"
                }
            },
        )),
        (_, Ground::Unrelated(name)) => Err(no(
            "history that starts from the protected branch",
            format!("nothing in common with {name}"),
            "git rebase it onto the protected branch",
        )),
        (_, Ground::Unknown) => {
            Err(no("a repository that can be read", "it could not", "git fsck"))
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
