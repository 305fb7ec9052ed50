//! Captured `ss` output, old and new, read strictly into facts. No judgement here.
//!
//! Lines come from `ss -tlnp`, `-tulnp`, with or without `-H` and `-e`, or `ss state listening`. The
//! format is iproute2's misc/ss.c. Before version 4.15 it wrote `*:22` for 0.0.0.0:22 and `:::22` for
//! [::]:22; since then `*:22` is an IPv6 socket that hears IPv4 too.

mod users;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::facts::{Owners, Protocol, Socket, Sockets, Source};

/// What `ss` calls sockets that are not judged here.
const PASSED_OVER: [&str; 17] = [
    "raw", "icmp", "icmp6", "dccp", "p_raw", "p_dgr", "u_str", "u_seq", "u_dgr", "nl", "v_str",
    "v_dgr", "ti_rd", "ti_sq", "ti_st", "ti_dg", "xdp",
];

/// States of sockets that hear only their peer, or nobody.
const DEAF: [&str; 11] = [
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSE-WAIT",
    "LAST-ACK",
    "CLOSING",
    "CLOSED",
    "UNCONN",
];

/// Reads what `ss` printed. Bytes that are no UTF-8 can only be in process names; they are replaced.
///
/// A line with neither kind nor state is taken for TCP, the stricter reading. Connections are passed
/// over. Which ports are ephemeral is not in the text: `ephemeral_ports` is `None`, and the caller
/// may fill it in.
///
/// # Errors
/// The first line that cannot be read, by number; or that there is no listening socket at all.
pub fn parse_ss(text: &[u8]) -> Result<Sockets, String> {
    let text = String::from_utf8_lossy(text);
    let mut rows: Vec<Option<Row>> = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let read = add(line, &mut rows);
        read.map_err(|why| format!("line {}: {why}: {:?}", at + 1, shorten(line)))?;
    }
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    // Only the old form has IPv6 addresses without brackets.
    let is_old = rows.iter().any(|row| row.is_bare_v6);
    let mut not_looked_at = vec!["raw".to_owned(), "packet".into(), "vsock".into()];
    let sockets: Vec<Socket> = rows.into_iter().map(|row| row.finish(is_old)).collect();
    if sockets.is_empty() {
        return Err("there is no listening socket in the text".to_owned());
    }
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Udplite, Protocol::Sctp] {
        if !sockets.iter().any(|it| it.protocol == protocol) {
            not_looked_at.push(protocol.name().to_owned());
        }
    }
    let mut found =
        Sockets { source: Source::SsText, sockets, ephemeral_ports: None, not_looked_at };
    found.sort();
    Ok(found)
}

fn shorten(line: &str) -> String {
    line.chars().take(200).collect()
}

/// A socket that hears strangers, before it is known which version of `ss` wrote its line.
#[derive(Debug)]
struct Row {
    protocol: Protocol,
    host: Host,
    is_bare_v6: bool,
    interface: Option<String>,
    port: u16,
    extra: users::Extra,
}

#[derive(Clone, Copy, Debug)]
enum Host {
    /// `*`
    Star,
    Address(IpAddr),
}

impl Row {
    fn finish(self, is_old: bool) -> Socket {
        let (address, v6only) = match self.host {
            Host::Star if is_old => (Ipv4Addr::UNSPECIFIED.into(), None),
            Host::Star => (Ipv6Addr::UNSPECIFIED.into(), Some(false)),
            Host::Address(address) if is_old => (address, None),
            Host::Address(address) if address == Ipv6Addr::UNSPECIFIED => (address, Some(true)),
            Host::Address(address) => (address, None),
        };
        let owners = self.extra.owners.map_or_else(
            || Owners::Unknown("ss told no process: it needs -p, and root".to_owned()),
            Owners::Known,
        );
        Socket {
            protocol: self.protocol,
            address,
            v6only: self.extra.v6only.or(v6only),
            interface: self.interface,
            port: self.port,
            inode: self.extra.inode.unwrap_or(0),
            uid: self.extra.uid,
            owners,
        }
    }
}

