//! What the tailscale command prints, read. Starts nothing and judges nothing.
//!
//! The shapes are those of tailscale's ipn/ipnstate, ipn/serve.go and ipn/prefs.go. What is not known
//! is passed over, since "this format has changed between releases"; what is missing is `None`.

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// `tailscale status --json`: the part that says how this node is.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// Such as `1.98.2-t0-g0`; may be empty.
    #[serde(default)]
    pub version: String,
    /// False in userspace networking; old releases do not say.
    #[serde(rename = "TUN", default)]
    pub tun: Option<bool>,
    /// `Running`, `Stopped`, `NeedsLogin`, …
    pub backend_state: String,
    /// This node's addresses; `null` while it has none.
    #[serde(rename = "TailscaleIPs", default)]
    pub addresses: Option<Vec<IpAddr>>,
    /// This node.
    #[serde(rename = "Self", default)]
    pub own: Option<Own>,
    /// What tailscaled complains of.
    #[serde(default)]
    pub health: Option<Vec<String>>,
}

/// This node, as the control server knows it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Own {
    /// Its full name, with the dot at its end.
    #[serde(rename = "DNSName", default)]
    pub dns_name: String,
    /// Whether the control server sees it.
    #[serde(default)]
    pub online: bool,
    /// Whether its key is expired.
    #[serde(default)]
    pub expired: bool,
    #[serde(default)]
    key_expiry: Option<String>,
}

impl Own {
    /// When its key expires, RFC 3339; `None`: never, for which Go's zero time stands too.
    pub fn key_expiry(&self) -> Option<&str> {
        self.key_expiry.as_deref().filter(|at| !at.starts_with("0001-"))
    }
}

/// Reads what `tailscale status --json` printed.
///
/// # Errors
/// Why it is none.
pub fn status(bytes: &[u8]) -> Result<Status, String> {
    json("tailscale status --json", bytes)
}

/// Whether `tailscale debug prefs` says that Tailscale itself answers on port 22.
///
/// # Errors
/// Why it cannot be told.
pub fn takes_ssh(bytes: &[u8]) -> Result<bool, String> {
    #[derive(Deserialize)]
    struct Prefs {
        #[serde(rename = "RunSSH")]
        run_ssh: bool,
    }
    json("tailscale debug prefs", bytes).map(|prefs: Prefs| prefs.run_ssh)
}

/// The addresses that `tailscale ip` printed, one a line, in its order.
///
/// # Errors
/// The line that is no address.
pub fn addresses(bytes: &[u8]) -> Result<Vec<IpAddr>, String> {
    let text = String::from_utf8_lossy(bytes);
    let address = |line: &str| {
        line.parse().map_err(|_| format!("`tailscale ip` said {line:?}, which is no address"))
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(address).collect()
}

/// Major and minor version from what `tailscale version` printed.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.lines().next()?.trim().split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The `host:port`s that `tailscale funnel status --json` says are open to the internet, sorted.
/// Read strictly: what is not understood could be a funnel.
///
/// # Errors
/// Why it is not understood.
pub fn funnels(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut open = Vec::new();
    open_in(&json("tailscale funnel status", bytes)?, &mut open)
        .ok_or("`tailscale funnel status` said what is not as documented")?;
    open.sort();
    open.dedup();
    Ok(open)
}

/// Collects what one configuration publishes, also those of foreground sessions within. `null` and
/// `{}` publish nothing; `None` when it is no configuration.
fn open_in(serve: &Value, open: &mut Vec<String>) -> Option<()> {
    let map = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(serde_json::Map::new()),
        Some(Value::Object(map)) => Some(map.clone()),
        Some(_) => None,
    };
    let serve = map(Some(serve))?;
    for (at, is_on) in map(serve.get("AllowFunnel"))? {
        if is_on.as_bool()? {
            open.push(at);
        }
    }
    map(serve.get("Foreground"))?.values().try_for_each(|session| open_in(session, open))
}

fn json<T: DeserializeOwned>(program: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes)
        .map_err(|err| format!("`{program}` said what is not as documented: {err}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_status_is_read_with_what_releases_leave_out_or_add() {
        let running = br#"{"Version":"1.98.2-t0-g0","TUN":true,"BackendState":"Running",
            "TailscaleIPs":["100.101.102.103","fd7a:115c:a1e0::1"],"Peer":null,"New":[1],
            "Self":{"DNSName":"a.example.ts.net.","Online":true,"KeyExpiry":"2027-01-01T00:00:00Z"},
            "Health":["one"]}"#;
        let seen = status(running).unwrap();
        let own = seen.own.unwrap();
        assert_eq!((seen.tun, own.online, own.expired), (Some(true), true, false));
        assert_eq!(own.dns_name, "a.example.ts.net.");
        assert_eq!(seen.addresses.unwrap().len(), 2);
        assert_eq!(own.key_expiry(), Some("2027-01-01T00:00:00Z"));
        let out = br#"{"BackendState":"NeedsLogin","TailscaleIPs":null,"Self":{"DNSName":"",
            "KeyExpiry":"0001-01-01T00:00:00Z"},"Health":null}"#;
        let seen = status(out).unwrap();
        assert_eq!((seen.backend_state.as_str(), seen.tun), ("NeedsLogin", None));
        assert_eq!((seen.own.unwrap().key_expiry(), seen.addresses), (None, None));
        for wrong in [&b""[..], b"{}", b"null", br#"{"BackendState":7}"#, b"\xff"] {
            assert!(status(wrong).is_err());
        }
    }

    #[test]
    fn a_funnel_is_found_wherever_it_is_written() {
        for (text, open) in [
            ("{}", vec![]),
            ("null\n", vec![]),
            (r#"{"TCP":{"443":{"HTTPS":true}},"AllowFunnel":{"a:443":false}}"#, vec![]),
            (r#"{"AllowFunnel":{"a:443":true}}"#, vec!["a:443"]),
            (
                r#"{"AllowFunnel":null,"Foreground":{"s":{"AllowFunnel":{"b:8443":true}}}}"#,
                vec!["b:8443"],
            ),
        ] {
            assert_eq!(funnels(text.as_bytes()).unwrap(), open, "{text}");
        }
        for wrong in [
            "",
            "[]",
            r#"{"AllowFunnel":{"a":1}}"#,
            r#"{"Foreground":{"s":[]}}"#,
            "No serve config",
        ] {
            assert!(funnels(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_versions_and_prefs_are_read_and_nothing_else_is_taken_for_them() {
        assert_eq!(addresses(b"100.64.1.2\n").unwrap(), ["100.64.1.2".parse::<IpAddr>().unwrap()]);
        assert_eq!(addresses(b"\n"), Ok(vec![]));
        assert!(addresses(b"no current Tailscale IPs\n").is_err() && addresses(b"\xff").is_err());
        assert_eq!(version("1.96.2\n  tailscale commit: x\n"), Some((1, 96)));
        assert_eq!(version("1.102.0-dev20260801-t1\n"), Some((1, 102)));
        assert_eq!(version("tailscale\n"), None);
        assert_eq!(takes_ssh(br#"{"ControlURL":"x","RunSSH":true}"#), Ok(true));
        assert!(takes_ssh(b"{}").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _told = (status(&bytes), takes_ssh(&bytes), addresses(&bytes), funnels(&bytes));
            let _told = version(&String::from_utf8_lossy(&bytes));
        }
    }
}
