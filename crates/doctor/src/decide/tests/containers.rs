//! compose and `docker_ports`.

use super::*;
use Status::{Fail, Pass, Unknown, Warn};

#[test]
fn every_service_must_run_and_be_healthy_where_it_can_tell() {
    let first = "/compose/seen/0/containers/0";
    let container = |state: &str, health: &str, code: &str| {
        format!(
            r#"{{"name":"c","service":"api","state":"{state}","health":"{health}","exit_code":{code}}}"#
        )
    };
    table(
        "compose",
        &[
            (first, &container("running", "", "null"), Pass, "2 services run"),
            (first, &container("running", "healthy", "null"), Pass, "2 services run"),
            (first, &container("running", "unhealthy", "null"), Fail, "api: c is unhealthy"),
            (first, &container("running", "starting", "null"), Unknown, "has just started"),
            (first, &container("running", "odd", "null"), Fail, "c is odd"),
            (first, &container("exited", "", "137"), Fail, "c is exited with code 137"),
            (first, &container("exited", "", "0"), Fail, "not running"),
            (first, &container("paused", "", "null"), Fail, "c is paused"),
            ("/compose/seen/0/containers", "[]", Fail, "it has no container (+1 more)"),
            ("/compose/seen/0/services", "[]", Unknown, "defines no service"),
            ("/compose/seen", "[]", Unknown, "no compose file"),
            ("/compose", r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
        ],
    );
    let second = container("running", "unhealthy", "null");
    assert_eq!(judged("compose", "/compose/seen/0/containers/-", &second).status, Fail);
}

#[test]
fn a_published_port_is_judged_by_its_address_whether_it_runs_or_comes_back() {
    let container = |state: &str, restart: &str, bound: &str, asked: &str| {
        let list = |address: &str| match address {
            "-" => String::new(),
            address => format!(r#"{{"port":"80/tcp","address":"{address}","host_port":"8080"}}"#),
        };
        format!(
            r#"{{"id":"x","name":"c","state":"{state}","restart":"{restart}","network":"bridge",
            "publish_all":false,"bound":[{}],"asked":[{}]}}"#,
            list(bound),
            list(asked)
        )
    };
    let at = "/docker/seen/containers/-";
    for (state, restart, bound, asked, status) in [
        ("running", "no", "127.0.0.1", "127.0.0.1", Pass),
        ("running", "no", "127.9.9.9", "", Pass),
        ("running", "no", "::1", "::1", Pass),
        ("running", "no", "100.101.102.103", "100.101.102.103", Pass),
        ("running", "no", "::ffff:127.0.0.1", "", Pass),
        ("running", "no", "-", "-", Pass),
        ("running", "no", "0.0.0.0", "", Fail),
        ("running", "no", "::", "", Fail),
        ("running", "no", "192.0.2.10", "192.0.2.10", Fail),
        ("running", "no", "-", "", Fail),
        ("paused", "no", "0.0.0.0", "", Fail),
        ("restarting", "no", "-", "0.0.0.0", Fail),
        ("exited", "always", "-", "", Fail),
        ("exited", "unless-stopped", "-", "0.0.0.0", Fail),
        ("created", "on-failure", "-", "192.0.2.10", Fail),
        ("exited", "always", "-", "127.0.0.1", Pass),
        ("exited", "no", "-", "0.0.0.0", Pass),
        ("dead", "", "-", "0.0.0.0", Pass),
        ("running", "no", "nonsense", "", Unknown),
    ] {
        let check = judged("docker_ports", at, &container(state, restart, bound, asked));
        assert_eq!(check.status, status, "{state} {restart} {bound} {asked}: {check:?}");
    }
}

#[test]
fn what_the_bindings_do_not_tell_is_told_all_the_same() {
    let first = "/docker/seen/containers/0";
    table(
        "docker_ports",
        &[
            ("/docker/seen/containers/1/network", r#""host""#, Warn, "shares the host's network"),
            ("/docker/seen/containers/1/publish_all", "true", Fail, "--publish-all"),
            ("/docker/seen/engine", r#""27.5.1""#, Warn, "neighbours"),
            ("/docker/seen/engine", r#""""#, Warn, "neighbours"),
            ("/docker/seen/engine", r#""28.0.0""#, Pass, "none published"),
            ("/docker/seen/containers", "[]", Pass, "0 containers"),
            ("/docker", r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
        ],
    );
    let check = judged("docker_ports", &format!("{first}/bound/0/address"), r#""::""#);
    assert!(check.summary.starts_with("ops-api-1 [::]:8000->8000/tcp: published"), "{check:?}");
}
