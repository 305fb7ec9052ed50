//! The two-slot rotation, step by step, and windows that end by themselves.

use serde_json::{Value, json};

use crate::machine::{Machine, Said};

const OLD: &str = "old-0123456789-abcdef-0123456789";
const NEXT: &str = "next-0123456789-abcdef-012345678";

fn machine() -> Machine {
    let machine = Machine::new();
    machine.put("secrets/bridge_hmac", OLD, 0o600);
    machine
}

/// The record as of another time.
fn record(machine: &Machine, begun: &str, promoted: Option<&str>) {
    let record = json!({
        "schema": "aiops.key_rotation/1", "key": "bridge_hmac", "begun_at": begun,
        "window_seconds": 3600, "promoted_at": promoted
    });
    machine.put("secrets/bridge_hmac.rotation.json", &record.to_string(), 0o600);
}

fn next(machine: &Machine) -> String {
    machine.get("secrets/bridge_hmac_next").trim().to_owned()
}

fn step(machine: &Machine, step: &str) -> Said {
    machine.run(&format!("rotate bridge_hmac {step} --json"))
}

fn of<'a>(document: &'a Value, names: [&str; 2]) -> [&'a str; 2] {
    names.map(|name| document[name].as_str().unwrap())
}

#[test]
fn begin_promote_and_retire_leave_only_the_new_secret() {
    let machine = machine();
    let begun = step(&machine, "begin --window 2h").expect(0).json();
    assert_eq!(of(&begun, ["turn", "phase"]), ["begun", "begun"]);
    let new = next(&machine);
    assert_eq!((new.len(), machine.get("secrets/bridge_hmac").as_str()), (64, OLD));
    let again = step(&machine, "begin").expect(1).json();
    assert_eq!(again["refused"], "a rotation is under way");
    assert_eq!(next(&machine), new);

    let early = step(&machine, "retire").expect(1).json();
    assert!(early["refused"].as_str().unwrap().contains("promote"), "{early}");
    let promoted = step(&machine, "promote").expect(0).json();
    assert_eq!(of(&promoted, ["turn", "phase"]), ["promoted", "promoted"]);
    let again = step(&machine, "promote").expect(0).json();
    assert_eq!(again["turn"], "nothing");
    assert_eq!(again["promoted_at"], promoted["promoted_at"]);

    let early = step(&machine, "retire").expect(1).json();
    let ends = promoted["ends_at"].as_str().unwrap();
    assert!(early["refused"].as_str().unwrap().contains(ends), "{early}");
    let status = step(&machine, "status").expect(0).json();
    assert_eq!(status["phase"], "promoted");
    let retired = step(&machine, "retire --now").expect(0).json();
    assert_eq!(of(&retired, ["turn", "phase"]), ["retired", "idle"]);
    assert_eq!(machine.get("secrets/bridge_hmac").trim(), new);
    assert!(!machine.is_there("secrets/bridge_hmac_next"));
    assert!(!machine.is_there("secrets/bridge_hmac.rotation.json"));
    assert_eq!(retired["current"], status["next"]);
    let told = step(&machine, "retire").expect(1).json();
    assert_eq!(told["refused"], "no rotation is under way");

    let lines: Vec<String> = machine
        .audit()
        .into_iter()
        .map(|it| format!("{} {:?} {}", it.action, it.outcome, it.phase.unwrap()))
        .collect();
    let want = [
        "rotate begin Begun idle",
        "rotate begin Done begun",
        "rotate promote Begun begun",
        "rotate promote Done promoted",
        "rotate retire Begun promoted",
        "rotate retire Done idle",
    ];
    assert_eq!(lines, want);
}

#[test]
fn a_second_slot_that_lies_there_is_taken() {
    let machine = machine();
    machine.put("secrets/bridge_hmac_next", NEXT, 0o600);
    let begun = step(&machine, "begin").expect(0).json();
    assert_eq!(begun["turn"], "adopted");
    assert_eq!(next(&machine), NEXT);
}

