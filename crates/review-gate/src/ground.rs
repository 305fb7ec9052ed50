//! What the authors of a range cannot write: the protected branch as the repository's remote has it.
//!
//! A range starts where the baseline of its own end says, and the rules are those at its start. So
//! the start must be vouched for by something else, or a branch could bring its own rules along:
//! it lies on the remote's protected branch, or trusted verdicts lead from there to it, or its rules
//! are those that the branch had where the two parted.

use std::collections::BTreeSet;

use gix::ObjectId;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use review_bundle::Repository;
use verdict::in_force::InForce;
use verdict::objects::Objects;
use verdict::signers::Signers;
use verdict::statement::Signed;
use verdict::trust;

use crate::{approval, basis, range};

/// Why a clone without its whole history cannot tell what is new.
const SHALLOW: &str = "this clone is shallow: where a branch left another cannot be proved; git fetch --unshallow gets the rest";

/// The most verdicts that one chain of them may have.
const LONGEST_CHAIN: usize = 1000;

/// What ranges are measured against.
#[derive(Debug)]
pub enum Ground {
    /// The repository has no remote: nothing of it can be pushed, and nothing was.
    NoRemote,
    /// It has some, and the protected branch there is not known here.
    Unknown {
        /// Why not.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The branch.
    Branch(Branch),
}

/// The protected branch as the remote has it, as far as this repository knows.
#[derive(Debug)]
pub struct Branch {
    /// `refs/remotes/origin/main`.
    pub name: String,
    /// The commit it is at.
    pub tip: ObjectId,
}

/// The remote that counts: `origin`, else the only one, else the one `remote.pushDefault` names.
pub fn remote(repository: &Repository) -> Option<String> {
    let git = repository.git();
    let names: Vec<String> = git.remote_names().iter().map(ToString::to_string).collect();
    let preferred = git.config_snapshot().string("remote.pushDefault").map(|it| it.to_string());
    match names.as_slice() {
        [one] => Some(one.clone()),
        many if many.iter().any(|it| it == "origin") => Some("origin".to_owned()),
        many => preferred.filter(|it| many.contains(it)),
    }
}

impl Ground {
    /// Looks it up, at the remote that [`remote`] names.
    ///
    /// # Errors
    /// Exit 69 when the repository cannot be read, 78 when the installed policy is wrong.
    pub fn of(host: &Host, repository: &Repository) -> Result<Self, Failure> {
        let git = repository.git();
        let Some(remote) = remote(repository) else {
            return Ok(if git.remote_names().is_empty() {
                Self::NoRemote
            } else {
                Self::Unknown {
                    why: "there are several remotes, and none of them is origin".into(),
                    hint: "git config remote.pushDefault REMOTE".into(),
                }
            });
        };
        let (name, tip) = review_check::remote_branch(host, git, &remote, basis::fallback())?;
        let prefix = format!("refs/remotes/{remote}/");
        let branch = name.strip_prefix(&prefix).unwrap_or(&name);
        Ok(match tip {
            Some(tip) => Self::Branch(Branch { name, tip }),
            None => Self::Unknown {
                why: format!("{name} is not known here"),
                hint: format!(
                    "git fetch {remote} {branch}:{name}, or, where its branch has another name, \
                     git fetch {remote} and git remote set-head {remote} --auto; a remote without \
                     a commit gets the baseline first"
                ),
            },
        })
    }
}

impl Branch {
    /// Whether trusted verdicts cover everything that a commit has beyond the branch.
    ///
    /// # Errors
    /// Exit 69 when history cannot be read.
    pub fn covers(
        &self,
        host: &Host,
        repository: &Repository,
        commit: ObjectId,
    ) -> Result<bool, Failure> {
        self.reaches(host, repository, commit, &mut BTreeSet::new())
    }

    fn reaches(
        &self,
        host: &Host,
        repository: &Repository,
        commit: ObjectId,
        seen: &mut BTreeSet<ObjectId>,
    ) -> Result<bool, Failure> {
        if range::is_ancestor(repository, commit, self.tip)? {
            return Ok(true);
        }
        if !seen.insert(commit) || seen.len() > LONGEST_CHAIN {
            return Ok(false);
        }
        if let Some(below) = approval::advanced(repository, commit)?
            && self.reaches(host, repository, below, seen)?
        {
            return Ok(true);
        }
        Ok(self.approved_with(host, repository, commit, seen)?.is_ok())
    }

    /// Who approves what a commit has beyond the branch, else why nobody does.
    ///
    /// # Errors
    /// Exit 69 when history cannot be read.
    pub fn approved(
        &self,
        host: &Host,
        repository: &Repository,
        to: ObjectId,
    ) -> Result<Result<String, Vec<String>>, Failure> {
        self.approved_with(host, repository, to, &mut BTreeSet::from([to]))
    }

