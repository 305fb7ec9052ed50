//! Tables over `classify` and `audit`.

use super::*;
use crate::facts::{PortRange, Protocol};
use crate::policy::Range;

fn owner(pid: u32, comm: &str, exe: &str, cgroup: &str) -> Owner {
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Owner { pid, comm: comm.to_owned(), exe: told(exe), cgroup: told(cgroup), uid: Some(0) }
}

fn web() -> Owner {
    owner(700, "nginx", "/usr/sbin/nginx", "/system.slice/nginx.service")
}

fn socket(protocol: Protocol, address: &str, port: u16, owners: Owners) -> Socket {
    let address = address.parse().unwrap();
    let (v6only, interface) = (None, None);
    Socket { protocol, address, v6only, interface, port, inode: 7, uid: Some(0), owners }
}

fn tcp(address: &str, port: u16, owners: &[Owner]) -> Socket {
    socket(Protocol::Tcp, address, port, Owners::Known(owners.to_vec()))
}

fn facts(sockets: Vec<Socket>) -> Sockets {
    let ephemeral_ports = Some(PortRange { first: 32768, last: 60999 });
    Sockets { source: Source::Netlink, sockets, ephemeral_ports, not_looked_at: Vec::new() }
}

fn context() -> Context {
    let own = vec!["100.64.0.7".parse().unwrap(), "fd7a:115c:a1e0::7".parse().unwrap()];
    Context { own_addresses: Some(own), sshd_ports: vec![2222] }
}

type Answer = (Class, Verdict, Option<Flag>);

const PRIVATE: Answer = (Class::Private, Verdict::Pass, None);
const ALLOWED: Answer = (Class::Allowed, Verdict::Pass, None);
const PUBLIC: Answer = (Class::Public, Verdict::Fail, None);
const SSHD: Answer = (Class::Public, Verdict::Fail, Some(Flag::SshdPublic));

fn judge_with(socket: &Socket, policy: &Policy, context: &Context) -> (Answer, String) {
    let facts = facts(vec![socket.clone()]);
    let it = classify(socket, &facts, policy, context);
    ((it.class, it.verdict, it.flag), it.why)
}

fn judge(socket: &Socket) -> (Answer, String) {
    judge_with(socket, &Policy::default(), &context())
}

#[test]
fn the_local_address_decides() {
    let foreign = (Class::Private, Verdict::Warn, None);
    for (address, expected) in [
        ("127.0.0.1", PRIVATE),
        ("127.0.0.53", PRIVATE),
        ("127.255.255.255", PRIVATE),
        ("::1", PRIVATE),
        ("::ffff:127.0.0.1", PRIVATE),
        ("::ffff:127.8.0.1", PRIVATE),
        ("100.64.0.7", PRIVATE),
        ("::ffff:100.64.0.7", PRIVATE),
        ("100.64.0.8", foreign),
        ("100.127.255.255", foreign),
        ("::ffff:100.64.0.8", foreign),
        ("100.63.255.255", PUBLIC),
        ("100.128.0.0", PUBLIC),
        ("126.255.255.255", PUBLIC),
        ("128.0.0.0", PUBLIC),
        ("0.0.0.0", PUBLIC),
        ("::", PUBLIC),
        ("::ffff:0.0.0.0", PUBLIC),
        ("192.0.2.1", PUBLIC),
        ("10.0.0.1", PUBLIC),
        ("169.254.0.1", PUBLIC),
        ("224.0.0.251", PUBLIC),
        ("2001:db8::1", PUBLIC),
        ("fe80::1", PUBLIC),
        ("fd00::1", PUBLIC),
        ("ff02::fb", PUBLIC),
        // Only the promise's three ranges: Tailscale's IPv6 range is policy, even this node's own.
        ("fd7a:115c:a1e0::7", PUBLIC),
        // Neither is a mapped address.
        ("::127.0.0.1", PUBLIC),
        ("64:ff9b::127.0.0.1", PUBLIC),
    ] {
        let (answer, why) = judge(&tcp(address, 8080, &[web()]));
        assert_eq!(answer, expected, "{address}: {why}");
        assert!(!why.is_empty());
    }
}

