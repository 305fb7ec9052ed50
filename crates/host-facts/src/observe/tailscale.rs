//! Asks the tailscale command. No judgement here.

use std::net::{IpAddr, Ipv4Addr};

use super::commands::Commands;
use crate::facts::{Seen, Tailscale};

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
        let status = tailscale::status(&status?)?;
        Ok(Tailscale {
            ipv4: ipv4.and_then(|bytes| first_ipv4(&bytes)).into(),
            funnel: funnel.and_then(|bytes| tailscale::funnels(&bytes)).into(),
            ssh: prefs.and_then(|bytes| tailscale::takes_ssh(&bytes)).into(),
            ..of(status)
        })
    })
}

fn of(status: tailscale::Status) -> Tailscale {
    let own = status.own.unwrap_or_default();
    Tailscale {
        version: status.version,
        backend_state: status.backend_state,
        tun: status.tun,
        online: own.online,
        dns_name: own.dns_name.trim_end_matches('.').to_owned(),
        addresses: status.addresses.unwrap_or_default(),
        ipv4: Seen::NotAsked,
        key_expiry: own.key_expiry().map(str::to_owned),
        expired: own.expired,
        health: status.health.unwrap_or_default(),
        funnel: Seen::NotAsked,
        ssh: Seen::NotAsked,
    }
}

fn first_ipv4(bytes: &[u8]) -> Result<Ipv4Addr, String> {
    match tailscale::addresses(bytes)?.first() {
        Some(IpAddr::V4(address)) => Ok(*address),
        _ => Err("`tailscale ip -4` said no IPv4 address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_logged_out_has_neither_name_nor_addresses() {
        let said = br#"{"BackendState":"NeedsLogin","TailscaleIPs":null}"#;
        let seen = of(tailscale::status(said).unwrap());
        assert_eq!((seen.dns_name.as_str(), seen.online, seen.addresses), ("", false, vec![]));
        let said = br#"{"BackendState":"Running","Self":{"DNSName":"a.example.ts.net."}}"#;
        assert_eq!(of(tailscale::status(said).unwrap()).dns_name, "a.example.ts.net");
    }

    #[test]
    fn the_first_address_is_one_of_ipv4() {
        assert_eq!(first_ipv4(b"100.64.0.1\n").unwrap(), Ipv4Addr::new(100, 64, 0, 1));
        assert!(first_ipv4(b"").is_err() && first_ipv4(b"fd7a::1\n").is_err());
    }
}
