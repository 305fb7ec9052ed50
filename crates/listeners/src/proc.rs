//! Sockets from the kernel's tables in /proc/net, for where netlink is not to be had. No judgement.
//!
//! The format is that of proc(5) and the kernel's `Documentation/networking/proc_net_tcp.rst`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ops_core::host::Host;

use crate::facts::{Owners, PortRange, Protocol, Socket};

/// This thread's own view: what netlink sees too.
const FOLDER: &str = "/proc/thread-self/net";

/// The largest table that is read, in bytes: over a million sockets.
const LARGEST: u64 = 256 << 20;

/// Every socket that strangers could reach, and the protocols that this kernel does not know.
///
/// # Errors
/// Why a table could not be read.
pub(crate) fn sockets(
    host: &Host,
    protocols: &[Protocol],
) -> Result<(Vec<Socket>, Vec<Protocol>), String> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let folder = Path::new(FOLDER);
    let has_ipv6 = host.look(&folder.join("if_inet6")).is_ok_and(|it| it.is_some());
    for &protocol in protocols {
        for suffix in ["", "6"] {
            let path = folder.join(format!("{}{suffix}", protocol.name()));
            match host.read(&path, LARGEST) {
                Ok(bytes) => {
                    let fault = |why| format!("{}: {why}", path.display());
                    found.extend(table(&bytes, protocol).map_err(fault)?);
                }
                Err(err) if err.kind() == io::ErrorKind::NotFound && suffix == "6" && !has_ipv6 => {
                }
                Err(err)
                    if err.kind() == io::ErrorKind::NotFound
                        && matches!(protocol, Protocol::Udplite | Protocol::Sctp) =>
                {
                    missing.push(protocol);
                    break;
                }
                Err(err) => return Err(format!("{}: {err}", path.display())),
            }
        }
    }
    Ok((found, missing))
}

/// Reads one table, of either address family.
pub(crate) fn table(bytes: &[u8], protocol: Protocol) -> Result<Vec<Socket>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
    let mut lines = text.lines();
    if !lines.next().is_some_and(|header| header.contains("local_address")) {
        return Err("has no header".to_owned());
    }
    let mut found = Vec::new();
    for line in lines {
        let (socket, hears_strangers) =
            row(line, protocol).ok_or_else(|| format!("cannot read the line {line:?}"))?;
        found.extend(hears_strangers.then_some(socket));
    }
    Ok(found)
}

/// One line: `sl local remote st queues timer retransmits uid timeout inode ...`. Tells
/// whether the socket hears others than its peer.
fn row(line: &str, protocol: Protocol) -> Option<(Socket, bool)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    // TCP_CLOSE and TCP_LISTEN of the kernel's net/tcp_states.h.
    let wanted = if protocol.is_datagram() { 7 } else { 10 };
    let socket = Socket {
        protocol,
        address: self::address(address)?,
        v6only: None,
        interface: None,
        port: u16::from_str_radix(port, 16).ok()?,
        inode,
        uid: Some(uid),
        owners: Owners::NotAsked,
    };
    Some((socket, state == wanted))
}

/// Words of memory in network order, each printed as a number of this machine's own order.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = hex.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(word, 16).ok().map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut octets = [0; 16];
            for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}

/// The ports that the kernel gives to sockets that ask for none; `None` when it does not tell.
pub(crate) fn ephemeral_ports(host: &Host) -> Option<PortRange> {
    let bytes = host.read(Path::new("/proc/sys/net/ipv4/ip_local_port_range"), 99).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let (Some(Ok(first)), Some(Ok(last)), None) = (numbers.next(), numbers.next(), numbers.next())
    else {
        return None;
    };
    Some(PortRange { first, last })
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    #[test]
    fn a_table_gives_its_listeners_and_passes_over_connections() {
        let rest = "00000000:00000000 00:00000000 00000000  1000        0 7 1 0 100 0 0 10 0";
        let cases = [
            ("00000000:0016", "0A", Some(("0.0.0.0", 22))),
            ("0100007F:0277", "0A", Some(("127.0.0.1", 631))),
            ("0100007F:0277", "01", None),
            ("0000000000000000FFFF00000100007F:1F90", "0A", Some(("::ffff:127.0.0.1", 8080))),
            ("000080FE000000000000000005000000:03F0", "0A", Some(("fe80::5", 1008))),
            ("B80D0120000000000000000005000000:FFFF", "0A", Some(("2001:db8::5", 65535))),
        ];
        for (local, state, expected) in cases {
            let text = format!("{HEADER}\n   0: {local} 00000000:0000 {state} {rest}\n");
            let found = table(text.as_bytes(), Protocol::Tcp).unwrap();
            let seen: Vec<_> = found.iter().map(|it| (it.address.to_string(), it.port)).collect();
            let expected: Vec<_> = expected.iter().map(|it| (String::from(it.0), it.1)).collect();
            assert_eq!(seen, expected, "{local}");
            assert!(found.iter().all(|it| (it.uid, it.inode) == (Some(1000), 7)));
        }
        assert_eq!(table(HEADER.as_bytes(), Protocol::Tcp), Ok(vec![]));
    }

    #[test]
    fn what_is_not_a_table_is_an_error_and_never_an_empty_one() {
        for text in [
            "",
            "\n",
            "nothing\n",
            &format!("{HEADER}\n   0: 0100007F:0277 00000000:0000 0A 00000000"),
            &format!("{HEADER}\n   0: 0100007F 00000000:0000 0A 0:0 0:0 0 0 0 7"),
            &format!("{HEADER}\n   0: 0100007:0277 00000000:0000 0A 0:0 0:0 0 0 0 7"),
            &format!("{HEADER}\n\n"),
        ] {
            assert!(table(text.as_bytes(), Protocol::Tcp).is_err(), "{text:?}");
        }
    }
}