#[test]
fn a_wildcard_is_public_dual_stack_or_not_and_on_whatever_interface() {
    let mut policy = Policy::default();
    let wide = ["0.0.0.0/1", "::/1"].map(|it| Range::try_from(it.to_owned()).unwrap());
    policy.private.extend(wide);
    for v6only in [None, Some(false), Some(true)] {
        for interface in [None, Some("lo"), Some("tailscale0")] {
            for address in ["0.0.0.0", "::", "::ffff:0.0.0.0"] {
                let mut socket = tcp(address, 8080, &[web()]);
                socket.v6only = v6only;
                socket.interface = interface.map(str::to_owned);
                assert_eq!(judge_with(&socket, &policy, &context()).0, PUBLIC);
            }
        }
    }
    let mut scoped = tcp("127.0.0.53", 53, &[web()]);
    scoped.interface = Some("lo".to_owned());
    assert_eq!(judge(&scoped).0, PRIVATE);
    let mut scoped = tcp("fe80::1", 53, &[web()]);
    scoped.interface = Some("lo".to_owned());
    assert_eq!(judge(&scoped).0, PUBLIC);
}

#[test]
fn policy_ranges_are_private_and_the_promises_own_can_be_taken_away() {
    let mut policy = Policy::default();
    let ranges = ["192.0.2.0/24", "fd7a:115c:a1e0::/48", "100.100.0.0/16"];
    policy.private.extend(ranges.map(|it| Range::try_from(it.to_owned()).unwrap()));
    for (address, expected) in [
        ("192.0.2.1", PRIVATE),
        ("::ffff:192.0.2.1", PRIVATE),
        ("192.0.3.1", PUBLIC),
        ("fd7a:115c:a1e0::9", PRIVATE),
        ("fd7a:115c:a1e1::9", PUBLIC),
        // Written down beside 100.64.0.0/10, so it need not be this node's own.
        ("100.100.1.1", PRIVATE),
    ] {
        let (answer, why) = judge_with(&tcp(address, 8080, &[web()]), &policy, &context());
        assert_eq!(answer, expected, "{address}: {why}");
    }
    policy.private.clear();
    for address in ["127.0.0.1", "::1", "100.64.0.7"] {
        let (answer, _) = judge_with(&tcp(address, 8080, &[web()]), &policy, &context());
        assert_eq!(answer, PUBLIC, "{address}");
    }
}

#[test]
fn a_tailnet_address_that_is_not_ours_is_told_and_can_be_made_a_failure() {
    let unknown = Context { own_addresses: None, ..context() };
    let none = Context { own_addresses: Some(Vec::new()), ..context() };
    let strict = Policy { foreign_tailnet: Strictness::Fail, ..Policy::default() };
    let warned = (Class::Private, Verdict::Warn, None);
    for (policy, context, port, expected) in [
        (Policy::default(), &unknown, 80, warned),
        (Policy::default(), &none, 80, warned),
        (strict.clone(), &unknown, 80, (Class::Unknown, Verdict::Unknown, None)),
        (strict.clone(), &none, 80, PUBLIC),
        (strict.clone(), &context(), 80, PRIVATE),
    ] {
        let (answer, why) = judge_with(&tcp("100.64.0.7", port, &[web()]), &policy, context);
        assert_eq!(answer, expected, "{why}");
    }
    let sshd = owner(9, "sshd", "/usr/sbin/sshd", "/system.slice/ssh.service");
    assert_eq!(judge_with(&tcp("100.64.0.9", 22, &[sshd]), &strict, &context()).0, SSHD);
}

