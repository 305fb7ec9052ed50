//! Following a command to its outcome, with a stand-in for the executor.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up files and processes")]

mod common;

use std::process::Stdio;

use bridge::command::{Op, Schema};
use bridge::keys::Keyring;
use bridge::reason::Reason;
use bridge::settings::Settings;
use bridge_submit::documents::Smoke;
use common::{Machine, Said, assert_fits};
use ops_core::cli::{Common, Context};
use ops_core::config;
use ops_core::host::Host;

/// Starts a call, lets `answer` play the executor for its one document, and returns what was said.
fn played(line: &str, machine: &Machine, answer: impl Fn(&str)) -> Said {
    let words: Vec<&str> = line.split(' ').collect();
    let child = machine.spawn(&words, Stdio::null());
    let names = machine.wait_for_inbound(1);
    answer(names[0].strip_suffix(".json").unwrap());
    Said::from(child.wait_with_output().unwrap())
}

#[test]
fn a_result_ends_the_wait_with_0() {
    let machine = Machine::new();
    let said = played("noop --wait", &machine, |id| machine.carry_out(id));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("ok noop-") && said.out.contains(" in 12 ms, 1 file changed\n"));
    assert!(said.out.contains("  added     a.txt  5 bytes\n"), "{said:?}");
    let said = played("--json noop --wait", &machine, |id| machine.carry_out(id));
    assert_eq!((said.code, &said.json()["status"]), (0, &"ok".into()), "{said:?}");
    assert_fits::<bridge::evidence::Outcome>(&said.json());
}

#[test]
fn a_dead_letter_ends_the_wait_with_1_under_its_plain_or_a_numbered_name() {
    let machine = Machine::new();
    for (id, verified) in [("a", true), ("b", false)] {
        // An earlier letter of the same name is not the answer.
        machine.refuse(id, id, verified, "expired");
        machine.refuse(id, &format!("{id}.1"), verified, "schema");
        let line = format!("noop --wait --id {id}");
        let said = played(&line, &machine, |_| {
            machine.refuse(id, &format!("{id}.2"), verified, "bad_hmac");
        });
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(said.out, format!("refused {id}: bad_hmac\n  why so\n"));
    }
    let said = played("--json noop --wait --id c", &machine, |id| {
        machine.refuse(id, id, true, "replay");
    });
    assert_eq!((said.code, &said.json()["reason"]), (1, &"replay".into()), "{said:?}");
    assert_fits::<bridge::evidence::DeadLetter>(&said.json());
}

#[test]
fn a_dead_letter_of_another_id_with_a_similar_name_is_no_answer() {
    let machine = Machine::new();
    machine.refuse("a", "a", true, "expired");
    for (verified, other) in [(true, "a.1"), (false, "a.2")] {
        let said = played("noop --wait --wait-seconds 1 --id a", &machine, |_| {
            machine.refuse(other, other, verified, "schema");
        });
        assert_eq!((said.code, said.out.as_str()), (75, ""), "{said:?}");
        std::fs::remove_file(machine.path("root/commands/a.json")).unwrap();
    }
}

#[test]
fn nobody_answering_is_a_75_that_says_what_to_start() {
    let machine = Machine::new();
    let said = machine.run(&["noop", "--wait", "--wait-seconds", "0"]);
    assert_eq!((said.code, said.out.as_str()), (75, ""), "{said:?}");
    assert!(said.err.contains("no executor answered"), "{said:?}");
    assert!(said.err.contains("bridge-exec watch"), "{said:?}");
    assert_eq!(machine.inbound().len(), 1, "it stays dropped");
}

#[test]
fn a_held_command_is_waited_for_and_named_when_time_is_over() {
    let machine = Machine::new();
    let hold = |id: &str| {
        machine.put(&format!("root/meta/held/{id}.json"), b"{}", 0o640);
        std::fs::remove_file(machine.path(&format!("root/commands/{id}.json"))).unwrap();
    };
    let said = played("noop --wait --wait-seconds 3 --id a", &machine, hold);
    assert_eq!((said.code, said.out.as_str()), (75, ""), "{said:?}");
    assert!(said.err.contains("held for a person; still waiting"), "{said:?}");
    assert!(said.err.contains("hint: bridge-exec approve a"), "{said:?}");
    let said = played("noop --wait --id b", &machine, |id| {
        hold(id);
        machine.put(&format!("root/commands/{id}.json"), b"{}", 0o640);
        machine.carry_out(id);
    });
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn smoke_asks_four_questions_and_wants_four_answers() {
    let machine = Machine::new();
    let answer = |name: &str, wrong: Option<&str>| {
        let id = name.strip_suffix(".json").unwrap();
        let reason = match id {
            _ if id.contains("noop") => return machine.carry_out(id),
            _ if id.contains("bad-signature") => "bad_hmac",
            _ if id.contains("expired") => wrong.unwrap_or("expired"),
            _ => "path_escape",
        };
        machine.refuse(id, id, reason != "bad_hmac", reason);
    };
    for (wrong, code) in [(None, 0), (Some("schema"), 1)] {
        let child = machine.spawn(&["--json", "smoke"], Stdio::null());
        machine.wait_for_inbound(4).iter().for_each(|name| answer(name, wrong));
        let said = Said::from(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.json()["ok"].as_bool()), (code, Some(code == 0)), "{said:?}");
        assert_fits::<Smoke>(&said.json());
    }
    let child = machine.spawn(&["smoke"], Stdio::null());
    machine.wait_for_inbound(4).iter().for_each(|name| answer(name, None));
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.out.lines().filter(|line| line.starts_with("ok    ")).count(), 4, "{said:?}");
}

#[test]
fn the_four_documents_are_what_the_bridge_itself_takes_them_for() {
    let machine = Machine::new();
    let mut child = machine.spawn(&["smoke"], Stdio::null());
    let names = machine.wait_for_inbound(4);
    let bytes = names.iter().map(|name| machine.path("root/commands").join(name));
    let documents: Vec<Vec<u8>> = bytes.map(|path| std::fs::read(path).unwrap()).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let secret = [("BRIDGE_HMAC", common::SECRET), ("HOME", "/nonexistent")];
    let host = Host::with(secret, Host::real().now());
    let context = Context::new("test", host, &Common::default()).unwrap();
    let settings: Settings = config::load(&context.host, &config::Source::Shipped).unwrap();
    let keys = Keyring::load(&context, &settings, None).unwrap();
    for (name, bytes) in names.iter().zip(documents) {
        let document = bridge::document::read(&bytes).unwrap();
        let verified =
            bridge::document::verify(&document, &keys, Host::real().now()).map_err(|it| it.reason);
        if name.contains("bad-signature") {
            assert_eq!(verified.unwrap_err(), Reason::BadHmac);
            continue;
        }
        let dated = Schema::new().read(&verified.unwrap().body).unwrap();
        let is_over = dated.expires_at < context.host.now();
        assert_eq!(is_over, name.contains("expired"), "{name}");
        let leaves = matches!(&dated.command.payload.inline.ops[..],
            [Op::WriteFile { path, .. }] if path.starts_with("../"));
        assert_eq!(leaves, name.contains("escape"), "{name}");
    }
}

#[test]
fn smoke_without_an_executor_is_a_75_and_leaves_nothing_behind() {
    let machine = Machine::new();
    let said = machine.run(&["smoke", "--wait-seconds", "0"]);
    assert_eq!((said.code, said.out.as_str()), (75, ""), "{said:?}");
    assert!(said.err.contains("no executor answered"), "{said:?}");
    assert_eq!(machine.inbound(), [""; 0]);
}
