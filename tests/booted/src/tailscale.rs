//! What the stand-in for `tailscale` answers. Formats are those of tailscale 1.98:
//! `cmd/tailscale/cli/` (status, ip, serve, get, wait) and `ipn/ipnstate/ipnstate.go` there.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::base::TAILSCALE;
use crate::machine::Machine;
use crate::tailnet::DEFAULT_ADDRESS;

const FOLDER: &str = "/var/lib/booted/tailscale";
const VERSION: &str = "1.98.2-t0123456789-gabcdef012";
const OLD_VERSION: &str = "1.94.2-t0123456789-gabcdef012";
const NODE: &str = "booted.tail1234.ts.net";

/// tailscaled's state, by the names of ipn/backend.go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are tailscale's own, and say what there is to say")]
pub enum BackendState {
    NoState,
    InUseOtherUser,
    NeedsLogin,
    NeedsMachineAuth,
    Stopped,
    Starting,
    Running,
}

impl BackendState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::NoState,
        Self::InUseOtherUser,
        Self::NeedsLogin,
        Self::NeedsMachineAuth,
        Self::Stopped,
        Self::Starting,
        Self::Running,
    ];

    /// Whether the addresses are known: `tailscale ip` prints them then, even when stopped.
    fn has_addresses(self) -> bool {
        matches!(self, Self::Stopped | Self::Running)
    }

    fn is_logged_in(self) -> bool {
        !matches!(self, Self::NeedsLogin | Self::NoState | Self::InUseOtherUser)
    }
}

impl fmt::Display for BackendState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Where the backend's state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// From the machine: `Running` while `tailscale0` holds the first address, else `Starting`; with
    /// the unit tailscaled stopped, the command fails as it does without its daemon.
    Follows,
    /// Always this one, whatever the machine looks like.
    Says(BackendState),
}

/// What `serve status --json` tells about funnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Funnel {
    /// Nothing is served at all.
    Off,
    /// A service is served inside the tailnet only.
    ServeOnly,
    /// A funnel is on, and stays on over a restart.
    On,
    /// A funnel of a command in the foreground: it is told in another place.
    Foreground,
}

/// How the command itself goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never ends.
    Hang,
    /// It is not installed.
    Missing,
    /// It prints what is no JSON, and exits with 0.
    Garbage,
    /// Its daemon is not running.
    NotRunning,
}

/// What `tailscale` says about this node. The default is a healthy one that follows the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are tailscale's, and independent")]
pub struct State {
    /// `BackendState`.
    pub backend_state: Backend,
    /// `Self.Online`.
    pub online: bool,
    /// `TUN`: `false` is userspace networking.
    pub tun: bool,
    /// `TailscaleIPs`, where the backend's state lets them be known.
    pub ips: Vec<IpAddr>,
    /// `Self.KeyExpiry`, RFC 3339; absent when the key does not expire.
    pub key_expiry: Option<String>,
    /// `Self.Expired`.
    pub expired: bool,
    /// Whether `tailscale up --ssh` is on (the preference `RunSSH`).
    pub ssh: bool,
    /// What is served.
    pub funnel: Funnel,
    /// `Health`: warnings, for people.
    pub health: Vec<String>,
    /// A client of before 1.96, which has neither `wait` nor `ip --assert`.
    pub old: bool,
    /// How the command itself goes wrong.
    pub fault: Option<Fault>,
}

impl Default for State {
    fn default() -> Self {
        Self::of(DEFAULT_ADDRESS)
    }
}

impl State {
    /// A healthy node of this address, following the machine.
    pub fn of(address: IpAddr) -> Self {
        Self {
            backend_state: Backend::Follows,
            online: true,
            tun: true,
            ips: vec![address],
            key_expiry: None,
            expired: false,
            ssh: false,
            funnel: Funnel::Off,
            health: Vec::new(),
            old: false,
            fault: None,
        }
    }

    /// A node like the default one, whose backend is in this state.
    pub fn says(state: BackendState) -> Self {
        Self { backend_state: Backend::Says(state), ..Self::default() }
    }

