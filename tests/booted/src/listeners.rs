//! What `ss` says, read.

use std::net::{IpAddr, Ipv6Addr};

/// A socket that takes connections or datagrams.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The local address; `*` (both families) is read as `::`.
    pub address: IpAddr,
    /// The local port.
    pub port: u16,
    /// The name of the first process that holds it; empty when none is shown.
    pub process: String,
}

/// The lines of `ss -Htulnp`.
pub(crate) fn parse(text: &str) -> Vec<Listener> {
    let mut found: Vec<Listener> = text
        .lines()
        .map(|line| of_line(line).unwrap_or_else(|| panic!("ss says {line:?}")))
        .collect();
    found.sort();
    found
}

fn of_line(line: &str) -> Option<Listener> {
    let mut words = line.split_whitespace();
    let protocol = words.next()?.to_owned();
    let (address, port) = words.nth(3)?.rsplit_once(':')?;
    let address = address.split('%').next()?.trim_start_matches('[').trim_end_matches(']');
    let address =
        if address == "*" { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { address.parse().ok()? };
    let process = line.split_once("users:((\"").and_then(|(_, after)| after.split('"').next());
    Some(Listener {
        protocol,
        address,
        port: port.parse().ok()?,
        process: process.unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_an_address_is_read() {
        let text = "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=38,fd=3))\n\
                    tcp LISTEN 0 128 [::]:22 [::]:* users:((\"sshd\",pid=38,fd=4))\n\
                    tcp LISTEN 0 5 *:8080 *:* \n\
                    udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:((\"a b\",pid=1,fd=2))\n";
        let shown: Vec<String> = parse(text)
            .iter()
            .map(|it| format!("{} {} {} {}", it.protocol, it.address, it.port, it.process))
            .collect();
        let wanted =
            ["tcp 0.0.0.0 22 sshd", "tcp :: 22 sshd", "tcp :: 8080 ", "udp 127.0.0.53 53 a b"];
        assert_eq!(shown, wanted);
    }
}