#[test]
fn tailscaled_is_known_by_program_and_control_group_and_by_every_holder() {
    let group = "/system.slice/tailscaled.service";
    let real = owner(5, "tailscaled", "/usr/sbin/tailscaled", group);
    let deleted = owner(5, "tailscaled", "/usr/sbin/tailscaled (deleted)", group);
    let below = owner(5, "tailscaled", "/usr/bin/tailscaled", &format!("{group}/worker"));
    let users = "/user.slice/user-1000.slice/user@1000.service/app.slice/tailscaled.service";
    for (owners, expected) in [
        (vec![real.clone()], ALLOWED),
        (vec![deleted], ALLOWED),
        (vec![below.clone()], ALLOWED),
        (vec![real.clone(), below], ALLOWED),
        (vec![real.clone(), web()], PUBLIC),
        (vec![], PUBLIC),
        (vec![owner(5, "tailscaled", "/usr/bin/python3.11", group)], PUBLIC),
        (vec![owner(5, "tailscaled", "/tmp/usr/sbin/tailscaled", group)], PUBLIC),
        (vec![owner(5, "tailscaled", "/usr/sbin/tailscaled", users)], PUBLIC),
        (vec![owner(5, "tailscaled", "/usr/sbin/tailscaled", &format!("{group}x"))], PUBLIC),
        (vec![owner(5, "tailscaled", "/usr/sbin/tailscaled", "/")], PUBLIC),
        (vec![owner(5, "tailscaled", "/usr/sbin/tailscaled", "")], PUBLIC),
        (vec![owner(5, "tailscaled", "", group)], PUBLIC),
    ] {
        for address in ["0.0.0.0", "::", "192.0.2.1", "fe80::1"] {
            let (answer, why) = judge(&tcp(address, 41000, &owners));
            assert_eq!(answer, expected, "{owners:?}: {why}");
        }
    }
    let imitation = owner(5, "tailscaled", "/tmp/x", "/user.slice");
    let (_, why) = judge(&tcp("0.0.0.0", 41000, &[imitation]));
    assert!(why.contains("which is not tailscaled: \"/tmp/x\""), "{why}");
}

#[test]
fn captured_text_has_only_the_name_and_the_answer_says_so() {
    let named = owner(5, "tailscaled", "", "");
    for (owners, expected) in [
        (vec![named.clone()], ALLOWED),
        (vec![named, owner(6, "nginx", "", "")], PUBLIC),
        (vec![owner(5, "tailscale", "", "")], PUBLIC),
    ] {
        let socket = tcp("0.0.0.0", 41000, &owners);
        let facts = Sockets { source: Source::SsText, ..facts(vec![socket.clone()]) };
        let it = classify(&socket, &facts, &Policy::default(), &context());
        assert_eq!((it.class, it.verdict, it.flag), expected);
        assert_eq!(it.why.contains("by its name alone"), expected == ALLOWED, "{}", it.why);
    }
}

#[test]
fn sshd_is_told_by_name_or_program_or_by_systemd_on_its_port() {
    let sshd = owner(9, "sshd", "/usr/sbin/sshd", "/system.slice/ssh.service");
    let systemd = owner(1, "systemd", "/usr/lib/systemd/systemd", "/init.scope");
    for (port, owners, expected) in [
        (22, vec![sshd.clone()], SSHD),
        (8022, vec![sshd.clone()], SSHD),
        (22, vec![owner(9, "renamed", "/usr/sbin/sshd (deleted)", "")], SSHD),
        (22, vec![owner(9, "sshd", "", "")], SSHD),
        (22, vec![systemd.clone()], SSHD),
        (2222, vec![systemd.clone()], SSHD),
        (22, vec![owner(1, "systemd", "", "")], SSHD),
        (80, vec![systemd.clone()], PUBLIC),
        (80, vec![systemd, sshd], SSHD),
        (22, vec![owner(1, "tini", "/usr/bin/tini", "/")], PUBLIC),
        (22, vec![owner(800, "systemd", "/usr/lib/systemd/systemd", "/user.slice")], PUBLIC),
        (22, vec![web()], PUBLIC),
    ] {
        let (answer, why) = judge(&tcp("0.0.0.0", port, &owners));
        assert_eq!(answer, expected, "{port} {owners:?}: {why}");
        // On a private address it is nobody's business.
        assert_eq!(judge(&tcp("100.64.0.7", port, &owners)).0, PRIVATE);
    }
}