    fn approved_with(
        &self,
        host: &Host,
        repository: &Repository,
        to: ObjectId,
        seen: &mut BTreeSet<ObjectId>,
    ) -> Result<Result<String, Vec<String>>, Failure> {
        if is_shallow(repository)? {
            // A newer common commit may lie where history was cut off.
            return Ok(Err(vec![SHALLOW.to_owned()]));
        }
        let bases = self.bases(repository, to)?;
        let mut why = Vec::new();
        for signed in approval::kept(host, repository, to)? {
            let it = signed.range();
            let Ok(range) = repository.range(&it.since_sha, &it.to_sha) else {
                why.push(format!("the start of a verdict, {:.12}, is not here", it.since_sha));
                continue;
            };
            match approval::judged_alone(host, repository, &range, &signed)? {
                Err(reasons) => why.extend(reasons.iter().map(ToString::to_string)),
                Ok(who) if bases != [to] && !self.has_signer(host, repository, &signed)? => {
                    why.push(format!("{who} may not sign as of {}", self.name));
                }
                Ok(who) if self.starts(host, repository, &range, &bases, seen)? => {
                    return Ok(Ok(who));
                }
                Ok(_) => why.push(format!(
                    "a verdict about {:.12}..{to:.12} does not cover what is new beyond {}",
                    range.since, self.name
                )),
            }
        }
        if why.is_empty() {
            why.push(format!("there is no verdict about {to:.12}"));
        }
        Ok(Err(why))
    }

    /// Whether the branch still has the signer: a key that was taken out there stands in every older
    /// commit.
    fn has_signer(
        &self,
        host: &Host,
        repository: &Repository,
        signed: &Signed,
    ) -> Result<bool, Failure> {
        let objects = Objects::of(repository.git());
        let name = verdict::in_force::SIGNERS;
        let bytes = verdict::in_force::file(host, &objects, self.tip, name, &basis::fallback())?;
        Ok(trust::signer(signed.envelope(), &Signers::read(&bytes), &[host.now()]).is_ok())
    }

    /// Whether a range starts where the branch and its end part, or where a covered one from there
    /// ends. A merge of the branch in between would be a hole: what it drops of the branch is in
    /// neither range.
    fn starts(
        &self,
        host: &Host,
        repository: &Repository,
        range: &review_bundle::Range,
        bases: &[ObjectId],
        seen: &mut BTreeSet<ObjectId>,
    ) -> Result<bool, Failure> {
        let since = range.since;
        if bases == [range.to] {
            return range::is_ancestor(repository, since, range.to);
        }
        for base in bases {
            if *base == since || approval::advanced(repository, *base)? == Some(since) {
                return Ok(true);
            }
        }
        Ok(range::is_ancestor(repository, since, range.to)?
            && self.bases(repository, since)? == bases
            && self.reaches(host, repository, since, seen)?)
    }

    fn bases(&self, repository: &Repository, commit: ObjectId) -> Result<Vec<ObjectId>, Failure> {
        let found = repository.git().merge_bases_many(self.tip, &[commit]);
        let found =
            found.or_fail(Exit::Unavailable, format!("compare {commit} with {}", self.name))?;
        Ok(found.into_iter().map(gix::Id::detach).collect())
    }
}

/// Refuses a start whose rules its own authors may have written.
///
/// # Errors
/// Exit 1 when nobody vouches for them, or that cannot be told.
pub fn vouch(host: &Host, repository: &Repository, since: ObjectId) -> Result<(), Failure> {
    let refuse = |why: String| {
        Failure::new(Exit::No, format!("use the rules as of {since:.12}")).because(why)
    };
    let branch = match Ground::of(host, repository)? {
        Ground::NoRemote => return Ok(()),
        Ground::Unknown { why, hint } => return Err(refuse(why).hint(hint)),
        Ground::Branch(branch) => branch,
    };
    if branch.covers(host, repository, since)? {
        return Ok(());
    }
    let rules =
        |at: ObjectId| InForce::at(host, &Objects::of(repository.git()), at, &basis::fallback());
    let bases = branch.bases(repository, since)?;
    let own = rules(since)?;
    for base in &bases {
        if rules(*base)? == own {
            return Ok(());
        }
    }
    let name = &branch.name;
    Err(refuse(format!(
        "they are not those of {name}, and no trusted verdict covers the change: whoever wrote the \
         range may have written them"
    ))
    .hint(match bases.first() {
        Some(base) => format!("review it from what {name} has: review-gate run --since {base:.12}"),
        None => format!("rebase it onto {name}"),
    }))
}

fn is_shallow(repository: &Repository) -> Result<bool, Failure> {
    repository.git().is_shallow().or_fail(Exit::Unavailable, "look for a shallow boundary")
}
