//! Step 10: does sshd listen where it should, and answer?

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use ops_core::host::Host;

use super::Fix;
use crate::decide::is_right;
use crate::facts::{Facts, Units};
use crate::observe;

/// How long to wait between two looks.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(3);

impl Fix<'_> {
    /// Waits until sshd listens there and nowhere else, and answers on each.
    pub(super) fn verify(
        &self,
        listen: &[SocketAddr],
        facts: &Facts,
        limit: Duration,
    ) -> Result<(), String> {
        let units = facts.units.as_ref().map_err(Clone::clone)?;
        self.until(limit, || {
            let now = observe::listening(&self.context.host, units)?;
            if !is_right(&now, listen) {
                return Err(format!("sshd listens on {}, expected {}", list(&now), list(listen)));
            }
            listen.iter().try_for_each(|socket| answers(*socket))
        })
    }

    /// Waits until sshd listens where a record says it did, and answers on each.
    pub(super) fn verify_old(
        &self,
        listen: &[SocketAddr],
        units: &Units,
        limit: Duration,
    ) -> Result<(), String> {
        self.until(limit, || {
            let now = observe::listening(&self.context.host, units)?;
            match listen.iter().find(|socket| !now.contains(socket)) {
                Some(lost) => Err(format!("sshd does not listen on {lost} as before")),
                None => listen.iter().try_for_each(|socket| answers(*socket)),
            }
        })
    }

    fn until(
        &self,
        limit: Duration,
        mut holds: impl FnMut() -> Result<(), String>,
    ) -> Result<(), String> {
        let end = self.context.host.ticks() + limit;
        loop {
            let told = holds();
            if told.is_ok() || self.context.host.ticks() >= end {
                return told;
            }
            self.context.host.pause(BETWEEN);
        }
    }
}

fn list(sockets: &[SocketAddr]) -> String {
    let all: Vec<String> = sockets.iter().map(ToString::to_string).collect();
    if all.is_empty() { "nothing".into() } else { all.join(", ") }
}

/// Whether an SSH server greets on that socket. An address that means all is asked on loopback.
///
/// # Errors
/// What happened instead.
fn answers(socket: SocketAddr) -> Result<(), String> {
    let ip = match socket.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let socket = SocketAddr::new(ip, socket.port());
    let told = |err: std::io::Error| format!("sshd does not answer on {socket}: {err}");
    let mut stream = TcpStream::connect_timeout(&socket, CONNECT).map_err(told)?;
    stream.set_read_timeout(Some(CONNECT)).map_err(told)?;
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).map_err(told)?;
    if &greeting == b"SSH-" {
        Ok(())
    } else {
        Err(format!("{socket} is answered, but not by sshd"))
    }
}

/// Waits until the address is this machine's, as sshd's service does before it starts. Returns
/// whether it came in time.
pub fn wait_address(host: &Host, address: Ipv4Addr, limit: Duration) -> bool {
    let end = host.ticks() + limit;
    loop {
        let trie = host.read(Path::new("/proc/net/fib_trie"), 64 << 20).unwrap_or_default();
        if observe::local_addresses(&String::from_utf8_lossy(&trie)).contains(&IpAddr::V4(address))
        {
            return true;
        }
        if host.ticks() >= end {
            return false;
        }
        host.pause(BETWEEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_there_is_not_waited_for_and_another_is_given_up() {
        let host = Host::real();
        assert!(wait_address(&host, Ipv4Addr::LOCALHOST, Duration::ZERO));
        assert!(!wait_address(&host, Ipv4Addr::new(192, 0, 2, 1), Duration::ZERO));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a server to ask, on loopback")]
    fn only_a_greeting_of_ssh_counts_as_an_answer() {
        for (greeting, want) in [("SSH-2.0-x\r\n", true), ("HTTP/1.1 400\r\n", false), ("", false)]
        {
            let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let at = server.local_addr().unwrap();
            let thread = std::thread::spawn(move || {
                use std::io::Write;
                server.accept().unwrap().0.write_all(greeting.as_bytes()).unwrap();
            });
            let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), at.port());
            assert_eq!(answers(any).is_ok(), want, "{greeting}");
            thread.join().unwrap();
        }
    }
}
