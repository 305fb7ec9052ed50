//! A disk that says no, to any single system call: nothing is lost, half done or done twice.

use std::fs;
use std::process::{Command, Stdio};

use scenarios::{Bridge, Document, exited, has, write};
use serde_json::json;

use crate::chain::Chain;

/// Every system call that changes something, with what it is answered; strace counts each by itself.
const STEPS: &[(&str, &str, usize)] = &[
    ("renameat2", "EIO", 1),
    ("renameat", "ENOSPC", 1),
    ("unlinkat", "EIO", 1),
    ("mkdirat", "ENOSPC", 1),
    ("ftruncate", "EIO", 1),
    ("syncfs", "EIO", 1),
    ("fdatasync", "EIO", 1),
    ("pwrite64", "ENOSPC", 3),
    ("write", "ENOSPC", 1),
];

#[test]
fn a_call_that_fails_loses_nothing() {
    if !has("strace") {
        return skipped::told(skipped::this_test(), "strace is not installed");
    }
    let bridge = Bridge::with(|policy| {
        policy["log_segment_bytes"] = 1024.into();
        policy["retries"] = json!({"attempts": 6, "base_ms": 1, "longest_ms": 1});
    });
    let mut chain = Chain::begin(&bridge, "chain");
    drop(bridge.once().expect(0));
    for (step, errno, stride) in STEPS {
        for at in (1..200).step_by(*stride) {
            // One at a time: what builds on a command that has to be tried again is refused.
            chain.next(&bridge);
            let code = failing(&bridge, &["once", "--quiet"], step, at, errno);
            for _ in 0..3 {
                let ran = bridge.once();
                assert_eq!(ran.code, 0, "after {step} {at}: {ran:?}");
            }
            chain.assert_done(&bridge);
            bridge.assert_tidy();
            assert_eq!(bridge.names("commands"), [""; 0]);
            if code == 0 {
                break;
            }
        }
    }
    bridge.assert_consistent(chain.ids());
}

#[test]
fn an_approved_command_survives_a_call_that_fails() {
    if !has("strace") {
        return skipped::told(skipped::this_test(), "strace is not installed");
    }
    let bridge = Bridge::with(|policy| {
        policy["hold"] = json!([{"target": "WORK"}]);
        policy["retries"] = json!({"attempts": 6, "base_ms": 1, "longest_ms": 1});
    });
    for at in 1..=6 {
        let id = format!("held-{at}");
        bridge.submit(&Document::new(&id, &[write(&id, &id), write(&format!("{id}.2"), &id)]));
        drop(bridge.once().expect(0));
        let _code = failing(&bridge, &["approve", &id], "renameat2", at, "EIO");
        drop(bridge.once().expect(0));
        assert_eq!(bridge.text(&id).as_deref(), Some(&*id), "{at}");
        bridge.assert_consistent([&*id]);
    }
}

#[test]
fn a_target_that_is_away_after_a_crash_is_finished_when_it_is_back() {
    if !has("strace") {
        return skipped::told(skipped::this_test(), "strace is not installed");
    }
    let bridge = Bridge::new();
    fs::write(bridge.work.join("a"), "old").unwrap();
    bridge.submit(&Document::new("two", &[write("a", "new"), write("b", "new")]));
    // Two renames stage, the third makes `a` visible, the fourth is not reached.
    let killed = injected(&bridge, &["once"], "renameat2", "signal=KILL", 4);
    assert_eq!(killed, 128 + 9);
    assert_eq!((bridge.text("a").as_deref(), bridge.text("b")), (Some("new"), None));
    let away = bridge.work.with_extension("away");
    fs::rename(&bridge.work, &away).unwrap();
    drop(bridge.once().expect(69));
    fs::rename(&away, &bridge.work).unwrap();
    drop(bridge.once().expect(0));
    assert_eq!(
        (bridge.text("a").as_deref(), bridge.text("b").as_deref()),
        (Some("new"), Some("new"))
    );
    bridge.assert_consistent(["two"]);
}

fn failing(bridge: &Bridge, args: &[&str], step: &str, at: usize, errno: &str) -> i32 {
    injected(bridge, args, step, &format!("error={errno}"), at)
}

/// Runs a call whose n-th system call of one kind meets with something. Returns the exit code.
pub(crate) fn injected(bridge: &Bridge, args: &[&str], step: &str, what: &str, at: usize) -> i32 {
    let call = bridge.call(args);
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={step}")])
        .args(["-e", &format!("inject={step}:{what}:when={at}")])
        .arg(call.get_program())
        .args(call.get_args())
        .env_clear()
        .envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    exited(traced.status().unwrap())
}
