//! Judges sockets by the policy. Pure: it reads nothing and changes nothing.
//!
//! The local address decides, never the peer. Mapped IPv4 addresses are unmapped first.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::{Owner, Owners, Socket, Sockets, Source};
use crate::policy::{Policy, Strictness, Tailscaled};

/// What the judge must know beside the sockets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    /// This node's own tailnet addresses; `None` when they could not be read.
    pub own_addresses: Option<Vec<IpAddr>>,
    /// Ports, beside the policy's, on which sshd is known to listen or systemd to listen for it.
    pub sshd_ports: Vec<u16>,
}

/// How far a socket can be reached.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// From this machine or the tailnet only.
    Private,
    /// By strangers, as the policy wants it.
    Allowed,
    /// By strangers.
    Public,
    /// It could not be told, and the policy makes it matter.
    Unknown,
}

/// What comes of it; the worst is last, so the worst of many is the greatest.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Told, and no failure.
    Warn,
    /// Could not be judged.
    Unknown,
    /// As it must not be.
    Fail,
}

/// A finding that other programs act on.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Flag {
    /// sshd, or systemd for it, listens on a public address.
    SshdPublic,
}

/// One socket, judged.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Judged<'a> {
    /// The socket.
    pub socket: &'a Socket,
    /// How far it can be reached.
    pub class: Class,
    /// What comes of it.
    pub verdict: Verdict,
    /// Why, for people.
    pub why: String,
    /// What other programs act on, if there is anything.
    pub flag: Option<Flag>,
}

/// All sockets, judged.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Audit<'a> {
    /// The worst verdict of all; `unknown` when nothing was seen.
    pub verdict: Verdict,
    /// One line for people.
    pub summary: String,
    /// Every flag that was raised, each once.
    pub flags: Vec<Flag>,
    /// Every socket, in the order of the facts.
    pub judged: Vec<Judged<'a>>,
}

/// Judges what was seen, or why nothing was. An empty table is `unknown`: every host listens
/// somewhere, so an empty one was not read right.
pub fn audit<'a>(seen: Result<&'a Sockets, &str>, policy: &Policy, context: &Context) -> Audit<'a> {
    let nothing = |summary| Audit {
        verdict: Verdict::Unknown,
        summary,
        flags: Vec::new(),
        judged: Vec::new(),
    };
    let sockets = match seen {
        Ok(sockets) if sockets.sockets.is_empty() => {
            return nothing("no socket was seen, which cannot be".to_owned());
        }
        Ok(sockets) => sockets,
        Err(why) => return nothing(format!("it cannot be known what listens: {why}")),
    };
    let judge = |socket| classify(socket, sockets, policy, context);
    let judged: Vec<Judged> = sockets.sockets.iter().map(judge).collect();
    let mut flags: Vec<Flag> = judged.iter().filter_map(|it| it.flag).collect();
    flags.sort_unstable();
    flags.dedup();
    let verdict = judged.iter().map(|it| it.verdict).max().unwrap_or(Verdict::Unknown);
    Audit { verdict, summary: summary(&judged), flags, judged }
}

fn summary(judged: &[Judged]) -> String {
    let classes = [
        (Class::Private, "private"),
        (Class::Allowed, "allowed"),
        (Class::Public, "public"),
        (Class::Unknown, "unknown"),
    ];
    let counts =
        classes.map(|(class, name)| (judged.iter().filter(|it| it.class == class).count(), name));
    let shown = counts.iter().filter(|it| it.0 > 0).map(|(count, name)| format!("{count} {name}"));
    format!("{} sockets: {}", judged.len(), shown.collect::<Vec<_>>().join(", "))
}

/// Judges one socket of a document.
pub fn classify<'a>(
    socket: &'a Socket,
    sockets: &Sockets,
    policy: &Policy,
    context: &Context,
) -> Judged<'a> {
    let judged = |class, verdict, why| Judged { socket, class, verdict, why, flag: None };
    let address = socket.address.to_canonical();
    // Before any range: 0.0.0.0 is an address of 0.0.0.0/8, and means all of them.
    if address.is_unspecified() {
        return stranger(socket, sockets, policy, context, "every address of this machine");
    }
    let mut ranges = policy.private.iter().filter(|it| it.contains(address));
    let Some(first) = ranges.next() else {
        return stranger(socket, sockets, policy, context, "an address that strangers may reach");
    };
    // A range that the operator wrote beside 100.64.0.0/10 means what it says.
    if !is_tailnet(address) || !first.is_tailnet() || ranges.next().is_some() {
        return judged(Class::Private, Verdict::Pass, format!("in {first}"));
    }
    let own = context.own_addresses.as_ref();
    match (own, policy.foreign_tailnet) {
        (Some(own), _) if own.iter().any(|it| it.to_canonical() == address) => {
            judged(Class::Private, Verdict::Pass, "this node's tailnet address".to_owned())
        }
        (Some(_), Strictness::Warn) => {
            let why = format!("in {first}, but not an address of this node: carrier NAT?");
            judged(Class::Private, Verdict::Warn, why)
        }
        (Some(_), Strictness::Fail) => {
            let what = "an address in 100.64.0.0/10 that is not this node's";
            stranger(socket, sockets, policy, context, what)
        }
        (None, strictness) => {
            let why = format!("in {first}; this node's own addresses are not known");
            match strictness {
                Strictness::Warn => judged(Class::Private, Verdict::Warn, why),
                Strictness::Fail => judged(Class::Unknown, Verdict::Unknown, why),
            }
        }
    }
}

