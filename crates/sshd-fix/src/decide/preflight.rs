//! Step 1: may the fix run at all, and for which address?

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ops_core::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;
use crate::facts::Facts;

/// What stands in the way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The caller is not root.
    NotRoot,
    /// Tailscale could not be asked.
    TailscaleUnknown,
    /// Tailscale is not up.
    TailscaleDown,
    /// Tailscale is up without a network interface.
    UserspaceNetworking,
    /// The node key is expired or about to be.
    KeyExpiry,
    /// No tailnet IPv4 address, or not on an interface, or it cannot be bound.
    NoAddress,
    /// `tailscale --ssh` is on, or whether it is could not be told.
    TailscaleSsh,
    /// sshd's configuration cannot be read, or not be edited safely.
    Config,
    /// systemd could not be asked, or knows no single service that is sshd.
    Service,
    /// The service starts sshd with options that set addresses.
    CommandLine,
    /// The machine is not as it was when the plan was made.
    Stale,
}

/// No: nothing was and will be touched.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What stands in the way.
    pub why: Why,
    /// What was expected and found, for people.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

impl Refusal {
    /// Makes one.
    pub fn new(why: Why, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { why, found: found.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found, self.remedy)
    }
}

impl std::error::Error for Refusal {}

/// Whether an address is in 100.64.0.0/10 and can be a node's: Tailscale leaves 100.115.92.0/23
/// out and keeps 100.100.100.100 for itself.
fn is_node_address(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let in_range = a == 100 && (64..128).contains(&b);
    in_range && !(b == 115 && (92..94).contains(&c)) && address != Ipv4Addr::new(100, 100, 100, 100)
}

/// Returns the address sshd is to listen on.
///
/// # Errors
/// The first thing that stands in the way. Whatever is unknown does.
pub fn preflight(facts: &Facts, policy: &Policy) -> Result<Ipv4Addr, Refusal> {
    if !facts.is_root {
        return Err(Refusal::new(Why::NotRoot, "this needs root", "run it as root"));
    }
    let tailnet = &facts.tailnet;
    let unknown = |why: &String| {
        let found = format!("the state of Tailscale is unknown: {why}");
        Refusal::new(
            Why::TailscaleUnknown,
            found,
            "make `tailscale status` work, then run it again",
        )
    };
    let status = tailnet.status.as_ref().map_err(unknown)?;
    if status.backend_state != "Running" || !status.online {
        let found = match status.backend_state.as_str() {
            "Running" => "Tailscale is running but not connected to its control server".to_owned(),
            state => format!("Tailscale is not up: its state is {state}, expected Running"),
        };
        return Err(Refusal::new(Why::TailscaleDown, found, "run `tailscale up`, then this again"));
    }
    if !status.tun {
        return Err(Refusal::new(
            Why::UserspaceNetworking,
            "Tailscale runs in userspace networking: there is no interface for sshd to listen on",
            "run tailscaled with a TUN device",
        ));
    }
    key_validity(facts, policy.key_validity)?;
    let address = address(facts)?;
    match &tailnet.takes_ssh {
        Ok(false) => Ok(address),
        Ok(true) => Err(Refusal::new(
            Why::TailscaleSsh,
            "Tailscale SSH is on: it takes port 22 of the tailnet address away from sshd",
            "run `tailscale set --ssh=false`, or keep Tailscale SSH and switch sshd off",
        )),
        Err(why) => Err(Refusal::new(
            Why::TailscaleSsh,
            format!("whether Tailscale SSH is on is unknown: {why}"),
            "make `tailscale debug prefs` work, then run it again",
        )),
    }
}

fn key_validity(facts: &Facts, needed: Duration) -> Result<(), Refusal> {
    let Ok(status) = &facts.tailnet.status else { return Ok(()) };
    let refuse = |found: String| {
        let remedy = "renew the key (`tailscale up --force-reauth`) or switch its expiry off: \
                      behind an expired key an sshd on the tailnet cannot be reached";
        Err(Refusal::new(Why::KeyExpiry, found, remedy))
    };
    if status.expired {
        return refuse("the node key is expired".into());
    }
    let Some(expiry) = &status.key_expiry else { return Ok(()) };
    let (expires, now): (Result<time::Timestamp, _>, Result<time::Timestamp, _>) =
        (expiry.parse(), facts.taken_at.parse());
    let (Ok(expires), Ok(now)) = (expires, now) else {
        return refuse(format!("when the node key expires is unknown: {expiry:?}"));
    };
    let left = Duration::try_from(expires.duration_since(now)).unwrap_or_default();
    if left < needed {
        let days = needed.as_secs() / 86_400;
        return refuse(format!("the node key expires at {expiry}; {days} days are needed"));
    }
    Ok(())
}