#[test]
fn a_window_that_ended_is_settled_by_whatever_call_comes_next() {
    for (promoted, settled, current) in
        [(None, "lapsed", OLD), (Some("2020-01-01T00:30:00Z"), "over", NEXT)]
    {
        for call in ["status", "begin", "promote", "retire"] {
            let machine = machine();
            machine.put("secrets/bridge_hmac_next", NEXT, 0o600);
            record(&machine, "2020-01-01T00:00:00Z", promoted);
            let said = step(&machine, call);
            let document = said.json();
            assert_eq!(document["settled"], settled, "{call}: {document}");
            assert_eq!(machine.get("secrets/bridge_hmac").trim(), current, "{call}");
            let code = match (call, settled) {
                ("status" | "begin", _) | ("retire", "over") => 0,
                _ => 1,
            };
            assert_eq!(said.code, code, "{call} {settled}: {document}");
            assert_eq!(machine.is_there("secrets/bridge_hmac_next"), call == "begin");
            if call == "begin" {
                assert_ne!(next(&machine), NEXT, "a secret whose window ended is not used again");
            }
        }
    }
}

#[test]
fn what_a_cut_off_retirement_left_is_tidied_up_and_never_adopted() {
    let machine = machine();
    machine.put("secrets/bridge_hmac_next", OLD, 0o600);
    let begun = step(&machine, "begin").expect(0).json();
    assert_eq!(begun["turn"], "begun");
    assert_ne!(next(&machine), OLD);
    drop(step(&machine, "promote").expect(0));
    let new = next(&machine);
    // As if killed after the record went.
    machine.put("secrets/bridge_hmac", &new, 0o600);
    std::fs::remove_file(machine.path("secrets/bridge_hmac.rotation.json")).unwrap();
    let retired = step(&machine, "retire").expect(0).json();
    assert_eq!(retired["turn"], "retired");
    assert!(!machine.is_there("secrets/bridge_hmac_next"));
}

#[test]
fn slots_that_cannot_be_written_are_left_to_a_person() {
    let machine = machine().env("BRIDGE_HMAC", OLD);
    let said = step(&machine, "begin").expect(1).json();
    assert!(said["refused"].as_str().unwrap().contains("in the environment"), "{said}");
    assert!(!machine.is_there("secrets/bridge_hmac.rotation.json"));
    machine.put("secrets/bridge_hmac_next", NEXT, 0o600);
    record(&machine, "2020-01-01T00:00:00Z", Some("2020-01-01T00:30:00Z"));
    let said = step(&machine, "status").expect(1).json();
    assert_eq!(said["phase"], "over");
    assert_eq!(next(&machine), NEXT);
}

#[test]
fn a_rotation_guards_its_slots_and_deleting_the_second_gives_it_up() {
    let machine = machine();
    drop(step(&machine, "begin").expect(0));
    for line in ["set bridge_hmac", "set bridge_hmac_next", "generate bridge_hmac --force"] {
        let said = machine.feed(line, NEXT.as_bytes()).expect(1);
        assert!(said.err.contains("a rotation of bridge_hmac is under way"), "{said:?}");
    }
    drop(machine.run("delete bridge_hmac").expect(1));
    drop(machine.run("delete bridge_hmac_next").expect(0));
    assert_eq!(step(&machine, "status").expect(0).json()["phase"], "idle");
    drop(step(&machine, "begin").expect(0));
    drop(step(&machine, "promote").expect(0));
    drop(machine.run("delete bridge_hmac_next").expect(1));
    assert_eq!(next(&machine).len(), 64);
}

#[test]
fn what_cannot_be_rotated_or_believed_is_refused() {
    let machine = Machine::new();
    let said = machine.run("rotate console_token begin").expect(2);
    assert!(said.err.contains("those that have one: bridge_hmac"), "{said:?}");
    drop(machine.run("rotate bridge_hmac begin").expect(77));
    drop(machine.run("rotate bridge_hmac begin --window 100d").expect(2));
    drop(machine.run("rotate bridge_hmac sideways").expect(2));
    machine.put("secrets/bridge_hmac", OLD, 0o600);
    machine.put("secrets/bridge_hmac.rotation.json", "{}", 0o600);
    for call in ["status", "begin", "retire --now"] {
        drop(step(&machine, call).expect(77));
    }
    record(&machine, "yesterday", None);
    drop(step(&machine, "status").expect(77));
    assert_eq!(machine.get("secrets/bridge_hmac"), OLD);
}

#[test]
fn a_promotion_without_its_second_secret_is_refused() {
    let machine = machine();
    drop(step(&machine, "begin").expect(0));
    std::fs::remove_file(machine.path("secrets/bridge_hmac_next")).unwrap();
    drop(step(&machine, "promote").expect(77));
    assert_eq!(step(&machine, "status").expect(0).json()["phase"], "begun");
}
