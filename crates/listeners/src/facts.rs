//! What was seen of this host's sockets, as a document that can be judged anywhere. No judgement here.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every TCP listener and unconnected UDP socket of one network namespace.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sockets {
    /// Where this was read, which decides how far it can be trusted.
    pub source: Source,
    /// The sockets, sorted by protocol, address and port.
    pub sockets: Vec<Socket>,
    /// Ports the kernel gives to sockets that ask for none (`ip_local_port_range`), if it told.
    pub ephemeral_ports: Option<PortRange>,
    /// Kinds of socket that nobody looked at, for example `raw` and `vsock`.
    pub not_looked_at: Vec<String>,
}

/// Where sockets were read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The kernel, by netlink `sock_diag`.
    Netlink,
    /// The kernel's tables in /proc/net, which tell neither `v6only` nor the interface.
    Proc,
    /// Text that `ss` printed: of a process it knows only the name, which any process can choose.
    SsText,
}

/// What is spoken on a socket.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP, and multipath TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite.
    Udplite,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The name as documents and messages have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Udplite => "udplite",
            Self::Sctp => "sctp",
        }
    }

    /// Whether it has no listening state: an unconnected socket hears everybody.
    pub fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::Udplite)
    }
}

/// One socket that can be reached by strangers, if they reach its address.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// What is spoken.
    pub protocol: Protocol,
    /// The local address as the kernel has it: mapped addresses (`::ffff:127.0.0.1`) stay mapped.
    pub address: IpAddr,
    /// Whether an IPv6 socket refuses IPv4; `None` where it does not apply or was not told.
    pub v6only: Option<bool>,
    /// The only interface it hears, if it is bound to one.
    pub interface: Option<String>,
    /// The local port.
    pub port: u16,
    /// The socket's inode; 0 when it was not told.
    pub inode: u32,
    /// Who made the socket (numeric user), if that was told.
    pub uid: Option<u32>,
    /// The processes that hold it.
    pub owners: Owners,
}

/// The processes that hold a socket.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owners {
    /// Nobody asked, for example because the address is private.
    NotAsked,
    /// They could not be found, and why. That is never the same as nobody.
    Unknown(String),
    /// These, at least one.
    Known(Vec<Owner>),
}

/// A process that holds a socket.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Process number.
    pub pid: u32,
    /// The name it goes by. Any process can choose any name.
    pub comm: String,
    /// The program file it runs, if that could be read.
    pub exe: Option<String>,
    /// Its control group below /sys/fs/cgroup, if that could be read.
    pub cgroup: Option<String>,
    /// The user it runs as (real id), if that could be read.
    pub uid: Option<u32>,
}

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl PortRange {
    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl Socket {
    /// The local end as people write it: `udp [fe80::1]%eth0:546`.
    pub fn name(&self) -> String {
        let host = match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let interface = self.interface.as_ref().map(|it| format!("%{it}")).unwrap_or_default();
        format!("{} {host}{interface}:{}", self.protocol.name(), self.port)
    }
}

impl Sockets {
    /// Puts sockets into the order of the document.
    pub(crate) fn sort(&mut self) {
        self.sockets.sort_by(|a, b| {
            let key = |it: &Socket| (it.protocol, it.address, it.port, it.inode);
            key(a).cmp(&key(b)).then_with(|| a.interface.cmp(&b.interface))
        });
    }
}
