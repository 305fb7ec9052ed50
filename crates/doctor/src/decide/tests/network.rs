//! tailscale, ports, console, api.

use super::*;
use Status::{Fail, Pass, Unknown, Warn};

const T: &str = "/tailscale/seen";

#[test]
fn tailscale_is_up_only_with_everything_that_makes_it_usable() {
    let at = |rest: &str| format!("{T}/{rest}");
    let cases = [
        ("version", r#""1.80.0""#, Pass, "up as host-a"),
        ("backend_state", r#""Stopped""#, Fail, "its state is Stopped"),
        ("backend_state", r#""NeedsLogin""#, Fail, "NeedsLogin"),
        ("backend_state", r#""NeedsMachineAuth""#, Fail, "NeedsMachineAuth"),
        ("backend_state", r#""NoState""#, Fail, "NoState"),
        ("backend_state", r#""Starting""#, Fail, "Starting"),
        ("backend_state", r#""InUseOtherUser""#, Fail, "InUseOtherUser"),
        ("backend_state", r#""running""#, Fail, "running"),
        ("online", "false", Fail, "not in touch with the control server"),
        ("tun", "false", Fail, "every loopback listener"),
        ("tun", "null", Unknown, "interface of its own"),
        ("ipv4", r#"{"unknown":{"why":"no"}}"#, Unknown, "its IPv4 address is not known: no"),
        ("ipv4", r#"{"seen":"100.63.255.255"}"#, Fail, "not in 100.64.0.0/10"),
        ("ipv4", r#"{"seen":"100.128.0.0"}"#, Fail, "not in 100.64.0.0/10"),
        ("ipv4", r#"{"seen":"100.64.0.1"}"#, Fail, "on no interface"),
        ("health", r#"["odd"]"#, Warn, "health: odd"),
        ("key_expiry", "null", Pass, "node key ends: never"),
        ("key_expiry", r#""2026-12-05T07:00:01Z""#, Pass, "up as"),
        ("key_expiry", r#""2026-12-05T06:59:59Z""#, Warn, "it expires in 13 days"),
        ("key_expiry", r#""2026-11-21T07:00:00Z""#, Fail, "it expired at"),
        ("key_expiry", r#""soon""#, Unknown, "is not a time"),
        ("expired", "true", Fail, "has expired"),
        ("funnel", r#"{"seen":["a:443","a:8443"]}"#, Fail, "funnel a:443"),
        ("funnel", r#"{"unknown":{"why":"no"}}"#, Unknown, "whether one is on is not known"),
        ("ssh", r#"{"seen":true}"#, Pass, "up as"),
        ("ssh", r#"{"unknown":{"why":"no"}}"#, Pass, "up as"),
    ];
    for (rest, value, status, part) in cases {
        table("tailscale", &[(&at(rest), value, status, part)]);
    }
    let gone = r#"{"unknown":{"why":"no such program"}}"#;
    table("tailscale", &[("/tailscale", gone, Unknown, "no such program")]);
    table("tailscale", &[("/addresses", gone, Unknown, "addresses of interfaces")]);
    table("tailscale", &[("/tailscale", r#""not_asked""#, Unknown, "not looked at")]);
}

#[test]
fn what_guard_asks_of_the_tailnet_has_four_answers() {
    let at = |rest: &str, value: &str| tailnet(&changed(&format!("{T}/{rest}"), value));
    assert_eq!(at("version", r#""x""#), Tailnet::Up("100.101.102.103".parse().unwrap()));
    assert!(matches!(at("backend_state", r#""Stopped""#), Tailnet::Down(_)));
    assert!(matches!(at("online", "false"), Tailnet::Down(_)));
    assert_eq!(at("tun", "false"), Tailnet::Userspace);
    assert!(matches!(at("ipv4", r#""not_asked""#), Tailnet::Unknown(_)));
    assert!(matches!(tailnet(&changed("/tailscale", r#""not_asked""#)), Tailnet::Unknown(_)));
}

#[test]
fn flags_are_raised_for_what_other_programs_act_on() {
    for (pointer, value, flag) in [
        ("/tailscale/seen/tun", "false", "USERSPACE_NETWORKING"),
        ("/tailscale/seen/funnel", r#"{"seen":["a:443"]}"#, "FUNNEL"),
        ("/docker/seen/containers/0/bound/0/address", r#""0.0.0.0""#, "DOCKER_PUBLIC"),
        ("/sockets/seen/sockets/0", SSHD, "SSHD_PUBLIC"),
        ("/sockets/seen/sockets/0", SYSTEMD, "SSHD_PUBLIC"),
    ] {
        let report = judge(&changed(pointer, value), &policy(), &Selection::default(), now());
        assert_eq!(report.flags, [flag], "{pointer}");
        assert!(report.has_flag(flag) && report.exit().code() == 1);
    }
}

const SSHD: &str = r#"{"protocol":"tcp","address":"0.0.0.0","v6only":null,"interface":null,
    "port":2222,"inode":9,"uid":0,"owners":{"known":[{"pid":8,"comm":"sshd","exe":"/usr/sbin/sshd",
    "cgroup":"/system.slice/ssh.service","uid":0}]}}"#;

const SYSTEMD: &str = r#"{"protocol":"tcp","address":"::","v6only":false,"interface":null,
    "port":22,"inode":9,"uid":0,"owners":{"known":[{"pid":1,"comm":"systemd",
    "exe":"/usr/lib/systemd/systemd","cgroup":"/init.scope","uid":0}]}}"#;

fn socket(address: &str, port: u16, owners: &str) -> String {
    format!(
        r#"{{"protocol":"tcp","address":"{address}","v6only":null,"interface":null,"port":{port},
        "inode":9,"uid":0,"owners":{owners}}}"#
    )
}

#[test]
fn ports_pass_only_in_the_allowed_ranges() {
    let known = r#"{"known":[{"pid":7,"comm":"web","exe":"/usr/bin/web","cgroup":"/","uid":1}]}"#;
    let imitator =
        r#"{"known":[{"pid":7,"comm":"tailscaled","exe":"/tmp/x","cgroup":"/","uid":1}]}"#;
    let unknown = r#"{"unknown":"2 processes could not be looked into"}"#;
    for (address, owners, status) in [
        ("127.0.0.1", "\"not_asked\"", Pass),
        ("127.255.0.9", "\"not_asked\"", Pass),
        ("::1", "\"not_asked\"", Pass),
        ("::ffff:127.0.0.1", "\"not_asked\"", Pass),
        ("100.101.102.103", "\"not_asked\"", Pass),
        ("::ffff:100.101.102.103", "\"not_asked\"", Pass),
        ("100.64.7.7", "\"not_asked\"", Warn),
        ("0.0.0.0", known, Fail),
        ("::", known, Fail),
        ("192.0.2.10", known, Fail),
        ("fe80::1", known, Fail),
        ("fd7a:115c:a1e0::1", known, Fail),
        ("::ffff:0.0.0.0", known, Fail),
        ("0.0.0.0", unknown, Fail),
        ("0.0.0.0", imitator, Fail),
    ] {
        let check = judged("ports", "/sockets/seen/sockets/-", &socket(address, 8443, owners));
        assert_eq!(check.status, status, "{address}: {check:?}");
    }
    table(
        "ports",
        &[
            ("/sockets/seen/sockets/0", SSHD, Fail, "tcp 0.0.0.0:2222"),
            ("/sockets/seen/sockets", "[]", Unknown, "no socket was seen"),
            ("/sockets", r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
            ("/sockets", r#""not_asked""#, Unknown, "not looked at"),
            ("/namespace/seen/own", r#""net:[7]""#, Unknown, "network namespace"),
        ],
    );
    assert!(judged("ports", "/sockets/seen/sockets/0", SSHD).remediation.contains("heal ssh"));
}

#[test]
fn the_policy_can_make_a_foreign_tailnet_address_a_fail_and_add_ranges() {
    let facts = changed("/sockets/seen/sockets/-", &socket("100.64.7.7", 80, "\"not_asked\""));
    let mut strict = policy();
    strict.ports.foreign_tailnet = listeners::Strictness::Fail;
    assert_eq!(with("ports", &facts, &strict).status, Fail);
    let facts = changed("/sockets/seen/sockets/-", &socket("10.1.2.3", 80, "\"not_asked\""));
    let mut wide = policy();
    wide.ports.private.push(listeners::Range::try_from("10.0.0.0/8".to_owned()).unwrap());
    assert_eq!(with("ports", &facts, &policy()).status, Fail);
    assert_eq!(with("ports", &facts, &wide).status, Pass);
}

#[test]
fn health_endpoints_answer_200_and_hq_is_bound_to_loopback_only() {
    for (id, port) in [("api", 8000), ("console", 8787)] {
        let url = format!("http://127.0.0.1:{port}/healthz");
        let answer = |status| format!(r#"{{"seen":{{"url":"{url}","status":{status}}}}}"#);
        let at = format!("/{id}");
        let late = r#"{"unknown":{"why":"gave no answer within 10 s"}}"#;
        table(
            id,
            &[
                (&at, &answer("200"), Pass, "answers 200"),
                (&at, &answer("204"), Fail, "answers 204"),
                (&at, &answer("503"), Fail, "answers 503"),
                (&at, &answer("null"), Fail, "nobody listens"),
                (&at, late, Unknown, "no answer within"),
            ],
        );
    }
    let at = "/sockets/seen/sockets/-";
    table(
        "console",
        &[
            (at, &socket("::1", 8787, "\"not_asked\""), Pass, "200"),
            (at, &socket("0.0.0.0", 8787, "\"not_asked\""), Fail, "tcp 0.0.0.0:8787"),
            (at, &socket("100.101.102.103", 8787, "\"not_asked\""), Fail, "more than loopback"),
            ("/sockets/seen/sockets", "[]", Unknown, "nothing was seen on port 8787"),
            (
                "/sockets",
                r#"{"unknown":{"why":"no"}}"#,
                Unknown,
                "what it is bound to is not known",
            ),
        ],
    );
}