/// Adds what one line says: `None` for a socket that is passed over.
fn add(line: &str, rows: &mut Vec<Option<Row>>) -> Result<(), &'static str> {
    let start = line.trim_start();
    if start.is_empty() || is_header(start) {
        return Ok(());
    }
    // On a narrow terminal the processes are on a line of their own.
    if start.len() < line.len() && start.starts_with("users:(") {
        let extra = users::extra(start)?;
        match rows.last_mut() {
            Some(Some(row)) if row.extra == users::Extra::default() => row.extra = extra,
            Some(None) => {}
            _ => return Err("processes of no socket"),
        }
        return Ok(());
    }
    rows.push(row(start)?);
    Ok(())
}

fn is_header(line: &str) -> bool {
    ["Netid", "State", "Recv-Q"].iter().any(|it| line.starts_with(it))
        && line.contains("Local Address")
}

/// `[Netid] [State] Recv-Q Send-Q Local:Port Peer:Port [more]`.
fn row(line: &str) -> Result<Option<Row>, &'static str> {
    let mut rest = line;
    let mut word = next(&mut rest)?;
    let mut kind = None;
    if is_kind(word) {
        kind = Some(word);
        word = next(&mut rest)?;
    }
    let mut state = None;
    if word == "LISTEN" || DEAF.contains(&word) {
        state = Some(word);
        word = next(&mut rest)?;
    }
    let protocol = match (kind, state) {
        (Some("tcp" | "mptcp"), _) => Protocol::Tcp,
        (Some("udp"), _) | (None, Some("UNCONN")) => Protocol::Udp,
        (Some("sctp"), _) => Protocol::Sctp,
        (Some(_), _) => return Ok(None),
        (None, _) => Protocol::Tcp,
    };
    let is_count = |word: &str| word.parse::<u64>().is_ok();
    if !is_count(word) || !is_count(next(&mut rest)?) {
        return Err("expected kind, state and two counts");
    }
    let local = next(&mut rest)?;
    let (host, port) = local.rsplit_once(':').ok_or("the local address has no port")?;
    let port = port.parse().map_err(|_| "the local port is no number (ss needs -n)")?;
    let (host, is_bare_v6, interface) = self::host(host).ok_or("the local address is none")?;
    let (_, peer_port) = next(&mut rest)?.rsplit_once(':').ok_or("the peer has no port")?;
    if peer_port != "*" && peer_port.parse::<u16>().is_err() {
        return Err("the peer's port is no number (ss needs -n)");
    }
    let extra = users::extra(rest.trim())?;
    let hears_strangers = match state {
        None | Some("LISTEN") => true,
        Some(state) => protocol.is_datagram() && state == "UNCONN",
    };
    let interface = interface.map(str::to_owned);
    let row = Row { protocol, host, is_bare_v6, interface, port, extra };
    Ok(hears_strangers.then_some(row))
}

fn is_kind(word: &str) -> bool {
    ["tcp", "mptcp", "udp", "sctp"].contains(&word) || PASSED_OVER.contains(&word)
}

fn next<'a>(rest: &mut &'a str) -> Result<&'a str, &'static str> {
    let start = rest.trim_start();
    let end = start.find(char::is_whitespace).unwrap_or(start.len());
    let (word, left) = start.split_at(end);
    *rest = left;
    if word.is_empty() { Err("the line ends too early") } else { Ok(word) }
}

/// `*`, `0.0.0.0`, `[::]`, `::`, each also with an interface: `127.0.0.53%lo`, `[fe80::1]%eth0`,
/// `[fe80::1%eth0]`, `fe80::1%eth0`. Tells whether it is IPv6 without brackets.
fn host(text: &str) -> Option<(Host, bool, Option<&str>)> {
    let (address, is_bracketed, interface) = if let Some(rest) = text.strip_prefix('[') {
        let (inner, outer) = rest.split_once(']')?;
        let outer = if outer.is_empty() { None } else { Some(outer.strip_prefix('%')?) };
        let (address, interface) = scoped(inner);
        if outer.is_some() && interface.is_some() {
            return None;
        }
        (address, true, outer.or(interface))
    } else {
        let (address, interface) = scoped(text);
        (address, false, interface)
    };
    if interface.is_some_and(str::is_empty) {
        return None;
    }
    if address == "*" && !is_bracketed {
        return Some((Host::Star, false, interface));
    }
    let address: IpAddr = address.parse().ok()?;
    if is_bracketed && address.is_ipv4() {
        return None;
    }
    Some((Host::Address(address), address.is_ipv6() && !is_bracketed, interface))
}

fn scoped(text: &str) -> (&str, Option<&str>) {
    text.split_once('%').map_or((text, None), |(address, interface)| (address, Some(interface)))
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
