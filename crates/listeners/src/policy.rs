//! What may listen where: policy as data. Its default is promise P1.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::Protocol;

/// Who may listen where.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Ranges of addresses that count as private. The wildcard addresses are public whatever is
    /// written here. Tailscale's IPv6 range `fd7a:115c:a1e0::/48` is not among the defaults.
    pub private: Vec<Range>,
    /// An address in 100.64.0.0/10 that is not one of this node's own: carrier NAT, some clouds.
    pub foreign_tailnet: Strictness,
    /// An unconnected UDP socket on a public address whose port the kernel chose and whose owner is
    /// known: mostly a client that waits for an answer.
    pub ephemeral_udp: Strictness,
    /// What may listen on a public address, whoever holds it.
    pub allowed: Vec<Exception>,
    /// How the process that may listen on any address is recognised.
    pub tailscaled: Tailscaled,
    /// Ports on which a socket that systemd holds counts as sshd's.
    pub sshd_ports: Vec<u16>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// It is told and does not fail the audit.
    Warn,
    /// It fails the audit.
    Fail,
}

/// One port that may be open to everybody.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// What is spoken.
    pub protocol: Protocol,
    /// The local port.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Only on addresses of this range; on any when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Range>,
    /// Why, for the report.
    #[schemars(length(min = 1))]
    pub why: String,
}

/// What tailscaled looks like: one of these programs, in one of these control groups, both.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tailscaled {
    /// Absolute paths of the program.
    pub executables: Vec<String>,
    /// Control groups, from the root. Whole paths: a user can name a unit of their own
    /// `tailscaled.service`, but only below their own slice.
    pub cgroups: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        let udp = |port, why: &str| Exception {
            protocol: Protocol::Udp,
            port,
            addresses: None,
            why: why.to_owned(),
        };
        Self {
            private: ["127.0.0.0/8", "::1/128", "100.64.0.0/10"].map(range).into(),
            foreign_tailnet: Strictness::Warn,
            ephemeral_udp: Strictness::Warn,
            allowed: vec![udp(68, "DHCP client"), udp(41641, "Tailscale's own port")],
            tailscaled: Tailscaled::default(),
            sshd_ports: vec![22],
        }
    }
}

impl Default for Tailscaled {
    fn default() -> Self {
        Self {
            executables: ["/usr/sbin/tailscaled", "/usr/bin/tailscaled"].map(String::from).into(),
            cgroups: vec!["/system.slice/tailscaled.service".to_owned()],
        }
    }
}

fn range(text: &str) -> Range {
    Range::try_from(text.to_owned()).expect("a range written in this file is one")
}

/// A range of addresses, written `100.64.0.0/10`.
///
/// It holds mapped addresses too: `::ffff:100.64.0.1` is in 100.64.0.0/10.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Range(IpNet);

impl Range {
    /// Whether the address, or the IPv4 address mapped in it, is in the range.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether it is 100.64.0.0/10, which Tailscale shares with carriers.
    pub(crate) fn is_tailnet(self) -> bool {
        self.0.network() == IpAddr::from([100, 64, 0, 0]) && self.0.prefix_len() == 10
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    /// # Errors
    /// What is wrong with the text: no range, bits beyond its length, a range of everything, or a
    /// range of mapped addresses (which would never match: addresses are unmapped first).
    fn try_from(text: String) -> Result<Self, String> {
        let net: IpNet =
            text.parse().map_err(|_| format!("{text:?} is not a range like 100.64.0.0/10"))?;
        let mapped = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
        if net.trunc() != net {
            return Err(format!("{text:?} has bits beyond its length; meant is {}?", net.trunc()));
        }
        if net.prefix_len() == 0 {
            return Err(format!("{text:?} is every address there is"));
        }
        if matches!(net, IpNet::V6(net) if mapped.contains(&net)) {
            return Err(format!("{text:?} holds mapped addresses: write it as IPv4"));
        }
        Ok(Self(net))
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.0.to_string()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Range {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A range of addresses, for example 100.64.0.0/10 or fd00::/8.",
            "pattern": "^[0-9a-fA-F.:]+/[0-9]{1,3}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_promise_p1() {
        let policy = Policy::default();
        let ranges: Vec<String> = policy.private.iter().map(Range::to_string).collect();
        assert_eq!(ranges, ["127.0.0.0/8", "::1/128", "100.64.0.0/10"]);
        let ports: Vec<_> = policy.allowed.iter().map(|it| (it.protocol, it.port)).collect();
        assert_eq!(ports, [(Protocol::Udp, 68), (Protocol::Udp, 41641)]);
        let empty: Policy = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, policy);
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }

    #[test]
    fn ranges_that_say_more_or_less_than_they_seem_to_are_refused() {
        for right in ["10.0.0.0/8", "fd7a:115c:a1e0::/48", "192.0.2.7/32", "::1/128"] {
            assert_eq!(Range::try_from(right.to_owned()).unwrap().to_string(), right);
        }
        for (wrong, why) in [
            ("", "not a range"),
            ("10.0.0.1", "not a range"),
            ("10.0.0.0/33", "not a range"),
            ("10.0.0.1/8", "beyond its length"),
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
            ("::ffff:10.0.0.0/104", "write it as IPv4"),
        ] {
            let said = Range::try_from(wrong.to_owned()).unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
        }
        let unknown = serde_json::from_str::<Policy>(r#"{"privat":[]}"#);
        assert!(unknown.is_err(), "a misspelt key is refused");
    }

    #[test]
    fn a_range_holds_mapped_addresses() {
        let range = range("100.64.0.0/10");
        for (address, is_in) in [
            ("100.64.0.0", true),
            ("100.127.255.255", true),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("::ffff:100.64.0.1", true),
            ("::100.64.0.1", false),
        ] {
            assert_eq!(range.contains(address.parse().unwrap()), is_in, "{address}");
        }
    }
}