    fn status(&self, backend: BackendState, peers: bool) -> Value {
        let ips = if backend.has_addresses() { json!(self.ips) } else { Value::Null };
        let connected = backend == BackendState::Running;
        let never = "0001-01-01T00:00:00Z";
        let mut own = json!({
            "ID": "nABC123CNTRL", "NodeID": 1, "PublicKey": "nodekey:aa", "HostName": "booted",
            "DNSName": if connected { format!("{NODE}.") } else { String::new() },
            "OS": "linux", "UserID": 123, "TailscaleIPs": ips,
            "Addrs": if connected { json!(["203.0.113.10:41641"]) } else { Value::Null },
            "CurAddr": "", "Relay": "", "PeerRelay": "", "RxBytes": 0, "TxBytes": 0,
            "Created": "2026-01-01T00:00:00Z", "LastWrite": never, "LastSeen": never,
            "LastHandshake": never, "Online": connected && self.online, "ExitNode": false,
            "ExitNodeOption": false, "Active": false, "PeerAPIURL": null, "TaildropTarget": 0,
            "NoFileSharingReason": "", "InNetworkMap": connected, "InMagicSock": false,
            "InEngine": false
        });
        if let Some(expiry) = &self.key_expiry {
            own["KeyExpiry"] = json!(expiry);
        }
        if self.expired {
            own["Expired"] = json!(true);
        }
        let peer = json!({
            "ID": "nDEF456CNTRL", "NodeID": 2, "PublicKey": "nodekey:bb", "HostName": "outside",
            "DNSName": "outside.tail1234.ts.net.", "OS": "linux", "UserID": 123,
            "TailscaleIPs": ["100.64.0.1"], "AllowedIPs": ["100.64.0.1/32"],
            "Online": true, "InNetworkMap": true
        });
        let tailnet = json!({
            "Name": "me@example.com", "MagicDNSSuffix": "tail1234.ts.net", "MagicDNSEnabled": true
        });
        let user = json!({"123": {"ID": 123, "LoginName": "me@example.com", "DisplayName": "Me"}});
        let when_connected = |value: Value| if connected { value } else { Value::Null };
        json!({
            "Version": if self.old { OLD_VERSION } else { VERSION }, "TUN": self.tun, "BackendState": backend.to_string(),
            "HaveNodeKey": backend.is_logged_in(), "AuthURL": "", "TailscaleIPs": ips,
            "Self": own, "Health": self.health, "MagicDNSSuffix": "tail1234.ts.net",
            "CurrentTailnet": when_connected(tailnet),
            "CertDomains": when_connected(json!([NODE])), "ExtraRecords": null,
            "Peer": if peers { when_connected(json!({"nodekey:bb": peer})) } else { Value::Null },
            "User": when_connected(user), "ClientVersion": null
        })
    }

    fn serve(&self) -> Value {
        let at = format!("{NODE}:443");
        let mut served = json!({
            "TCP": {"443": {"HTTPS": true}},
            "Web": {at.as_str(): {"Handlers": {"/": {"Proxy": "http://127.0.0.1:8787"}}}}
        });
        match self.funnel {
            Funnel::Off => return json!({}),
            Funnel::ServeOnly => {}
            Funnel::On => served["AllowFunnel"] = json!({at.as_str(): true}),
            Funnel::Foreground => {
                served["AllowFunnel"] = json!({at.as_str(): true});
                return json!({"Foreground": {"0123456789abcdef": served}});
            }
        }
        served
    }

    /// The files the stand-in reads, by name below its folder.
    fn files(&self) -> Vec<(String, String)> {
        let (phase, up, down) = match self.backend_state {
            Backend::Follows => ("follow", BackendState::Running, BackendState::Starting),
            Backend::Says(state) => ("up", state, state),
        };
        let pretty = |value: &Value| format!("{value:#}");
        let address = self.ips.first().map(ToString::to_string).unwrap_or_default();
        let mut files = vec![
            ("phase".to_owned(), phase.to_owned()),
            ("address".to_owned(), address),
            ("serve.json".to_owned(), pretty(&self.serve()) + "\n"),
            ("prefs.json".to_owned(), pretty(&json!({"RunSSH": self.ssh})) + "\n"),
        ];
        for (name, backend) in [("up", up), ("down", down)] {
            let known = if backend.has_addresses() { self.ips.as_slice() } else { &[] };
            let known: Vec<String> = known.iter().map(|ip| format!("{ip}\n")).collect();
            files.extend([
                (format!("{name}/backend"), backend.to_string()),
                // Without a newline at the end, as the real one prints it.
                (format!("{name}/status.json"), pretty(&self.status(backend, true))),
                (format!("{name}/status-nopeers.json"), pretty(&self.status(backend, false))),
                (format!("{name}/ips"), known.concat()),
            ]);
        }
        if self.old {
            files.push(("old".to_owned(), String::new()));
        }
        let fault = match self.fault {
            None | Some(Fault::Missing) => return files,
            Some(Fault::Hang) => "hang",
            Some(Fault::Garbage) => "garbage",
            Some(Fault::NotRunning) => "not-running",
        };
        files.push(("fault".to_owned(), fault.to_owned()));
        files
    }
}

impl Machine {
    /// Makes the stand-in for `tailscale` say this. It says it again after a reboot.
    #[track_caller]
    pub fn tailscale(&self, state: &State) {
        // One call: name, length and content of each file, read by the shell.
        let written = |(name, text): (String, String)| {
            format!("printf %s '{}' >{name}\n", text.replace('\'', "'\\''"))
        };
        let files: Vec<String> = state.files().into_iter().map(written).collect();
        let script = format!(
            "set -eu\numask 022\nrm -rf {FOLDER}.new\n\
             mkdir -p {FOLDER}.new/up {FOLDER}.new/down\ncd {FOLDER}.new\n{}\
             rm -rf {FOLDER}\nmv {FOLDER}.new {FOLDER}\n",
            files.concat()
        );
        drop(self.call(["sh"]).input(script).run().expect(0));
        if state.fault == Some(Fault::Missing) {
            drop(self.run(["rm", "-f", "/usr/bin/tailscale"]).expect(0));
        } else if self.read("/usr/bin/tailscale").is_none() {
            self.put("/usr/bin/tailscale", TAILSCALE, 0o755);
        }
    }
}