fn is_tailnet(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(it) if it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64)
}

/// A socket that strangers reach: tailscaled's, allowed by the policy, or public.
fn stranger<'a>(
    socket: &'a Socket,
    sockets: &Sockets,
    policy: &Policy,
    context: &Context,
    place: &str,
) -> Judged<'a> {
    let source = sockets.source;
    let judged = |class, verdict, why, flag| Judged { socket, class, verdict, why, flag };
    let owners = match &socket.owners {
        Owners::Known(owners) => owners.as_slice(),
        Owners::NotAsked | Owners::Unknown(_) => &[],
    };
    if !owners.is_empty() && owners.iter().all(|it| is_tailscaled(it, source, &policy.tailscaled)) {
        let how = match source {
            Source::Netlink | Source::Proc => "tailscaled, by its program and control group",
            Source::SsText => "tailscaled, by its name alone, which any process can choose",
        };
        return judged(Class::Allowed, Verdict::Pass, how.to_owned(), None);
    }
    let exception = policy.allowed.iter().find(|it| {
        it.protocol == socket.protocol
            && it.port == socket.port
            && it.addresses.is_none_or(|range| range.contains(socket.address))
    });
    if let Some(exception) = exception {
        let why = format!("allowed by the policy: {}", exception.why);
        return judged(Class::Allowed, Verdict::Pass, why, None);
    }
    let is_sshd = owners.iter().any(|it| is_sshd(it, socket.port, policy, context));
    let flag = is_sshd.then_some(Flag::SshdPublic);
    let why = format!("{place}; {}", holders(socket, source, policy));
    let is_ephemeral = socket.protocol.is_datagram()
        && !owners.is_empty()
        && sockets.ephemeral_ports.is_some_and(|it| it.contains(socket.port));
    if is_ephemeral && policy.ephemeral_udp == Strictness::Warn {
        let why = format!("{why}; its port is one that the kernel gives to clients");
        return judged(Class::Public, Verdict::Warn, why, flag);
    }
    judged(Class::Public, Verdict::Fail, why, flag)
}

/// Both the program and the control group, since any user can imitate one of the two: the name in
/// a mount namespace of their own, the unit below their own slice.
fn is_tailscaled(owner: &Owner, source: Source, known: &Tailscaled) -> bool {
    if source == Source::SsText {
        return owner.comm == "tailscaled";
    }
    let is_program = program(owner).is_some_and(|exe| known.executables.iter().any(|it| it == exe));
    let is_below = |group: &str, of: &str| {
        group.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let group = owner.cgroup.as_deref();
    is_program && group.is_some_and(|group| known.cgroups.iter().any(|it| is_below(group, it)))
}

/// sshd itself, or systemd where it holds the socket for it.
fn is_sshd(owner: &Owner, port: u16, policy: &Policy, context: &Context) -> bool {
    let is_named = |name: &str| {
        let file = program(owner).and_then(|path| path.rsplit('/').next());
        owner.comm == name || file == Some(name)
    };
    let is_ssh_port = policy.sshd_ports.contains(&port) || context.sshd_ports.contains(&port);
    is_named("sshd") || (owner.pid == 1 && is_named("systemd") && is_ssh_port)
}

/// The program, also when a package replaced its file while it runs.
fn program(owner: &Owner) -> Option<&str> {
    owner.exe.as_deref().map(|exe| exe.strip_suffix(" (deleted)").unwrap_or(exe))
}

/// Who holds a socket, for people.
fn holders(socket: &Socket, source: Source, policy: &Policy) -> String {
    let owners = match &socket.owners {
        Owners::Known(owners) if !owners.is_empty() => owners,
        Owners::Known(_) | Owners::NotAsked => return "nobody looked up who holds it".to_owned(),
        Owners::Unknown(why) => return format!("who holds it is not known: {why}"),
    };
    let each = owners.iter().map(|it| {
        let name = format!("{:?} (pid {})", it.comm, it.pid);
        if it.comm == "tailscaled" && !is_tailscaled(it, source, &policy.tailscaled) {
            let exe = it.exe.as_deref().unwrap_or("an unknown program");
            let group = it.cgroup.as_deref().unwrap_or("an unknown control group");
            return format!("{name}, which is not tailscaled: {exe:?} in {group:?}");
        }
        name
    });
    format!("held by {}", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
