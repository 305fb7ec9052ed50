//! Real sockets in private namespaces, read back by netlink, from /proc and by `ss`.
//!
//! Each outer test starts this test binary again inside `unshare`, to run the inner one that is
//! marked as ignored.
#![expect(clippy::disallowed_methods, reason = "tests bind sockets and start processes")]

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::*;
use crate::{Context, Policy, Verdict, audit};

#[test]
fn only_loopback_and_the_tailnet_range_are_plainly_private() {
    for (address, expected) in [
        ("127.0.0.1", true),
        ("127.255.255.255", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("100.64.0.1", true),
        ("100.127.255.255", true),
        ("::ffff:100.64.0.1", true),
        ("100.63.255.255", false),
        ("100.128.0.0", false),
        ("0.0.0.0", false),
        ("::", false),
        ("fe80::1", false),
        ("fd7a:115c:a1e0::1", false),
        ("192.0.2.1", false),
    ] {
        assert_eq!(is_plainly_private(address.parse().unwrap()), expected, "{address}");
    }
}

/// Runs an inner test with these options of `unshare`, or says why it cannot.
fn inside(options: &[&str], inner: &str) {
    let unshare = |argv: &[&str], stderr: Stdio| {
        let mut command = Command::new("unshare");
        command.args(options).args(argv).stderr(stderr).output()
    };
    let setup = "ip link set lo up && ip addr add 100.64.0.7/32 dev lo && \
                 ip addr add 192.0.2.1/32 dev lo && ip -6 addr add 2001:db8::5/128 dev lo nodad && \
                 ip -6 addr add fe80::5/64 dev lo nodad";
    match unshare(&["sh", "-c", setup], Stdio::piped()) {
        Ok(done) if done.status.success() => {}
        Ok(done) => {
            let why = String::from_utf8_lossy(&done.stderr);
            let why = format_args!("no private namespace here: {why}");
            return skipped::told(skipped::this_test(), why);
        }
        Err(err) => {
            return skipped::told(skipped::this_test(), format_args!("unshare: {err}"));
        }
    }
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let name = format!("observe::tests::{inner}");
    let run = format!("{setup} && exec \"$0\" --exact \"$1\" --ignored --nocapture");
    // What the inner test skips is told where everybody hears it.
    let done = unshare(&["sh", "-c", &run, program, &name], Stdio::inherit()).unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

/// A network of its own, and processes of its own, so that process 1 is in it.
const HOST: [&str; 5] = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];

#[test]
fn every_kind_of_socket_is_read_back_the_same_by_netlink_and_proc_and_ss() {
    inside(&HOST, "inner_every_kind");
}

#[test]
fn another_network_namespace_than_the_hosts_is_no_answer() {
    inside(&["--net"], "inner_another_namespace");
}

#[test]
fn a_host_without_any_socket_is_unknown() {
    inside(&HOST, "inner_no_socket");
}

#[test]
#[ignore = "run inside a private namespace by a_host_without_any_socket_is_unknown"]
fn inner_no_socket() {
    let seen = observe(&Host::real(), Ask::Everybody).unwrap();
    assert_eq!((seen.sockets.len(), seen.source), (0, Source::Netlink));
    let it = audit(Ok(&seen), &Policy::default(), &Context::default());
    assert_eq!(it.verdict, Verdict::Unknown);
}

#[test]
#[ignore = "run inside a private namespace by another_network_namespace_than_the_hosts_is_no_answer"]
fn inner_another_namespace() {
    let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let why = observe(&Host::real(), Ask::Nobody).unwrap_err();
    assert!(why.contains("another network namespace"), "{why}");
}

/// Binds by hand, for options that std has no word for.
fn bind(kind: SocketType, at: SocketAddr, v6only: Option<bool>) -> OwnedFd {
    let family = if at.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    if let Some(v6only) = v6only {
        sockopt::set_ipv6_v6only(&socket, v6only).unwrap();
    }
    rustix::net::bind(&socket, &at).unwrap();
    if kind == SocketType::STREAM {
        rustix::net::listen(&socket, 8).unwrap();
    }
    socket
}

#[test]
#[ignore = "run inside a private namespace by every_kind_of_socket_is_read_back_the_same"]
fn inner_every_kind() {
    let lo = rustix::net::netdevice::name_to_index(
        rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap(),
        "lo",
    );
    let scoped = SocketAddrV6::new("fe80::5".parse::<Ipv6Addr>().unwrap(), 1009, 0, lo.unwrap());
    let text = |at: &str| at.parse::<SocketAddr>().unwrap();
    let kinds = [
        (text("0.0.0.0:1001"), None, None),
        (text("127.0.0.53:1002"), None, None),
        (text("100.64.0.7:1003"), None, None),
        (text("192.0.2.1:1004"), None, None),
        (text("[::]:1005"), Some(false), None),
        (text("[::]:1006"), Some(true), None),
        (text("[::1]:1007"), Some(true), None),
        (text("[::ffff:127.0.0.1]:1008"), Some(false), None),
        (scoped.into(), Some(true), Some("lo")),
        (text("[2001:db8::5]:1010"), Some(true), None),
        (text("[::ffff:0.0.0.0]:1011"), Some(false), None),
    ];
    let mut held = Vec::new();
    let mut expected = BTreeMap::new();
    for (kind, protocol) in
        [(SocketType::STREAM, Protocol::Tcp), (SocketType::DGRAM, Protocol::Udp)]
    {
        for (at, v6only, interface) in &kinds {
            held.push(bind(kind, *at, *v6only));
            expected.insert((protocol, at.ip(), at.port()), (*v6only, interface.map(String::from)));
        }
    }
    // None of these hears strangers, or is heard of twice.
    let server = TcpStream::connect("127.0.0.53:1002").unwrap();
    let client = UdpSocket::bind("0.0.0.0:2001").unwrap();
    client.connect("192.0.2.1:53").unwrap();
    let bound = bind(SocketType::DGRAM, text("127.0.0.1:2002"), None);
    rustix::net::connect(&bound, &text("127.0.0.1:53")).unwrap();

    let host = Host::real();
    let seen = observe(&host, Ask::Everybody).unwrap();
    assert_eq!(seen.source, Source::Netlink);
    let key = |it: &Socket| (it.protocol, it.address, it.port);
    let told: BTreeMap<_, _> =
        seen.sockets.iter().map(|it| (key(it), (it.v6only, it.interface.clone()))).collect();
    assert_eq!(told, expected);
    assert_eq!(seen.sockets.len(), expected.len());
    for socket in &seen.sockets {
        let Owners::Known(owners) = &socket.owners else { panic!("{socket:?}") };
        assert_eq!(owners.len(), 1, "{socket:?}");
        assert_eq!((owners[0].pid, owners[0].uid), (std::process::id(), Some(0)));
        let exe = std::env::current_exe().unwrap();
        assert_eq!(owners[0].exe.as_deref(), exe.to_str());
        assert!(owners[0].cgroup.as_deref().is_some_and(|it| it.starts_with('/')));
    }

    let (by_proc, _) = proc::sockets(&host, &PROTOCOLS).unwrap();
    let all = |it: &Socket| (key(it), it.inode, it.uid);
    let mut by_proc: Vec<_> = by_proc.iter().map(all).collect();
    by_proc.sort();
    assert_eq!(by_proc, seen.sockets.iter().map(all).collect::<Vec<_>>());

    match ask_ss(&host) {
        Err(why) => skipped::told(format_args!("{} by ss", skipped::this_test()), why),
        Ok(by_ss) => {
            assert_eq!(by_ss.sockets.len(), seen.sockets.len());
            for (ss, ours) in by_ss.sockets.iter().zip(&seen.sockets) {
                assert_eq!((key(ss), &ss.interface), (key(ours), &ours.interface));
                assert!(ss.v6only.is_none() || ss.v6only == ours.v6only, "{ss:?} {ours:?}");
                let (Owners::Known(a), Owners::Known(b)) = (&ss.owners, &ours.owners) else {
                    panic!("{ss:?}");
                };
                assert_eq!((a[0].pid, &a[0].comm), (b[0].pid, &b[0].comm));
            }
        }
    }

    let some = observe(&host, Ask::Strangers).unwrap();
    for it in &some.sockets {
        assert_eq!(it.owners == Owners::NotAsked, is_plainly_private(it.address), "{it:?}");
    }
    let none = observe(&host, Ask::Nobody).unwrap();
    assert!(none.sockets.iter().all(|it| it.owners == Owners::NotAsked));
    among_very_many_files(&host, held[0].try_clone().unwrap());
    shared_sockets(&host, held.remove(0));
    drop((server, client, bound, held));
}

/// A socket behind more files than are looked at first is found, and its other holder with it.
fn among_very_many_files(host: &Host, socket: OwnedFd) {
    let file = std::fs::File::open("/dev/null").unwrap();
    let files: Vec<_> = (0..1100).map(|_| file.try_clone()).collect();
    if let Some(Err(err)) = files.iter().find(|it| it.is_err()) {
        let part = format_args!("{} among very many files", skipped::this_test());
        return skipped::told(part, err);
    }
    let late = bind(SocketType::STREAM, "0.0.0.0:3001".parse().unwrap(), None);
    let seen = observe(host, Ask::Strangers).unwrap();
    let of = |port| seen.sockets.iter().find(|it| it.port == port).unwrap();
    for port in [1001, 3001] {
        let Owners::Known(owners) = &of(port).owners else { panic!("{:?}", of(port)) };
        assert_eq!(owners.iter().map(|it| it.pid).collect::<Vec<_>>(), [std::process::id()]);
    }
    drop((late, files, socket));
}

/// A socket that a child inherits is held by both, and after both by nobody.
fn shared_sockets(host: &Host, socket: OwnedFd) {
    let pids = |seen: &Sockets| match &seen.sockets[0].owners {
        Owners::Known(owners) => owners.iter().map(|it| it.pid).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600").stdin(socket.try_clone().unwrap());
    let mut child = sleeper.spawn().unwrap();
    drop(sleeper);
    assert_eq!(pids(&observe(host, Ask::Strangers).unwrap()), [std::process::id(), child.id()]);
    drop(socket);
    let seen = observe(host, Ask::Strangers).unwrap();
    assert_eq!(seen.sockets[0].name(), "tcp 0.0.0.0:1001");
    assert_eq!(pids(&seen), [child.id()]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(observe(host, Ask::Strangers).unwrap().sockets[0].name() != "tcp 0.0.0.0:1001");
}
