//! Many at once: one message of a check is told, the others are counted, nobody waits long.

use std::process::{Child, Stdio};

use notify::model::State;

use crate::machine::{Machine, titles};

/// How many processes send at once.
const BATCH: usize = 50;

#[test]
fn a_thousand_concurrent_sends_of_one_check_are_one_delivery_and_999_counted() {
    let machine = Machine::new();
    for _ in 0..1000 / BATCH {
        let start = |_| {
            machine
                .call("send --quiet --title disk~full --check disk.free --severity high")
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        };
        let running: Vec<Child> = (0..BATCH).map(start).collect();
        for mut child in running {
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
    }
    assert_eq!(machine.flush(0).queued, 0);
    assert_eq!(titles(&machine.pushover), ["disk full"]);
    let status = machine.status();
    assert_eq!(status.counts[State::Delivered.name()], 1);
    let counted = status.counts[State::Held.name()] + status.counts[State::Superseded.name()];
    assert_eq!(counted, 999);
    assert_eq!(status.spool.waiting, 0);
    // Those that the delivered one told of, and those that the next one will tell of.
    let told = machine.pushover.accepted()[0].field("message").to_owned();
    let told: u64 =
        told.strip_prefix('(').and_then(|it| it.split(' ').next()?.parse().ok()).unwrap_or(0);
    assert_eq!(told + status.checks[0].held_back, 999);
}

#[test]
fn concurrent_sends_of_different_things_are_each_told_once() {
    let machine = Machine::with(&["pushover"], |settings| settings["perFlush"] = 1000.into());
    let start = |at: usize| {
        let line = format!("send --quiet --title t{at}");
        machine.call(&line).stdout(Stdio::null()).spawn().unwrap()
    };
    let running: Vec<Child> = (0..40).map(start).collect();
    for mut child in running {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let mut told = titles(&machine.pushover);
    told.sort();
    let mut want: Vec<String> = (0..40).map(|at| format!("t{at}")).collect();
    want.sort();
    assert_eq!(told, want, "without a timer, whoever flushes last has told all of them");
}
