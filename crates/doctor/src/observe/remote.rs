//! Another host's facts, by `doctor facts --json` over ssh. What it says is believed no further than
//! its schema goes.

use std::ffi::OsString;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use host_facts::Facts;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::host::{Ending, Exec};

use super::{LARGEST, parse};
use crate::policy::Policy;

/// How long a connection may take to come about, seconds.
const CONNECT_SECONDS: u32 = 10;

/// What runs over there. A constant: nothing of ours is put into it.
const COLLECT: &str = "doctor facts --json";

/// Collects the facts of another host.
///
/// # Errors
/// Exit 2 for a name that is none, 1 when its address is in no allowed range, 69 when it cannot be
/// resolved or reached, or says what is no facts document.
pub fn remote(context: &Context, policy: &Policy, target: &str) -> Result<Facts, Failure> {
    let (user, host) = split(target).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("use {target:?} as a host"))
            .because("[user@]host is wanted: letters, digits and . _ - : only")
    })?;
    let doing = || format!("collect the facts of {target}");
    let address = allowed(
        &resolve(host).map_err(|why| {
            Failure::new(Exit::Unavailable, doing())
                .because(why)
                .hint("is the name right, and the tailnet up?")
        })?,
        policy,
    )
    .map_err(|why| {
        Failure::new(Exit::No, doing())
            .because(why)
            .hint("only hosts in the allowed ranges of doctor.yaml are asked")
    })?;
    let program = context.host.find_program("ssh").unwrap_or_else(|| "ssh".into());
    let mut exec = Exec::new(program, arguments(user, host, address));
    for name in ["HOME", "SSH_AUTH_SOCK"] {
        exec.env.extend(context.host.env(name).map(|value| (name.into(), value.into())));
    }
    exec.deadline = Duration::from_secs(u64::from(CONNECT_SECONDS)) + policy.deadline() * 2;
    exec.cap = usize::try_from(LARGEST).unwrap_or(usize::MAX);
    let unavailable = |why: String| {
        Failure::new(Exit::Unavailable, doing()).because(why).hint(format!(
            "try it by hand: ssh {target} {COLLECT}; its host key must be in known_hosts"
        ))
    };
    let finished = context.host.run(&exec).map_err(|err| unavailable(format!("ssh: {err}")))?;
    if finished.truncated {
        return Err(unavailable(format!("it said more than {LARGEST} bytes")));
    }
    match finished.ending {
        Ending::Code(0) => parse(target, &finished.stdout).map_err(unavailable),
        Ending::Deadline => Err(unavailable("no answer in time".to_owned())),
        Ending::Code(_) | Ending::Signal(_) => {
            let said = String::from_utf8_lossy(&finished.stderr);
            let said: String = said.chars().take(500).collect();
            let said = crate::finding::plain(said.trim());
            Err(unavailable(format!("ssh ended with {:?}: {said}", finished.ending)))
        }
    }
}

/// User and host of `[user@]host`; `None` for what ssh or a shell could take for something else.
fn split(target: &str) -> Option<(Option<&str>, &str)> {
    let (user, host) = match target.split_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, target),
    };
    let is_name = |text: &str| {
        text.len() <= 253
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c))
    };
    (user.is_none_or(|user| is_name(user) && !user.contains(':')) && is_name(host))
        .then_some((user, host))
}

fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = (host, 22).to_socket_addrs().map_err(|err| format!("{host}: {err}"))?;
    let found: Vec<IpAddr> = found.map(|it| it.ip()).collect();
    if found.is_empty() { Err(format!("{host} has no address")) } else { Ok(found) }
}

/// The address to connect to, if every address of the name is in an allowed range.
fn allowed(addresses: &[IpAddr], policy: &Policy) -> Result<IpAddr, String> {
    let is_allowed = |it: &IpAddr| policy.ports.private.iter().any(|range| range.contains(*it));
    match addresses.iter().find(|it| !is_allowed(it)) {
        Some(stranger) => Err(format!("its address {stranger} is in no allowed range")),
        None => addresses.first().copied().ok_or_else(|| "it has no address".to_owned()),
    }
}

/// ssh's arguments: never a question, only the known key of that name, only that address.
fn arguments(user: Option<&str>, host: &str, address: IpAddr) -> Vec<OsString> {
    let options = [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!("ConnectTimeout={CONNECT_SECONDS}"),
        // The address that was judged is the one that is asked, under the name whose key is known.
        format!("HostName={address}"),
        format!("HostKeyAlias={host}"),
        "ProxyCommand=none".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "ForwardAgent=no".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "RequestTTY=no".to_owned(),
    ];
    let mut args: Vec<OsString> = Vec::new();
    for option in options {
        args.extend(["-o".into(), option.into()]);
    }
    if let Some(user) = user {
        args.extend(["-l".into(), user.into()]);
    }
    args.extend(["--".into(), host.into(), COLLECT.into()]);
    args
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
