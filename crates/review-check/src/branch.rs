//! The protected branch: what new references are measured against.

use gix::ObjectId;
use gix::refs::FullName;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use verdict::Policy;
use verdict::in_force::{Fallback, InForce};
use verdict::objects::{Objects, Peeled};

use crate::{Call, Mode};

/// The protected branch as the remote has it, and the policy there.
pub(crate) struct Protected {
    pub(crate) name: String,
    pub(crate) tip: Option<ObjectId>,
    pub(crate) policy: Result<Policy, String>,
}

/// The protected branch as the remote has it: the one that an installed policy names, else the
/// remote's own default branch, else the one that the shipped policy names. The policy there may
/// name another. Anybody may make a branch of whatever name: only the remote, or whoever installed
/// this, says which is the one.
pub(crate) fn protected_branch(
    host: &Host,
    call: &Call<'_>,
    objects: &Objects<'_>,
) -> Result<Protected, Failure> {
    let is_installed =
        verdict::in_force::is_installed(host, verdict::in_force::POLICY, &call.fallback)?;
    let policy = InForce::without_commit(host, &call.fallback)?.policy()?;
    let named = place(call, &policy.protected_branch);
    let head = match call.mode {
        Mode::PrePush => place(call, "HEAD"),
        Mode::PreReceive => "HEAD".to_owned(),
    };
    let order = if is_installed { [&named, &head] } else { [&head, &named] };
    // A name of its own is an operator's word, the shipped one is nobody's.
    let usual = (!is_installed).then(|| named.clone());
    let mut found = Protected { name: named.clone(), tip: None, policy: Ok(policy) };
    for name in order {
        if let Some(at) = tip(objects, name)? {
            found.name = target(objects, name)?.unwrap_or_else(|| name.clone());
            found.tip = Some(at);
            found.policy = policy_at(host, call, objects, at);
            break;
        }
    }
    if let Ok(policy) = &found.policy {
        let named = place(call, &policy.protected_branch);
        let at = tip(objects, &named)?;
        if named != found.name && (at.is_some() || usual.as_ref() != Some(&named)) {
            found.tip = at;
            found.name = named;
            if let Some(at) = at {
                found.policy = policy_at(host, call, objects, at);
            }
        }
    }
    Ok(found)
}

/// The name that a symbolic reference leads to.
fn target(objects: &Objects<'_>, name: &str) -> Result<Option<String>, Failure> {
    let Ok(full) = FullName::try_from(name) else { return Ok(None) };
    let found = objects.git().try_find_reference(full.as_ref());
    let found = found.or_fail(Exit::Unavailable, format!("read {name}"))?;
    Ok(found.and_then(|it| it.target().try_name().map(|it| it.as_bstr().to_string())))
}

/// Where a branch of the remote is known here. A remote that was given by its URL has no name.
fn place(call: &Call<'_>, branch: &str) -> String {
    match (call.mode, call.remote) {
        (Mode::PreReceive, _) => format!("refs/heads/{branch}"),
        (Mode::PrePush, Some(remote)) if is_name(remote) => {
            format!("refs/remotes/{remote}/{branch}")
        }
        (Mode::PrePush, _) => format!("refs/remotes/REMOTE/{branch} of a remote that has a name"),
    }
}

fn is_name(remote: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./".contains(it);
    !remote.is_empty() && !remote.starts_with(['/', '.']) && remote.chars().all(is_plain)
}

/// The commit that a reference leads to, if it exists.
fn tip(objects: &Objects<'_>, name: &str) -> Result<Option<ObjectId>, Failure> {
    let Ok(full) = FullName::try_from(name) else { return Ok(None) };
    let doing = || format!("read {name}");
    let found = objects.git().try_find_reference(full.as_ref());
    let Some(mut found) = found.or_fail(Exit::Unavailable, doing())? else { return Ok(None) };
    // A symbolic name of nothing: a repository without commits.
    let Ok(id) = found.follow_to_object() else { return Ok(None) };
    Ok(match objects.peel(id.detach())? {
        Peeled::Commit(id) => Some(id),
        Peeled::Other(_) | Peeled::Missing(_) => None,
    })
}

/// The policy as a commit has it.
pub(crate) fn policy_at(
    host: &Host,
    call: &Call<'_>,
    objects: &Objects<'_>,
    at: ObjectId,
) -> Result<Policy, String> {
    let fallback: &Fallback<'_> = &call.fallback;
    verdict::in_force::file(host, objects, at, verdict::in_force::POLICY, fallback)
        .map_err(|failure| failure.to_string())
        .and_then(|bytes| Policy::read(&bytes))
}
