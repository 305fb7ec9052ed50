//! Where sshd, or systemd for it, listens.

use std::net::SocketAddr;
use std::path::Path;

use listeners::{Ask, Owner, Owners, Protocol};
use ops_core::host::Host;

use crate::facts::{Seen, Units};

/// Where sshd itself, or systemd for it, listens for TCP. What its sessions forward (`ssh -R`, X11)
/// is not counted: no configuration of where sshd listens changes it.
///
/// # Errors
/// Why it cannot be known.
pub fn listening(host: &Host, units: &Units) -> Seen<Vec<SocketAddr>> {
    let sockets = listeners::observe(host, Ask::Everybody)?;
    let held: Vec<u16> =
        units.sockets.iter().flat_map(|it| &it.listens).filter_map(|it| port(it)).collect();
    let mut found = Vec::new();
    for socket in sockets.sockets.iter().filter(|it| it.protocol == Protocol::Tcp) {
        let owners = match &socket.owners {
            Owners::Known(owners) => owners.as_slice(),
            // Somebody's, perhaps sshd's. A port of sshd's makes it so.
            Owners::Unknown(why) if held.contains(&socket.port) || socket.port == 22 => {
                return Err(format!("who holds {} is unknown: {why}", socket.name()));
            }
            Owners::Unknown(_) | Owners::NotAsked => &[],
        };
        let is_held = |it: &Owner| it.pid == 1 && held.contains(&socket.port);
        if owners.iter().any(|it| is_held(it) || is_daemon(host, it)) {
            found.push(SocketAddr::new(socket.address.to_canonical(), socket.port));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The port of what a socket unit listens on: `[::]:22 (Stream)`, `22 (Stream)`.
fn port(listen: &str) -> Option<u16> {
    let address = listen.split_whitespace().next()?;
    address.rsplit(':').next()?.parse().ok()
}

/// Whether a process is sshd and not one of its sessions, which set a title of another form.
fn is_daemon(host: &Host, owner: &Owner) -> bool {
    let file = owner.exe.as_deref().map(|it| it.trim_end_matches(" (deleted)"));
    let name = file.and_then(|it| it.rsplit('/').next()).unwrap_or(&owner.comm);
    if !matches!(name, "sshd" | "sshd-session") {
        return false;
    }
    let path = format!("/proc/{}/cmdline", owner.pid);
    let title = host.read_start(Path::new(&path), 4096).unwrap_or_default();
    !is_session(&title)
}

fn is_session(title: &[u8]) -> bool {
    let is_titled = [&b"sshd: "[..], b"sshd-session: "].iter().any(|it| title.starts_with(it));
    is_titled && !title.windows(10).any(|it| it == b"[listener]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_told_from_the_daemon_and_ports_are_read() {
        for (title, want) in [
            ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", false),
            ("/usr/sbin/sshd\0-D\0", false),
            ("sshd: someone [priv]", true),
            ("sshd-session: someone@pts/0", true),
            ("", false),
        ] {
            assert_eq!(is_session(title.as_bytes()), want, "{title}");
        }
        for (listen, want) in [
            ("[::]:22 (Stream)", Some(22)),
            ("0.0.0.0:2222 (Stream)", Some(2222)),
            ("22", Some(22)),
            ("/run/x (Stream)", None),
            ("", None),
        ] {
            assert_eq!(port(listen), want, "{listen}");
        }
    }
}
