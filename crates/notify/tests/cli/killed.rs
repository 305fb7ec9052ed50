//! `kill -9`: before every step that matters, of the sender and of the flush. What was accepted by a
//! service is never accepted again; what nobody knows is said to be so.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use notify::model::State;

use crate::machine::{Machine, scenarios_code, titles};

/// System calls before which the process is killed, the distance between two kills, and how many
/// kills there are at least: a step of which there are fewer was not tried as it should be.
const STEPS: &[(&str, usize, usize)] = &[
    ("renameat2", 1, 1),
    ("rename", 1, 2),
    ("unlink", 1, 1),
    ("fsync", 1, 9),
    // Not every build of SQLite uses it.
    ("fdatasync", 1, 0),
    ("pwrite64", 3, 10),
    ("write", 2, 4),
    ("connect", 1, 1),
    ("sendto", 1, 1),
    ("recvfrom", 1, 1),
    ("flock", 1, 1),
    // How many files are opened is the libraries' affair.
    ("openat", 7, 1),
];

/// Runs a call whose n-th system call of one kind is its last. Returns the exit code.
fn killed(machine: &Machine, line: &str, step: &str, at: usize) -> i32 {
    let call = machine.call(line);
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={step}")])
        .args(["-e", &format!("inject={step}:signal=KILL:when={at}")])
        .arg(call.get_program())
        .args(call.get_args())
        .env_clear()
        .envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    scenarios_code(traced.status().unwrap())
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !found {
        skipped::told(skipped::this_test(), "strace is not installed");
    }
    found
}

#[test]
fn killed_before_any_step_every_message_is_told_once_or_marked() {
    if !has_strace() {
        return;
    }
    let machine = Machine::with(&["ntfy"], |settings| settings["perFlush"] = 1000.into());
    for (step, stride, least) in STEPS {
        let mut kills = 0;
        for at in (1..400).step_by(*stride) {
            let code = killed(&machine, &format!("send --quiet --title {step}-{at}"), step, at);
            // Whatever it left, the next flush makes good; a block after doubt is waited out.
            let mut simulated = machine.simulated(ops_core::host::Host::real().now());
            simulated.wait(3600).flush();
            if code != 128 + 9 {
                assert_eq!(code, 0, "{step} {at}");
                break;
            }
            kills += 1;
        }
        assert!(kills >= *least, "killed only {kills} times before {step}");
    }
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for title in titles(&machine.ntfy) {
        *told.entry(title).or_default() += 1;
    }
    let twice: Vec<_> = told.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "told twice: {twice:?}");
    let status = machine.status();
    assert_eq!(status.spool.waiting, 0);
    assert_eq!(status.counts[State::Queued.name()], 0);
    let count = |state: State| usize::try_from(status.counts[state.name()]).unwrap();
    let (delivered, ambiguous) = (count(State::Delivered), count(State::Ambiguous));
    assert_eq!(count(State::Failed) + count(State::Expired), 0);
    // Those of which nobody knows arrived or did not; the others arrived.
    assert!(
        told.len() >= delivered && told.len() <= delivered + ambiguous,
        "{} {delivered} {ambiguous}",
        told.len()
    );
    assert!(ambiguous > 0, "no kill met a request");
}

#[test]
fn asked_to_end_it_hears_its_request_to_the_end_and_makes_no_other() {
    let machine = Machine::with(&["ntfy"], |settings| settings["timeoutSeconds"] = 30.into());
    let mut simulated = machine.simulated(ops_core::host::Host::real().now());
    for title in ["first", "second"] {
        // Messages of one moment are told in any order.
        simulated.wait(1).raise(&crate::machine::alert(
            title,
            None,
            ops_core::alert::Severity::Warn,
            ops_core::alert::Kind::Event,
        ));
    }
    for (signal, told) in [("TERM", "first"), ("INT", "second")] {
        machine.ntfy.then(fakes::How::Hang);
        let before = machine.ntfy.received().len();
        let running = machine.call("flush --json").stdout(Stdio::piped()).spawn().unwrap();
        assert!(machine.ntfy.wait_for(before + 1, std::time::Duration::from_secs(30)));
        let pid = running.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        machine.ntfy.release();
        let ended = running.wait_with_output().unwrap();
        let flushed: notify::documents::Flushed = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!((flushed.delivered, flushed.ambiguous), (1, 0), "{flushed:?}");
        let is_first = told == "first";
        assert_eq!(flushed.left, is_first.then_some(notify::flush::Left::Stopped));
        assert_eq!(scenarios_code(ended.status), if is_first { 69 } else { 0 });
        assert_eq!(titles(&machine.ntfy).last().unwrap(), told);
    }
}

#[test]
fn a_flush_killed_at_any_moment_leaves_the_rest_to_the_next() {
    let machine = Machine::with(&["ntfy"], |settings| settings["perFlush"] = 1000.into());
    let (mut raised, mut seed) = (0, 42_u64);
    for round in 0..40 {
        let simulated = machine.simulated(ops_core::host::Host::real().now());
        for _ in 0..5 {
            let title = format!("m{raised}");
            simulated.raise(&crate::machine::alert(
                &title,
                None,
                ops_core::alert::Severity::Warn,
                ops_core::alert::Kind::Event,
            ));
            raised += 1;
        }
        let line = if round % 2 == 0 { "flush --quiet" } else { "send --quiet --title s" };
        let mut running =
            machine.call(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(std::time::Duration::from_micros((seed >> 33) % 40_000));
        running.kill().unwrap();
        running.wait().unwrap();
        let mut simulated = machine.simulated(ops_core::host::Host::real().now());
        simulated.wait(3600).flush();
    }
    let mut told = titles(&machine.ntfy);
    told.retain(|title| title != "s");
    let all = told.len();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), all, "told twice");
    let status = machine.status();
    assert_eq!((status.spool.waiting, status.counts[State::Queued.name()]), (0, 0));
    let ambiguous = usize::try_from(status.counts[State::Ambiguous.name()]).unwrap();
    assert!(all + ambiguous >= raised, "{all} told, {ambiguous} ambiguous of {raised}");
}