fn address(facts: &Facts) -> Result<Ipv4Addr, Refusal> {
    let tailnet = &facts.tailnet;
    let refuse = |found: String| {
        let remedy = "see `tailscale ip -4` and `ip address show dev tailscale0`";
        Refusal::new(Why::NoAddress, found, remedy)
    };
    let told = tailnet
        .ipv4
        .as_ref()
        .map_err(|why| refuse(format!("`tailscale ip -4` told no address: {why}")))?;
    let Some(IpAddr::V4(address)) = told.first().copied() else {
        return Err(refuse("this node has no tailnet IPv4 address".into()));
    };
    if !is_node_address(address) {
        let range = "100.64.0.0/10 as Tailscale gives them out";
        return Err(refuse(format!("{address} is not an address of {range}")));
    }
    let is_own =
        |status: &crate::facts::TailscaleStatus| status.addresses.contains(&IpAddr::V4(address));
    if !tailnet.status.as_ref().is_ok_and(is_own) {
        return Err(refuse(format!("`tailscale status` does not know {address} as this node's")));
    }
    match &tailnet.interface_addresses {
        Err(why) => Err(refuse(format!("addresses of interfaces are unknown: {why}"))),
        Ok(all) if !all.contains(&IpAddr::V4(address)) => {
            Err(refuse(format!("{address} is on no network interface")))
        }
        Ok(_) => match &tailnet.bind {
            Err(why) => Err(refuse(format!("{address} cannot be bound: {why}"))),
            Ok(()) => Ok(address),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn status(facts: &mut Facts) -> &mut crate::facts::TailscaleStatus {
        facts.tailnet.status.as_mut().unwrap()
    }

    #[test]
    fn whatever_stands_in_the_way_or_is_unknown_refuses() {
        type Change = fn(&mut Facts);
        let rows: &[(&str, Change, Result<(), Why>)] = &[
            ("all well", |_| (), Ok(())),
            ("not root", |it| it.is_root = false, Err(Why::NotRoot)),
            ("unknown", |it| it.tailnet.status = Err("x".into()), Err(Why::TailscaleUnknown)),
            ("down", |it| status(it).backend_state = "Stopped".into(), Err(Why::TailscaleDown)),
            (
                "starting",
                |it| status(it).backend_state = "Starting".into(),
                Err(Why::TailscaleDown),
            ),
            ("offline", |it| status(it).online = false, Err(Why::TailscaleDown)),
            ("userspace", |it| status(it).tun = false, Err(Why::UserspaceNetworking)),
            ("expired", |it| status(it).expired = true, Err(Why::KeyExpiry)),
            (
                "expires tomorrow",
                |it| status(it).key_expiry = Some("2026-11-22T08:00:00Z".into()),
                Err(Why::KeyExpiry),
            ),
            (
                "expired long ago",
                |it| status(it).key_expiry = Some("2020-11-22T08:00:00Z".into()),
                Err(Why::KeyExpiry),
            ),
            (
                "unreadable expiry",
                |it| status(it).key_expiry = Some("soon".into()),
                Err(Why::KeyExpiry),
            ),
            (
                "expires in a month",
                |it| status(it).key_expiry = Some("2026-12-22T08:00:00Z".into()),
                Ok(()),
            ),
            ("no IPv4", |it| it.tailnet.ipv4 = Ok(vec![]), Err(Why::NoAddress)),
            ("asked in vain", |it| it.tailnet.ipv4 = Err("x".into()), Err(Why::NoAddress)),
            (
                "a public address",
                |it| it.tailnet.ipv4 = Ok(vec!["198.51.100.7".parse().unwrap()]),
                Err(Why::NoAddress),
            ),
            (
                "the service address",
                |it| it.tailnet.ipv4 = Ok(vec!["100.100.100.100".parse().unwrap()]),
                Err(Why::NoAddress),
            ),
            ("another's", |it| status(it).addresses.clear(), Err(Why::NoAddress)),
            (
                "on no interface",
                |it| it.tailnet.interface_addresses = Ok(vec!["127.0.0.1".parse().unwrap()]),
                Err(Why::NoAddress),
            ),
            (
                "interfaces unknown",
                |it| it.tailnet.interface_addresses = Err("x".into()),
                Err(Why::NoAddress),
            ),
            ("not bindable", |it| it.tailnet.bind = Err("x".into()), Err(Why::NoAddress)),
            ("tailscale ssh", |it| it.tailnet.takes_ssh = Ok(true), Err(Why::TailscaleSsh)),
            ("ssh unknown", |it| it.tailnet.takes_ssh = Err("x".into()), Err(Why::TailscaleSsh)),
        ];
        for (name, change, want) in rows {
            let mut facts = sample::public_sshd();
            change(&mut facts);
            let told = preflight(&facts, &sample::policy());
            assert_eq!(told.map(|_| ()).map_err(|refusal| refusal.why), *want, "{name}");
        }
    }

    #[test]
    fn only_addresses_that_tailscale_gives_out_count() {
        for (address, want) in [
            ("100.64.0.1", true),
            ("100.127.255.254", true),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("100.115.92.1", false),
            ("100.115.94.1", true),
            ("100.100.100.100", false),
        ] {
            assert_eq!(is_node_address(address.parse().unwrap()), want, "{address}");
        }
    }
}
