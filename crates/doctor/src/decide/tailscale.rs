//! `tailscale`: up, online, with an address that is really there; no funnel, no userspace networking.

use std::net::Ipv4Addr;

use host_facts::facts::Tailscale;
use host_facts::{Facts, Seen};
use ops_core::time::{self, Timestamp};

use super::Given;
use crate::finding::Judged;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// Whether this host can be reached over its tailnet: what decides whether sshd may be touched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tailnet {
    /// It is up, and this IPv4 address is really on an interface.
    Up(Ipv4Addr),
    /// It is not, and why.
    Down(String),
    /// It could not be told, and why.
    Unknown(String),
    /// It is up without an interface of its own: loopback is not private then.
    Userspace,
}

/// How the tailnet stands.
pub fn tailnet(facts: &Facts) -> Tailnet {
    match facts.tailscale.known() {
        Err(why) => Tailnet::Unknown(why.to_owned()),
        Ok(tailscale) if tailscale.backend_state != "Running" => {
            let state = &tailscale.backend_state;
            Tailnet::Down(format!("its state is {state}, Running is needed"))
        }
        Ok(Tailscale { tun: Some(false), .. }) => Tailnet::Userspace,
        Ok(Tailscale { tun: None, .. }) => {
            Tailnet::Unknown("it does not tell whether it has an interface of its own".to_owned())
        }
        Ok(Tailscale { expired: true, .. }) => Tailnet::Down("its node key has expired".to_owned()),
        Ok(Tailscale { online: false, .. }) => {
            Tailnet::Down("it is not in touch with the control server".to_owned())
        }
        Ok(tailscale) => address(facts, tailscale),
    }
}

fn address(facts: &Facts, tailscale: &Tailscale) -> Tailnet {
    let ip = match tailscale.ipv4.known() {
        Err(why) => return Tailnet::Unknown(format!("its IPv4 address is not known: {why}")),
        Ok(ip) => *ip,
    };
    let [a, b, ..] = ip.octets();
    if a != 100 || b & 0xc0 != 64 {
        return Tailnet::Down(format!("its address {ip} is not in 100.64.0.0/10"));
    }
    match facts.addresses.known() {
        Err(why) => Tailnet::Unknown(format!("the addresses of interfaces are not known: {why}")),
        Ok(there) if there.iter().any(|it| it.address == ip) => Tailnet::Up(ip),
        Ok(_) => Tailnet::Down(format!("its address {ip} is on no interface")),
    }
}

pub(super) fn judge(given: &Given) -> Judged {
    let tailscale = match given.facts.tailscale.known() {
        Err(why) => return Judged::is_unknown(why),
        Ok(tailscale) => tailscale,
    };
    let mut judged = Judged::default();
    match tailnet(given.facts) {
        Tailnet::Up(ip) => {
            let name = &tailscale.dns_name;
            let ends = tailscale.key_expiry.as_deref().unwrap_or("never");
            judged.fine = format!("up as {name} at {ip}; node key ends: {ends}");
        }
        Tailnet::Down(why) => {
            judged.fail("state", why);
            judged.remedy(remedy(&tailscale.backend_state));
        }
        Tailnet::Unknown(why) => judged.unknown("state", why),
        Tailnet::Userspace => {
            let why =
                "every loopback listener can be reached from the tailnet (userspace networking)";
            judged.fail("userspace", why);
            judged.remedy("start tailscaled without --tun=userspace-networking");
            judged.flags.push("USERSPACE_NETWORKING");
        }
    }
    key(tailscale, given, &mut judged);
    funnel(&tailscale.funnel, &mut judged);
    for warning in &tailscale.health {
        judged.warn("health", warning.as_str());
    }
    match tailscale.ssh.known() {
        Ok(false) => {}
        Ok(true) => judged.notes.push(
            "tailscale itself answers on port 22 of the tailnet address (--ssh), not sshd".into(),
        ),
        Err(why) => judged.notes.push(format!("whether --ssh is on is not known: {why}")),
    }
    judged
}

fn remedy(state: &str) -> &'static str {
    match state {
        "NeedsLogin" => "log in: `tailscale login`",
        "NeedsMachineAuth" => "approve this machine in the admin console",
        "Stopped" => "run `tailscale up`",
        "NoState" | "Starting" => "wait a moment; if it stays so: `systemctl restart tailscaled`",
        _ => "run `tailscale status`, and look at `journalctl --unit tailscaled`",
    }
}

fn key(tailscale: &Tailscale, given: &Given, judged: &mut Judged) {
    let Some(text) = &tailscale.key_expiry else { return };
    let Ok(end) = text.parse::<Timestamp>() else {
        judged.unknown("node key", format!("its end {text:?} is not a time"));
        return;
    };
    let left = end.as_second().saturating_sub(given.now.as_second());
    let limit = i64::from(given.policy.tailscale.key_expiry_days);
    if left <= 0 && !tailscale.expired {
        judged.fail("node key", format!("it expired at {}", time::rfc3339_seconds(end)));
        judged.remedy("renew it now: `tailscale login`; a host without a key cannot be reached");
    } else if left > 0 && left < limit * DAY {
        judged.warn("node key", format!("it expires in {} days ({limit} are wanted)", left / DAY));
        judged.remedy("renew it (`tailscale login`), or disable key expiry in the admin console");
    }
}

fn funnel(funnel: &Seen<Vec<String>>, judged: &mut Judged) {
    match funnel.known() {
        Err(why) => judged.unknown("funnel", format!("whether one is on is not known: {why}")),
        Ok(open) => {
            for at in open {
                judged.fail(format!("funnel {at}"), "it publishes a loopback service to everybody");
                judged.remedy("switch it off: `tailscale funnel reset`");
                judged.flags.push("FUNNEL");
            }
        }
    }
}
