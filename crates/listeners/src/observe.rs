//! Reads this host's sockets: netlink, else /proc, else `ss`. No judgement here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use ops_core::host::{Exec, Host};

use crate::facts::{Owners, Protocol, Socket, Sockets, Source};
use crate::{netlink, owners, proc, text};

/// Every protocol that is looked at.
const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Udplite];

/// How much `ss` may print, in bytes.
const LARGEST_SS: usize = 256 << 20;

/// For which sockets the processes that hold them are looked up: that, not reading the sockets, is
/// what takes time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// For none.
    Nobody,
    /// For those whose address is neither loopback nor in 100.64.0.0/10.
    Strangers,
    /// For all.
    Everybody,
}

/// Reads every TCP listener and unconnected UDP and UDP-Lite socket of the host's network namespace.
///
/// # Errors
/// Why it cannot be known what listens: this process is in another network namespace than process 1
/// or may not tell, or none of the three sources could be read. Then nothing was seen; that is never
/// the same as no sockets.
pub fn observe(host: &Host, ask: Ask) -> Result<Sockets, String> {
    in_hosts_namespace(host)?;
    let mut sockets = read(host)?;
    if ask != Ask::Nobody && sockets.source != Source::SsText {
        attach(host, ask, &mut sockets)?;
    }
    sockets.sort();
    Ok(sockets)
}

/// Compares this thread's namespace with process 1's by their links, which need power over that
/// process; without it by an inode that anyone may see: each namespace has a /proc/net of its own, and
/// no two of them share a number.
fn in_hosts_namespace(host: &Host) -> Result<(), String> {
    let link = |who: &str| host.read_link(Path::new(&format!("/proc/{who}/ns/net")));
    let inode = |who: &str| {
        let path = format!("/proc/{who}/net/dev");
        let entry = host.look(Path::new(&path)).map_err(|err| format!("{path}: {err}"))?;
        entry.map(|it| it.inode).ok_or(format!("{path}: not there"))
    };
    let is_same = match (link("thread-self"), link("1")) {
        (Ok(ours), Ok(hosts)) => ours == hosts,
        _ => inode("thread-self")? == inode("1")?,
    };
    if is_same {
        return Ok(());
    }
    let why = "this process is in another network namespace than process 1 of this host; run it \
               outside containers and without PrivateNetwork";
    Err(why.to_owned())
}

fn read(host: &Host) -> Result<Sockets, String> {
    let whole = |(sockets, missing): (Vec<Socket>, Vec<Protocol>), source| {
        let mut not_looked_at = vec!["raw".to_owned(), "packet".into(), "vsock".into()];
        // A protocol that the kernel does not know has no sockets, but its module may yet come.
        not_looked_at.extend(missing.iter().map(|it| it.name().to_owned()));
        not_looked_at.extend(has_sctp(host).then(|| "sctp".to_owned()));
        Sockets { source, sockets, ephemeral_ports: proc::ephemeral_ports(host), not_looked_at }
    };
    let by_netlink = match netlink::sockets(&PROTOCOLS) {
        Ok(found) => return Ok(whole(found, Source::Netlink)),
        Err(err) => err,
    };
    let by_proc = match proc::sockets(host, &PROTOCOLS) {
        Ok(found) => return Ok(whole(found, Source::Proc)),
        Err(err) => err,
    };
    let by_ss = match ask_ss(host) {
        Ok(found) => return Ok(found),
        Err(err) => err,
    };
    Err(format!("netlink: {by_netlink}; {by_proc}; ss: {by_ss}"))
}

fn has_sctp(host: &Host) -> bool {
    host.look(Path::new("/proc/thread-self/net/sctp")).is_ok_and(|it| it.is_some())
}

fn ask_ss(host: &Host) -> Result<Sockets, String> {
    let program = host.find_program("ss").ok_or("there is no such program")?;
    let mut exec = Exec::new(program, ["-H", "-t", "-u", "-l", "-n", "-p"]);
    exec.cap = LARGEST_SS;
    let said = host.run(&exec).map_err(|err| err.to_string())?;
    if !said.success() || said.truncated {
        let why = String::from_utf8_lossy(&said.stderr);
        return Err(format!("ended with {:?}: {}", said.ending, why.trim()));
    }
    let mut sockets = text::parse_ss(&said.stdout)?;
    sockets.ephemeral_ports = proc::ephemeral_ports(host);
    Ok(sockets)
}

fn attach(host: &Host, ask: Ask, sockets: &mut Sockets) -> Result<(), String> {
    let is_asked = |it: &Socket| ask == Ask::Everybody || !is_plainly_private(it.address);
    let inodes = sockets.sockets.iter().filter(|it| it.inode != 0 && is_asked(it));
    let inodes: BTreeSet<u32> = inodes.map(|it| it.inode).collect();
    let found = owners::owners(host, &inodes);
    let is_missing = |it: &Socket| {
        is_asked(it) && !found.as_ref().is_ok_and(|found| found.holders.contains_key(&it.inode))
    };
    // A socket that was closed while the processes were looked through has no holder and is none.
    let again = if sockets.sockets.iter().any(is_missing) { Some(read(host)?) } else { None };
    if let Some(again) = again {
        let key = |it: &Socket| (it.protocol, it.address, it.port, it.inode);
        let still: BTreeSet<_> = again.sockets.iter().map(key).collect();
        sockets.sockets.retain(|it| !is_missing(it) || still.contains(&key(it)));
    }
    for socket in sockets.sockets.iter_mut().filter(|it| is_asked(it)) {
        socket.owners = match &found {
            Err(why) => Owners::Unknown(why.clone()),
            Ok(found) => match found.holders.get(&socket.inode) {
                Some(holders) => Owners::Known(holders.clone()),
                None if found.unreadable > 0 => Owners::Unknown(format!(
                    "{} processes could not be looked into",
                    found.unreadable
                )),
                None => Owners::Unknown("no process here holds it".to_owned()),
            },
        };
    }
    Ok(())
}

/// Private by promise P1 whoever listens, so that its owner matters to nobody.
fn is_plainly_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            a == 127 || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
