//! What tailscale says of itself, and the addresses that are really there.

use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seen;

/// An address on an interface, as the kernel has it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
}

/// What tailscale says of itself: `tailscale status --json --peers=false` and its neighbours.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tailscale {
    /// Version of the daemon.
    pub version: String,
    /// `NoState`, `InUseOtherUser`, `NeedsLogin`, `NeedsMachineAuth`, `Stopped`, `Starting` or
    /// `Running`. Only the last can be used.
    pub backend_state: String,
    /// Whether the daemon has an interface of its own; without it (userspace networking) every
    /// loopback listener can be reached from the tailnet. `None` when it did not tell.
    pub tun: Option<bool>,
    /// Whether this node is in touch with the control server.
    pub online: bool,
    /// The node's name in the tailnet, without the final dot; empty when it has none.
    pub dns_name: String,
    /// The node's addresses, as the daemon has them.
    pub addresses: Vec<IpAddr>,
    /// What `tailscale ip -4` prints first. It can be stale: the interface is asked too.
    pub ipv4: Seen<Ipv4Addr>,
    /// When the node key expires, RFC 3339; `None` when it never does.
    pub key_expiry: Option<String>,
    /// Whether the node key has expired.
    pub expired: bool,
    /// The daemon's own warnings.
    pub health: Vec<String>,
    /// The host:port pairs that a funnel publishes to everybody; foreground ones too.
    pub funnel: Seen<Vec<String>>,
    /// Whether tailscale answers on port 22 of the tailnet address itself (`--ssh`).
    pub ssh: Seen<bool>,
}
