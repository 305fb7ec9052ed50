//! The world outside of a machine: a network namespace with one computer in it, joined to the
//! machine by a cable (the public address) and by a tunnel (the tailnet).

use std::io::{Read, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};

use crate::holds_within;
use crate::machine::Machine;
use crate::ran::{Call, Ran, children, handle};

/// The machine's address on `eth0`, from a documentation range.
pub const PUBLIC_ADDRESS: &str = "203.0.113.10";
/// Its address of version 6 on `eth0`.
pub const PUBLIC_ADDRESS_V6: &str = "2001:db8::10";

/// The way into a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// To the public address, through `eth0`.
    Public,
    /// To the tailnet address, through `tailscale0`.
    Tailnet,
}

/// How a port answered to a connection from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Accepted; what was said within two seconds, at most one line.
    Open(String),
    /// Nobody listens.
    Refused,
    /// No answer: nothing is there, or packets are dropped.
    Silent,
}

/// No ssh session came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// What ssh said.
    pub said: String,
}

impl Machine {
    /// Plugs the cable in and lets packets for 100.64.0.0/10 through a tunnel over it. The machine's
    /// end is its unit tailscaled.
    pub(crate) fn connect_outside(&mut self) {
        let script = "ip address add 203.0.113.1/24 dev public0 && \
                      ip address add 2001:db8::1/64 dev public0 nodad && ip link set public0 up";
        drop(Call::new(self.held.inside(), ["sh", "-c", script]).run().expect(0));
        let tunnel = self.outside([
            "socat",
            "TUN,tun-name=tailnet0,tun-type=tun,iff-no-pi,iff-up",
            "UDP4-DATAGRAM:203.0.113.10:41641,bind=203.0.113.1:41641",
        ]);
        self.tunnel = Some(tunnel.start());
    }

    /// A command on the computer outside, as root.
    pub fn outside<'a>(&self, argv: impl IntoIterator<Item = &'a str>) -> Call {
        let all = ["chroot", "/run/outside"].into_iter().chain(argv);
        Call::new(self.held.inside(), all)
    }

    /// Connects to a TCP port from outside. Which way the packets take follows from the address.
    #[track_caller]
    pub fn knock(&self, address: IpAddr, port: u16) -> Answer {
        let kind = if address.is_ipv4() { "TCP4" } else { "TCP6" };
        let address = if address.is_ipv4() { address.to_string() } else { format!("[{address}]") };
        let to = format!("{kind}:{address}:{port},connect-timeout=2");
        let ran = self.outside(["timeout", "2.5", "socat", "-u", &to, "STDOUT"]).run();
        match ran.code {
            // Ended by the other side, or still open when the time was over.
            0 => Answer::Open(first_line(&ran.stdout)),
            124 if !ran.stderr.contains(" E ") => Answer::Open(first_line(&ran.stdout)),
            _ if ran.stderr.contains("Connection refused") => Answer::Refused,
            _ => Answer::Silent,
        }
    }

    /// Whether an sshd answers there from outside.
    #[track_caller]
    pub fn ssh_from_outside(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_string();
        let argv = ["ssh-keyscan", "-T", "2", "-p", &port.to_string(), &address];
        !self.outside(argv).run().stdout.is_empty()
    }

    /// Logs in from outside with ssh as root, with a key of this machine's own, and runs a command
    /// of the shell. The host key is checked.
    ///
    /// # Errors
    /// ssh's own code 255: no connection, or not let in.
    #[track_caller]
    pub fn ssh(&self, over: Over, command: &str) -> Result<Ran, Unreachable> {
        let ran = self.outside(self.ssh_argv(over, command).iter().map(String::as_str)).run();
        if ran.code == 255 { Err(Unreachable { said: ran.stderr }) } else { Ok(ran) }
    }

    /// Logs in from outside and stays.
    ///
    /// # Errors
    /// As [`Machine::ssh`].
    #[track_caller]
    pub fn ssh_session(&self, over: Over) -> Result<Session, Unreachable> {
        let mut enter = self.held.inside();
        enter.args(["chroot", "/run/outside"]).args(self.ssh_argv(over, "sh"));
        enter.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = enter.spawn().expect("nsenter starts");
        let input = child.stdin.take().expect("standard input");
        let mut output = child.stdout.take().expect("standard output");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
                said.extend_from_slice(&buffer[..count]);
            }
        });
        let mut session = Session { child, input, said, asked: 0 };
        match session.run("true") {
            Some(_) => Ok(session),
            None => Err(Unreachable { said: "the session did not answer".to_owned() }),
        }
    }

    fn ssh_argv(&self, over: Over, command: &str) -> Vec<String> {
        let address = match over {
            Over::Public => PUBLIC_ADDRESS.to_owned(),
            Over::Tailnet => self.tailnet_address().to_string(),
        };
        let options = [
            "BatchMode=yes",
            "ConnectTimeout=3",
            "HostKeyAlias=machine",
            "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no",
        ];
        let mut argv: Vec<String> = ["ssh", "-F", "none"].map(str::to_owned).into();
        argv.extend(options.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]));
        argv.extend([format!("root@{address}"), "--".to_owned(), command.to_owned()]);
        argv
    }
}

fn first_line(said: &str) -> String {
    said.lines().next().unwrap_or_default().trim_end().to_owned()
}

/// An ssh session that stays open. Dropping it ends it.
#[derive(Debug)]
pub struct Session {
    child: Child,
    input: ChildStdin,
    said: Arc<Mutex<Vec<u8>>>,
    asked: u32,
}

impl Session {
    /// Runs a command of the shell in it and returns what it says on standard output; `None` when
    /// the session is dead or does not answer within ten seconds.
    pub fn run(&mut self, command: &str) -> Option<String> {
        self.asked += 1;
        let mark = format!("booted-{}-done", self.asked);
        // The mark is put together there, so that an echoed command is not taken for its end.
        let asked = format!("{command}\nprintf 'booted-%s-done\\n' {}\n", self.asked);
        self.input.write_all(asked.as_bytes()).ok()?;
        let mut answer = None;
        holds_within(Duration::from_secs(10), || {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&said).into_owned();
            answer = text.split_once(&mark).map(|(before, _)| before.to_owned());
            if answer.is_some() {
                said.clear();
            }
            answer.is_some() || self.child.try_wait().is_ok_and(|status| status.is_some())
        });
        answer.map(|text| text.trim_start_matches('\n').to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(ssh) = children(self.child.id()).first().and_then(|&pid| handle(pid)) {
            // Ended already is fine too.
            let _ = pidfd_send_signal(&ssh, Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