#[test]
fn an_owner_that_is_not_known_fails_on_a_public_address_and_only_there() {
    let unknown = [
        Owners::Unknown("3 processes could not be looked into".to_owned()),
        Owners::NotAsked,
        Owners::Known(Vec::new()),
    ];
    for owners in unknown {
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            // 40000 is ephemeral: not even there does nobody pass for a client.
            for port in [22, 40000] {
                let public = socket(protocol, "0.0.0.0", port, owners.clone());
                assert_eq!(judge(&public).0, PUBLIC);
                let private = socket(protocol, "127.0.0.1", port, owners.clone());
                assert_eq!(judge(&private).0, PRIVATE);
            }
        }
    }
}

#[test]
fn datagram_sockets_are_judged_and_the_kernels_own_ports_are_policy() {
    let told = (Class::Public, Verdict::Warn, None);
    let strict = Policy { ephemeral_udp: Strictness::Fail, ..Policy::default() };
    for (protocol, address, port, lenient, hard) in [
        (Protocol::Udp, "0.0.0.0", 53, PUBLIC, PUBLIC),
        (Protocol::Udp, "0.0.0.0", 32767, PUBLIC, PUBLIC),
        (Protocol::Udp, "0.0.0.0", 32768, told, PUBLIC),
        (Protocol::Udp, "::", 60999, told, PUBLIC),
        (Protocol::Udplite, "192.0.2.1", 40000, told, PUBLIC),
        (Protocol::Udp, "0.0.0.0", 61000, PUBLIC, PUBLIC),
        (Protocol::Udp, "127.0.0.1", 53, PRIVATE, PRIVATE),
        (Protocol::Udp, "::ffff:127.0.0.1", 40000, PRIVATE, PRIVATE),
        (Protocol::Udp, "0.0.0.0", 68, ALLOWED, ALLOWED),
        (Protocol::Udp, "192.0.2.1", 68, ALLOWED, ALLOWED),
        (Protocol::Udp, "::", 41641, ALLOWED, ALLOWED),
        (Protocol::Udp, "::", 546, PUBLIC, PUBLIC),
        (Protocol::Udplite, "0.0.0.0", 68, PUBLIC, PUBLIC),
        (Protocol::Tcp, "0.0.0.0", 68, PUBLIC, PUBLIC),
        (Protocol::Tcp, "0.0.0.0", 41641, PUBLIC, PUBLIC),
        (Protocol::Tcp, "0.0.0.0", 40000, PUBLIC, PUBLIC),
    ] {
        let it = socket(protocol, address, port, Owners::Known(vec![web()]));
        assert_eq!(judge(&it).0, lenient, "{}", it.name());
        assert_eq!(judge_with(&it, &strict, &context()).0, hard, "{}", it.name());
        let blind = Sockets { ephemeral_ports: None, ..facts(vec![it.clone()]) };
        let seen = classify(&it, &blind, &Policy::default(), &context());
        let expected = if lenient == told { PUBLIC } else { lenient };
        assert_eq!((seen.class, seen.verdict, seen.flag), expected, "range not known");
    }
}

#[test]
fn an_exception_can_be_for_a_range_only() {
    let exception = crate::Exception {
        protocol: Protocol::Tcp,
        port: 443,
        addresses: Some(Range::try_from("192.0.2.0/24".to_owned()).unwrap()),
        why: "the web site".to_owned(),
    };
    let policy = Policy { allowed: vec![exception], ..Policy::default() };
    for (address, port, expected) in [
        ("192.0.2.1", 443, ALLOWED),
        ("::ffff:192.0.2.1", 443, ALLOWED),
        ("192.0.2.1", 444, PUBLIC),
        ("198.51.100.1", 443, PUBLIC),
        ("0.0.0.0", 443, PUBLIC),
    ] {
        let (answer, why) = judge_with(&tcp(address, port, &[web()]), &policy, &context());
        assert_eq!(answer, expected, "{address}");
        assert_eq!(why.contains("the web site"), expected == ALLOWED, "{why}");
    }
}

