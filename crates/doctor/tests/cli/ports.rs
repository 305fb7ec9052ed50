//! `doctor ports`, of this machine and of captured text.

use std::process::Command;

use crate::machine::{Machine, Said, json};

const HEADER: &str = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n";

#[test]
fn captured_text_is_judged_with_or_without_its_header() {
    let machine = Machine::new();
    let sshd = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=812,fd=3))\n";
    let private = "LISTEN 0 128 127.0.0.1:8000 0.0.0.0:* users:((\"api\",pid=9,fd=3))\n";
    let tailscaled = "LISTEN 0 128 0.0.0.0:443 0.0.0.0:* users:((\"tailscaled\",pid=9,fd=3))\n";
    let unowned = "LISTEN 0 128 *:9090 *:*\n";
    for (text, code, flags) in [
        (sshd.to_owned(), 1, vec!["SSHD_PUBLIC"]),
        (format!("{HEADER}{private}{sshd}"), 1, vec!["SSHD_PUBLIC"]),
        (format!("{HEADER}{private}"), 0, vec![]),
        (private.to_owned(), 0, vec![]),
        (format!("{private}{tailscaled}"), 0, vec![]),
        (format!("{private}{unowned}"), 1, vec![]),
        (HEADER.to_owned(), 69, vec![]),
        (String::new(), 69, vec![]),
        (format!("{private}what is this\n"), 69, vec![]),
    ] {
        let said = machine.fed(&["ports", "--json", "--ss", "-"], text.as_bytes());
        assert_eq!(said.code, code, "{text}: {said:?}");
        let report = json(&said);
        assert_eq!(report["flags"], serde_json::json!(flags), "{text}");
        assert_eq!(report["checks"].as_array().unwrap().len(), 1);
        assert_eq!(report["checks"][0]["id"], "ports");
    }
    assert_eq!(machine.reports().len(), 0);
}

/// Holds a listener while it runs the command that follows.
const LISTEN: &str = "import socket, subprocess, sys
held = socket.create_server((sys.argv[1], 8443))
sys.exit(subprocess.call(sys.argv[2:]))";

/// Runs `doctor ports` by unshare with these words. `None`, said aloud, where that is not possible.
fn within(machine: &Machine, words: &[&str]) -> Option<Said> {
    let doctor = machine.command(&["ports", "--json"]);
    let mut command = Command::new("unshare");
    command.args(words).arg(doctor.get_program()).args(doctor.get_args());
    command.env_clear().envs(doctor.get_envs().filter_map(|it| Some((it.0, it.1?))));
    let output = match command.output() {
        Ok(output) => output,
        Err(err) => {
            skipped::told(skipped::this_test(), format_args!("unshare: {err}"));
            return None;
        }
    };
    let said = Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    if said.stdout.is_empty() {
        let why = format_args!("no namespaces of one's own here: {}", said.stderr);
        skipped::told(skipped::this_test(), why);
        return None;
    }
    Some(said)
}

/// Runs `doctor ports` in namespaces of its own, where process 1 may be looked at and nobody else
/// listens, beside a listener on this address. `None` where that is not possible.
fn beside_a_listener(machine: &Machine, address: &str) -> Option<Said> {
    within(machine, &["--pid", "--fork", "--mount-proc", "--net", "python3", "-c", LISTEN, address])
}

#[test]
fn a_listener_is_judged_by_its_address_and_told_with_its_owner() {
    let machine = Machine::new();
    let Some(said) = beside_a_listener(&machine, "0.0.0.0") else { return };
    assert_eq!(said.code, 1, "{said:?}");
    let detail = json(&said)["checks"][0]["details"][0].as_str().unwrap().to_owned();
    assert!(detail.starts_with("fail tcp 0.0.0.0:8443: "), "{detail}");
    assert!(detail.contains("held by \"python3\""), "{detail}");
}

#[test]
fn a_namespace_without_any_socket_is_unknown_and_never_a_pass() {
    let machine = Machine::new();
    // Empty; and another than that of process 1, so that what is seen is not the host's.
    for words in [&["--pid", "--fork", "--mount-proc", "--net"][..], &["--net"]] {
        if let Some(said) = within(&machine, words) {
            assert_eq!(said.code, 69, "{said:?}");
        }
    }
}
