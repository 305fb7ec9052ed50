//! No input makes anything panic, and what is printed as `ss` prints it is read back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use listeners::{
    Class, Context, Flag, Owner, Owners, Policy, Protocol, Socket, Sockets, Source, Verdict, audit,
    classify, parse_ss,
};
use proptest::prelude::*;

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|it| Ipv4Addr::from(it).into()),
        any::<[u8; 16]>().prop_map(|it| Ipv6Addr::from(it).into()),
        any::<[u8; 4]>().prop_map(|it| Ipv4Addr::from(it).to_ipv6_mapped().into()),
        any::<[u8; 2]>().prop_map(|[a, b]| Ipv4Addr::new(100, a, b, 1).into()),
        any::<[u8; 2]>().prop_map(|[a, b]| Ipv4Addr::new(127, a, b, 1).into()),
        Just(Ipv4Addr::UNSPECIFIED.into()),
        Just(Ipv6Addr::UNSPECIFIED.into()),
    ]
}

fn owner() -> impl Strategy<Value = Owner> {
    (1_u32..9, "[a-z() ,:]{0,9}|sshd|tailscaled|systemd").prop_map(|(pid, comm)| Owner {
        pid,
        comm,
        exe: None,
        cgroup: None,
        uid: None,
    })
}

fn socket() -> impl Strategy<Value = Socket> {
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Sctp)];
    let owners = prop::collection::vec(owner(), 0..3);
    let interface = prop::option::of("[a-z0-9.@-]{1,15}");
    (protocol, address(), interface, any::<u16>(), owners).prop_map(
        |(protocol, address, interface, port, mut owners)| {
            owners.dedup_by_key(|it| it.pid);
            let is_any_v6 = address == Ipv6Addr::UNSPECIFIED;
            let v6only = is_any_v6.then_some(port % 2 == 0);
            let owners = match owners.len() {
                2 if owners[0].pid == owners[1].pid => Owners::Known(owners[..1].to_vec()),
                0 => Owners::Unknown(String::new()),
                _ => Owners::Known(owners),
            };
            Socket { protocol, address, v6only, interface, port, inode: 0, uid: None, owners }
        },
    )
}

/// One line as iproute2 prints it since version 4.15.
fn print(socket: &Socket) -> String {
    let state = if socket.protocol.is_datagram() { "UNCONN" } else { "LISTEN" };
    let host = match socket.address {
        IpAddr::V6(it) if it.is_unspecified() && socket.v6only == Some(false) => "*".to_owned(),
        IpAddr::V6(it) => format!("[{it}]"),
        IpAddr::V4(it) => it.to_string(),
    };
    let interface = socket.interface.as_ref().map(|it| format!("%{it}")).unwrap_or_default();
    let users = match &socket.owners {
        Owners::Known(owners) => {
            let each = owners.iter().map(|it| format!("(\"{}\",pid={},fd=3)", it.comm, it.pid));
            format!("users:({})", each.collect::<Vec<_>>().join(","))
        }
        _ => String::new(),
    };
    let (kind, port) = (socket.protocol.name(), socket.port);
    format!("{kind} {state} 0      128   {host}{interface}:{port}   *:*  {users} \n")
}

fn facts(sockets: Vec<Socket>) -> Sockets {
    Sockets { source: Source::SsText, sockets, ephemeral_ports: None, not_looked_at: Vec::new() }
}

proptest! {
    #[test]
    fn what_ss_prints_is_read_back(sockets in prop::collection::vec(socket(), 1..9)) {
        let text: String = sockets.iter().map(print).collect();
        let mut found = parse_ss(text.as_bytes()).unwrap().sockets;
        prop_assert_eq!(found.len(), sockets.len());
        for socket in &sockets {
            let at = found.iter().position(|it| {
                let is_same = match (&it.owners, &socket.owners) {
                    (Owners::Known(a), Owners::Known(b)) => a == b,
                    (Owners::Unknown(_), Owners::Unknown(_)) => true,
                    _ => false,
                };
                is_same && it.name() == socket.name() && it.v6only == socket.v6only
            });
            prop_assert!(at.is_some(), "{:?} is not in {:?}", socket, found);
            found.swap_remove(at.unwrap());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<Vec<u8>>(), near in "(LISTEN|UNCONN|tcp|users:\\(\\(|[0-9*:.%\\[\\]\"(),= \n]){0,60}") {
        let _read = parse_ss(&text);
        let _read = parse_ss(near.as_bytes());
    }

    #[test]
    fn a_lost_byte_never_makes_a_socket_private(socket in socket(), at in any::<prop::sample::Index>()) {
        // Cutting text short may lose the owners or the line, and must never make it better.
        let line = print(&socket);
        let cut = at.index(line.len());
        prop_assume!(line.is_char_boundary(cut));
        let text = line.get(..cut).unwrap();
        if let Ok(found) = parse_ss(text.as_bytes()) {
            let (policy, context) = (Policy::default(), Context::default());
            let (whole, part) = (facts(vec![socket.clone()]), &found);
            let before = audit(Ok(&whole), &policy, &context).verdict;
            let after = audit(Ok(part), &policy, &context).verdict;
            prop_assert!(after >= before || found.sockets[0].port != socket.port, "{text}");
        }
    }

    #[test]
    fn every_socket_gets_one_answer_and_only_the_promised_ranges_are_private(socket in socket()) {
        let facts = facts(vec![socket.clone()]);
        let it = classify(&socket, &facts, &Policy::default(), &Context::default());
        let is_private = match socket.address.to_canonical() {
            IpAddr::V4(it) => it.is_loopback() || (it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64),
            IpAddr::V6(it) => it.is_loopback(),
        };
        prop_assert_eq!(it.class == Class::Private, is_private);
        prop_assert_eq!(it.class == Class::Public, it.verdict == Verdict::Fail);
        prop_assert!(it.flag != Some(Flag::SshdPublic) || it.class == Class::Public);
    }

    #[test]
    fn facts_go_through_json_unchanged(sockets in prop::collection::vec(socket(), 0..5)) {
        let facts = facts(sockets);
        let text = serde_json::to_vec(&facts).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Sockets>(&text).unwrap(), facts);
    }
}
