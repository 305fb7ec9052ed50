//! Asks the kernel for sockets by netlink `sock_diag`, filtered by state on its side. No judgement.
//!
//! The question and the answers are documented in `sock_diag(7)`; the attribute for `v6only` in
//! `linux/inet_diag.h`.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE,
};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};

use crate::facts::{Owners, Protocol, Socket};

/// How long the kernel may keep us waiting for a message.
const DEADLINE: Duration = Duration::from_secs(5);

/// The largest message the kernel makes for a dump.
const LARGEST: usize = 32 * 1024;

/// How often a table that changed while it was told is asked for again.
const TRIES: u32 = 3;

/// Every socket of these protocols that strangers could reach. Protocols that this kernel does not
/// know are named in the second part.
pub(crate) fn sockets(protocols: &[Protocol]) -> io::Result<(Vec<Socket>, Vec<Protocol>)> {
    let mut kernel = Kernel::connect()?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for &protocol in protocols {
        for family in [AF_INET, AF_INET6] {
            match kernel.dump(protocol, family) {
                Ok(sockets) => found.extend(sockets),
                Err(err) if is_unknown(&err) && !matches!(protocol, Protocol::Tcp) => {
                    missing.push(protocol);
                    break;
                }
                Err(err) => return Err(err),
            }
        }
    }
    Ok((found, missing))
}

/// Whether the kernel says that it has nobody who could answer for this protocol.
fn is_unknown(err: &io::Error) -> bool {
    let code = err.raw_os_error();
    [Errno::NOENT, Errno::OPNOTSUPP].iter().any(|it| code == Some(it.raw_os_error()))
}

struct Kernel {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
    interfaces: HashMap<u32, String>,
}

impl Kernel {
    fn connect() -> io::Result<Self> {
        let protocol = Some(netlink::SOCK_DIAG);
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(DEADLINE))?;
        // Port 0 is the kernel: nobody else can answer.
        rustix::net::connect(&socket, &netlink::SocketAddrNetlink::new(0, 0))?;
        let buffer = vec![0; LARGEST];
        Ok(Self { socket, buffer, sequence: 0, interfaces: HashMap::new() })
    }

    fn dump(&mut self, protocol: Protocol, family: u8) -> io::Result<Vec<Socket>> {
        for _ in 0..TRIES {
            if let Some(sockets) = self.dump_once(protocol, family)? {
                return Ok(sockets);
            }
        }
        Err(io::Error::other("the table of sockets kept changing while it was read"))
    }

    /// `None` when the kernel says that the answer is not of one piece.
    fn dump_once(&mut self, protocol: Protocol, family: u8) -> io::Result<Option<Vec<Socket>>> {
        self.sequence += 1;
        rustix::net::send(
            &self.socket,
            &request(protocol, family, self.sequence),
            SendFlags::empty(),
        )?;
        let (mut found, mut is_whole) = (Vec::new(), true);
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let received = self.receive(&mut buffer);
            let done = received.and_then(|length| {
                let bytes = buffer.get(..length).ok_or_else(|| odd("a message was cut"))?;
                self.messages(bytes, protocol, &mut found, &mut is_whole)
            });
            self.buffer = buffer;
            if done? {
                return Ok(is_whole.then_some(found));
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // With TRUNC the length is the message's own, so a cut one can be told.
            let received = rustix::net::recvfrom(&self.socket, &mut *buffer, RecvFlags::TRUNC);
            match received {
                Ok((_, length, Some(from))) => match netlink::SocketAddrNetlink::try_from(from) {
                    Ok(from) if from.pid() == 0 => return Ok(length),
                    _ => {}
                },
                Ok((_, _, None)) => return Err(odd("a message came from nowhere")),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
                Err(err) => return Err(err.into()),
            }
        }
    }

    /// Reads the messages of one datagram; true when the last of the dump was among them.
    fn messages(
        &mut self,
        mut bytes: &[u8],
        protocol: Protocol,
        found: &mut Vec<Socket>,
        is_whole: &mut bool,
    ) -> io::Result<bool> {
        while !bytes.is_empty() {
            let message =
                NetlinkMessage::<SockDiagMessage>::deserialize(bytes).map_err(io::Error::other)?;
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
            let padded = length.next_multiple_of(4).clamp(1, bytes.len());
            bytes = bytes.get(padded..).unwrap_or_default();
            if message.header.sequence_number != self.sequence {
                continue;
            }
            *is_whole &= message.header.flags & NLM_F_DUMP_INTR == 0;
            match message.payload {
                NetlinkPayload::Done(done) if done.code == 0 => return Ok(true),
                NetlinkPayload::Done(done) => {
                    return Err(io::Error::from_raw_os_error(done.code.saturating_abs()));
                }
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::Overrun(_) => return Err(odd("messages were lost")),
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    found.push(self.socket(protocol, &response));
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn socket(&mut self, protocol: Protocol, response: &InetResponse) -> Socket {
        let header = &response.header;
        let v6only = response.nlas.iter().find_map(|it| match it {
            Nla::SkV6Only(v6only) => Some(*v6only),
            _ => None,
        });
        let interface = match header.socket_id.interface_id {
            0 => None,
            index => Some(self.interface(index)),
        };
        Socket {
            protocol,
            address: header.socket_id.source_address,
            v6only,
            interface,
            port: header.socket_id.source_port,
            inode: header.inode,
            uid: Some(header.uid),
            owners: Owners::NotAsked,
        }
    }

    /// The name of an interface, or its number when it has gone.
    fn interface(&mut self, index: u32) -> String {
        let name = || rustix::net::netdevice::index_to_name(&self.socket, index);
        let entry = self.interfaces.entry(index);
        entry.or_insert_with(|| name().unwrap_or_else(|_| format!("if{index}"))).clone()
    }
}

fn request(protocol: Protocol, family: u8, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let question = InetRequest {
        family,
        protocol: match protocol {
            Protocol::Tcp => IPPROTO_TCP,
            Protocol::Udp => IPPROTO_UDP,
            Protocol::Udplite => IPPROTO_UDPLITE,
            Protocol::Sctp => IPPROTO_SCTP,
        },
        extensions: ExtensionFlags::empty(),
        // Listening only: with CLOSE beside it the kernel would walk every TCP socket there is. A
        // datagram socket that is connected to nobody is in CLOSE.
        states: if protocol.is_datagram() { StateFlags::CLOSE } else { StateFlags::LISTEN },
        socket_id: SocketId::new_v4(),
    };
    let question = SockDiagMessage::InetRequest(question);
    let mut message = NetlinkMessage::new(header, question.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
