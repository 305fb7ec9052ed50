//! Asks the tailscale command. No judgement here.
//!
//! The shapes are those of tailscale's ipn/ipnstate, ipn/serve.go and ipn/prefs.go; what is not
//! known is passed over, since "this format has changed between releases".

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;
use serde_json::Value;

use super::commands::{Commands, json};
use crate::facts::{Seen, Tailscale};

/// `tailscale status --json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    #[serde(default)]
    version: String,
    #[serde(rename = "TUN", default)]
    tun: Option<bool>,
    backend_state: String,
    #[serde(rename = "TailscaleIPs", default)]
    addresses: Option<Vec<IpAddr>>,
    #[serde(rename = "Self", default)]
    own: Option<Own>,
    #[serde(default)]
    health: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Own {
    #[serde(rename = "DNSName", default)]
    dns_name: String,
    #[serde(default)]
    online: bool,
    #[serde(default)]
    expired: bool,
    #[serde(default)]
    key_expiry: Option<String>,
}

/// `tailscale debug prefs`.
#[derive(Deserialize)]
struct Prefs {
    #[serde(rename = "RunSSH")]
    run_ssh: bool,
}

/// The four calls run at the same time.
pub(super) fn tailscale(commands: &Commands) -> Result<Tailscale, String> {
    let said = |args: &'static [&'static str]| move || commands.output("tailscale", args);
    std::thread::scope(|scope| {
        let ipv4 = scope.spawn(said(&["ip", "-4"]));
        let funnel = scope.spawn(said(&["funnel", "status", "--json"]));
        let prefs = scope.spawn(said(&["debug", "prefs"]));
        let status = said(&["status", "--json", "--peers=false"])();
        let broke = |_| Err("its collector broke off".to_owned());
        let ipv4 = ipv4.join().unwrap_or_else(broke);
        let funnel = funnel.join().unwrap_or_else(broke);
        let prefs = prefs.join().unwrap_or_else(broke);
        let mut tailscale = self::status(&status?)?;
        tailscale.ipv4 = ipv4.and_then(|bytes| first_ipv4(&bytes)).into();
        tailscale.funnel = funnel.and_then(|bytes| self::funnel(&bytes)).into();
        tailscale.ssh = prefs.and_then(|bytes| ssh(&bytes)).into();
        Ok(tailscale)
    })
}

fn status(bytes: &[u8]) -> Result<Tailscale, String> {
    let status: Status = json("tailscale status", bytes)?;
    let (dns_name, online, expired, key_expiry) = match status.own {
        Some(own) => (own.dns_name, own.online, own.expired, own.key_expiry),
        None => (String::new(), false, false, None),
    };
    Ok(Tailscale {
        version: status.version,
        backend_state: status.backend_state,
        tun: status.tun,
        online,
        dns_name: dns_name.trim_end_matches('.').to_owned(),
        addresses: status.addresses.unwrap_or_default(),
        ipv4: Seen::NotAsked,
        // Go's zero time stands for "never".
        key_expiry: key_expiry.filter(|at| !at.starts_with("0001-")),
        expired,
        health: status.health.unwrap_or_default(),
        funnel: Seen::NotAsked,
        ssh: Seen::NotAsked,
    })
}

fn first_ipv4(bytes: &[u8]) -> Result<Ipv4Addr, String> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default().trim();
    first.parse().map_err(|_| format!("`tailscale ip -4` said {first:?}, which is no IPv4 address"))
}

/// Reads `tailscale funnel status --json` strictly: what is not understood could be a funnel.
fn funnel(bytes: &[u8]) -> Result<Vec<String>, String> {
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

fn ssh(bytes: &[u8]) -> Result<bool, String> {
    json("tailscale debug prefs", bytes).map(|prefs: Prefs| prefs.run_ssh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_with_what_releases_leave_out_or_add() {
        let running = br#"{"Version":"1.98.2-t0-g0","TUN":true,"BackendState":"Running",
            "TailscaleIPs":["100.101.102.103","fd7a:115c:a1e0::1"],"Peer":null,"New":[1],
            "Self":{"DNSName":"a.example.ts.net.","Online":true,"KeyExpiry":"2027-01-01T00:00:00Z"},
            "Health":["one"]}"#;
        let seen = status(running).unwrap();
        assert_eq!((seen.tun, seen.online, seen.expired), (Some(true), true, false));
        assert_eq!(seen.dns_name, "a.example.ts.net");
        assert_eq!(seen.addresses.len(), 2);
        assert_eq!(seen.key_expiry.as_deref(), Some("2027-01-01T00:00:00Z"));
        let out = br#"{"BackendState":"NeedsLogin","TailscaleIPs":null,"Self":{"DNSName":"",
            "KeyExpiry":"0001-01-01T00:00:00Z"},"Health":null}"#;
        let seen = status(out).unwrap();
        assert_eq!(
            (seen.backend_state.as_str(), seen.tun, seen.online),
            ("NeedsLogin", None, false)
        );
        assert_eq!((seen.key_expiry, seen.addresses), (None, vec![]));
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
            assert_eq!(funnel(text.as_bytes()).unwrap(), open, "{text}");
        }
        for wrong in [
            "",
            "[]",
            r#"{"AllowFunnel":{"a":1}}"#,
            r#"{"Foreground":{"s":[]}}"#,
            "No serve config",
        ] {
            assert!(funnel(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_one_and_prefs_tell_of_ssh() {
        assert_eq!(first_ipv4(b"100.64.0.1\n").unwrap(), Ipv4Addr::new(100, 64, 0, 1));
        assert!(first_ipv4(b"").is_err() && first_ipv4(b"fd7a::1\n").is_err());
        assert_eq!(ssh(br#"{"ControlURL":"x","RunSSH":true}"#), Ok(true));
        assert!(ssh(b"{}").is_err());
    }
}
