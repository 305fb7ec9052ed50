//! What Tailscale and the kernel say of this node's tailnet address.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use ops_core::host::Host;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

use super::run;
use crate::facts::{Seen, Tailnet, TailscaleStatus};
use crate::places::Place;

pub(super) fn tailnet(host: &Host, place: &Place) -> Tailnet {
    let nothing = |program: Option<PathBuf>, why: &str| Tailnet {
        program,
        version: None,
        status: Err(why.into()),
        ipv4: Err(why.into()),
        takes_ssh: Err(why.into()),
        interface_addresses: interface_addresses(host, place),
        bind: Err(why.into()),
    };
    let Some(program) = host.find_program("tailscale") else {
        return nothing(None, "there is no program `tailscale`");
    };
    let ask = |args: &[&str]| run(host, &program, args.iter().copied()).map(|said| said.stdout);
    let status = match ask(&["status", "--json", "--peers=false"]).and_then(|said| status(&said)) {
        Ok(status) => status,
        // One question that hangs is enough.
        Err(why) => return nothing(Some(program.clone()), &why),
    };
    let ipv4 = ask(&["ip", "-4"]).and_then(|said| tailscale::addresses(&said));
    let bound = match ipv4.as_ref().ok().and_then(|all| all.first()) {
        Some(IpAddr::V4(address)) => can_bind(*address),
        _ => Err("there is no address to try".into()),
    };
    Tailnet {
        version: ask(&["version"])
            .ok()
            .and_then(|said| tailscale::version(&String::from_utf8_lossy(&said))),
        status: Ok(status),
        takes_ssh: ask(&["debug", "prefs"]).and_then(|said| tailscale::takes_ssh(&said)).or_else(
            |first| {
                let told = ask(&["get", "ssh"])?;
                let told = String::from_utf8_lossy(&told);
                told.trim()
                    .parse()
                    .map_err(|_| format!("{first}; `tailscale get ssh` said {told:?}"))
            },
        ),
        interface_addresses: interface_addresses(host, place),
        bind: bound,
        ipv4,
        program: Some(program),
    }
}

/// Binds a socket to the address for a moment, on a port of the kernel's choice. It never listens.
///
/// # Errors
/// What the kernel says.
fn can_bind(address: Ipv4Addr) -> Seen<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let bound = socket.and_then(|socket| bind(&socket, &SocketAddrV4::new(address, 0)));
    bound.map_err(|err| err.to_string())
}

fn status(bytes: &[u8]) -> Seen<TailscaleStatus> {
    let status = tailscale::status(bytes)?;
    let own = status.own.ok_or("`tailscale status --json` has no Self")?;
    Ok(TailscaleStatus {
        backend_state: status.backend_state,
        tun: status.tun.ok_or("`tailscale status --json` has no TUN")?,
        online: own.online,
        addresses: status.addresses.unwrap_or_default(),
        expired: own.expired,
        key_expiry: own.key_expiry().map(str::to_owned),
    })
}

/// The IPv4 addresses that the kernel holds for its own: its routing table names each `LOCAL`.
fn interface_addresses(host: &Host, place: &Place) -> Seen<Vec<IpAddr>> {
    let path = Path::new("/proc/net/fib_trie");
    let bytes =
        host.read(&place.at(path), 64 << 20).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok(local_addresses(&String::from_utf8_lossy(&bytes)))
}

/// The addresses that a text of the form of `/proc/net/fib_trie` calls `LOCAL`.
pub fn local_addresses(trie: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last.map(IpAddr::V4).filter(|address| !found.contains(address)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_every_kind_are_read_and_garbage_is_not() {
        let up = r#"{"Version":"1.98","TUN":true,"BackendState":"Running","TailscaleIPs":
            ["100.101.102.103","fd7a:115c:a1e0::1"],"Self":{"Online":true,"KeyExpiry":"2027-01-01T00:00:00Z"}}"#;
        let told = status(up.as_bytes()).unwrap();
        assert!(told.tun && told.online && !told.expired);
        assert_eq!(
            (told.addresses.len(), told.key_expiry.as_deref()),
            (2, Some("2027-01-01T00:00:00Z"))
        );
        let out =
            r#"{"TUN":true,"BackendState":"NeedsLogin","TailscaleIPs":null,"Self":{"OS":"linux"}}"#;
        let told = status(out.as_bytes()).unwrap();
        assert_eq!(
            (told.backend_state.as_str(), told.online, told.addresses.len()),
            ("NeedsLogin", false, 0)
        );
        for garbage in
            ["", "{}", "{\"BackendState\": \"Runn", r#"{"TUN":true,"BackendState":"Running"}"#]
        {
            assert!(status(garbage.as_bytes()).is_err(), "{garbage}");
        }
    }

    #[test]
    fn local_addresses_are_those_the_kernel_calls_its_own() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                    Local:\n     +-- 100.64.0.0/10 2 0 2\n        |-- 100.64.0.0\n           /10 link UNICAST\n\
                    \x20       |-- 100.64.1.2\n           /32 host LOCAL\n        |-- 127.255.255.255\n\
                    \x20          /32 link BROADCAST\n";
        assert_eq!(local_addresses(trie), ["100.64.1.2".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_bind_tells_own_addresses_from_others() {
        assert_eq!(can_bind(Ipv4Addr::LOCALHOST), Ok(()));
        assert!(can_bind(Ipv4Addr::new(192, 0, 2, 1)).is_err());
    }
}