#[test]
fn the_audit_is_as_bad_as_the_worst_socket_and_nothing_is_unknown() {
    let sshd = [owner(9, "sshd", "/usr/sbin/sshd", "")];
    let fine = tcp("127.0.0.1", 80, &[web()]);
    let odd = tcp("100.64.9.9", 80, &[web()]);
    let bad = tcp("0.0.0.0", 80, &[web()]);
    let ssh = [tcp("0.0.0.0", 22, &sshd), tcp("::", 22, &sshd)];
    let policy = Policy::default();
    let strict = Policy { foreign_tailnet: Strictness::Fail, ..Policy::default() };
    let blind = Context { own_addresses: None, ..context() };
    let audits = [
        (vec![fine.clone()], &policy, context(), Verdict::Pass, "1 sockets: 1 private"),
        (
            vec![fine.clone(), odd.clone()],
            &policy,
            context(),
            Verdict::Warn,
            "2 sockets: 2 private",
        ),
        (
            vec![fine.clone(), odd.clone()],
            &strict,
            blind.clone(),
            Verdict::Unknown,
            "2 sockets: 1 private, 1 unknown",
        ),
        (
            vec![fine, odd, bad],
            &strict,
            blind,
            Verdict::Fail,
            "3 sockets: 1 private, 1 public, 1 unknown",
        ),
    ];
    for (sockets, policy, context, verdict, summary) in audits {
        let facts = facts(sockets);
        let it = audit(Ok(&facts), policy, &context);
        assert_eq!((it.verdict, it.summary.as_str(), it.flags.len()), (verdict, summary, 0));
        assert_eq!(it.judged.len(), facts.sockets.len());
    }
    let both = facts(ssh.into());
    let it = audit(Ok(&both), &policy, &context());
    assert_eq!((it.verdict, it.flags), (Verdict::Fail, vec![Flag::SshdPublic]));
    assert_eq!(serde_json::to_value(Flag::SshdPublic).unwrap(), "SSHD_PUBLIC");

    let empty = facts(Vec::new());
    let why = "netlink: permission denied";
    for (seen, said) in [(Ok(&empty), "no socket was seen"), (Err(why), why)] {
        let it = audit(seen, &policy, &context());
        assert!(it.summary.contains(said), "{}", it.summary);
        assert_eq!((it.verdict, it.judged.len(), it.flags.len()), (Verdict::Unknown, 0, 0));
    }
}

#[test]
fn facts_go_through_json_unchanged_and_unknown_fields_are_refused() {
    let mut scoped = tcp("fe80::1", 22, &[web()]);
    (scoped.interface, scoped.v6only) = (Some("eth0".to_owned()), Some(true));
    let facts = facts(vec![
        scoped,
        socket(Protocol::Udp, "::ffff:192.0.2.1", 53, Owners::Unknown("why".to_owned())),
        socket(Protocol::Sctp, "127.0.0.1", 9, Owners::NotAsked),
    ]);
    let text = serde_json::to_string_pretty(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Sockets>(&text).unwrap(), facts);
    for more in [r#""sockets": [], "more": 1"#, r#""more": {}, "sockets": []"#] {
        let text = format!(
            r#"{{"source": "netlink", "ephemeral_ports": null, "not_looked_at": [], {more}}}"#
        );
        assert!(serde_json::from_str::<Sockets>(&text).is_err(), "{more}");
    }
    let schema = serde_json::to_value(schemars::schema_for!(Sockets)).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}
