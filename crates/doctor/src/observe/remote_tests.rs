//! What may be asked over ssh, and how.

use ops_core::config::{self, Source};
use ops_core::host::Host;

use super::*;

#[test]
fn a_target_is_a_name_and_never_an_option_or_a_command() {
    for (target, want) in [
        ("host-b", Some((None, "host-b"))),
        ("ops@host-b.example", Some((Some("ops"), "host-b.example"))),
        ("100.64.0.7", Some((None, "100.64.0.7"))),
        ("::1", Some((None, "::1"))),
        ("-oProxyCommand=x", None),
        ("ops@-x", None),
        ("-l@host", None),
        ("a b", None),
        ("host;id", None),
        ("host$(id)", None),
        ("host\nx", None),
        ("a@b@c", None),
        ("@host", None),
        ("ops@", None),
        ("", None),
    ] {
        assert_eq!(split(target), want, "{target:?}");
    }
}

#[test]
fn every_address_of_a_name_must_be_allowed() {
    let policy: Policy = config::load(&Host::real(), &Source::Shipped).unwrap();
    let judged = |texts: &[&str]| {
        let addresses: Vec<IpAddr> = texts.iter().map(|it| it.parse().unwrap()).collect();
        allowed(&addresses, &policy).is_ok()
    };
    assert!(judged(&["100.64.0.7"]) && judged(&["127.0.0.1", "::1"]));
    for public in [&["192.0.2.1"][..], &["100.64.0.7", "192.0.2.1"], &["2001:db8::1"], &[]] {
        assert!(!judged(public), "{public:?}");
    }
}

#[test]
fn ssh_is_never_asked_to_ask() {
    let args = arguments(Some("ops"), "host-b", "100.64.0.7".parse().unwrap());
    let args: Vec<&str> = args.iter().map(|it| it.to_str().unwrap()).collect();
    for option in
        ["BatchMode=yes", "StrictHostKeyChecking=yes", "HostName=100.64.0.7", "HostKeyAlias=host-b"]
    {
        let at = args.iter().position(|it| *it == option).unwrap();
        assert_eq!(args[at - 1], "-o");
    }
    assert_eq!(args[args.len() - 5..], ["-l", "ops", "--", "host-b", "doctor facts --json"]);
}
