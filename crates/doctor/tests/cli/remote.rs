//! `--remote`, with a program that plays ssh.

use std::fs;

use crate::machine::{Machine, json};

const HEALTHY: &str = include_str!("../golden/healthy.facts.json");

/// A machine whose ssh writes down its arguments and says this.
fn machine(says: &str, code: u8) -> Machine {
    let machine = Machine::new();
    fs::write(machine.path("says"), says).unwrap();
    let (says, args) = (machine.path("says"), machine.path("args"));
    machine.program(
        "ssh",
        &format!("printf '%s\\n' \"$@\" > {}; cat {}; exit {code}", args.display(), says.display()),
    );
    machine
}

#[test]
fn facts_are_collected_over_there_and_judged_here() {
    let machine = machine(HEALTHY, 0);
    let said = machine.run(&["host", "--json", "--remote", "ops@127.0.0.7", "--skip", "guard"]);
    assert_eq!(json(&said)["host"], "host-a.example");
    assert_eq!(json(&said)["checks"][3]["status"], "pass", "{said:?}");
    let args = fs::read_to_string(machine.path("args")).unwrap();
    for option in
        ["BatchMode=yes", "StrictHostKeyChecking=yes", "HostName=127.0.0.7", "ProxyCommand=none"]
    {
        assert!(args.contains(option), "{args}");
    }
    assert!(args.ends_with("-l\nops\n--\n127.0.0.7\ndoctor facts --json\n"), "{args}");
}

#[test]
fn a_host_outside_the_allowed_ranges_is_never_asked() {
    let machine = machine(HEALTHY, 0);
    for (host, code) in [("192.0.2.1", 1), ("2001:db8::1", 1), ("no-such-host.invalid", 69)] {
        let said = machine.run(&["host", "--remote", host]);
        assert_eq!(said.code, code, "{said:?}");
    }
    assert!(!machine.path("args").exists());
    assert_eq!(machine.reports().len(), 0);
}

#[test]
fn what_another_host_says_is_believed_no_further_than_its_schema() {
    let hostile = HEALTHY.replace("host-a.example", "host\\u001b[2J\\n\\u202e");
    for (says, code, want) in [
        ("", 0, 69),
        ("{}", 0, 69),
        ("not json", 0, 69),
        (&HEALTHY.replace("\"uid\": 0", "\"uid\": 0, \"more\": 1"), 0, 69),
        (HEALTHY, 255, 69),
        (&"x".repeat(17 << 20), 0, 69),
    ] {
        let machine = machine(says, code);
        let said = machine.run(&["host", "--remote", "127.0.0.7"]);
        assert_eq!(said.code, want, "{code} {says:.40}: {}", said.stderr);
    }
    let said = machine(&hostile, 0).run(&["host", "--remote", "127.0.0.7"]);
    assert!(!said.stdout.contains('\u{1b}') && !said.stdout.contains('\u{202e}'), "{said:?}");
    let machine = machine("", 0);
    machine.program("ssh", "printf 'denied \\033[2J' >&2; exit 255");
    let said = machine.run(&["host", "--remote", "127.0.0.7"]);
    assert!(said.stderr.contains("denied") && !said.stderr.contains('\u{1b}'), "{said:?}");
}
