//! `kill -9`: at random moments under load, and before every single step that matters.

use std::time::Duration;

use scenarios::{Bridge, Document, has, write};

use crate::chain::Chain;
use crate::failing_calls::injected;

/// How often the executor is killed.
const KILLS: usize = 220;

#[test]
fn killed_hundreds_of_times_under_load_it_loses_nothing_and_does_nothing_twice() {
    let bridge = Bridge::with(|policy| policy["log_segment_bytes"] = 20_000.into());
    let mut chains = [Chain::begin(&bridge, "a"), Chain::begin(&bridge, "b")];
    // Not random: a failure can be had again.
    let mut seed = 42_u64;
    for at in 0..KILLS {
        for chain in &mut chains {
            chain.next(&bridge);
        }
        let running = if at % 2 == 0 { bridge.watch() } else { bridge.start_once() };
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros((seed >> 33) % 60_000));
        running.kill();
    }
    drop(bridge.once().expect(0));
    for chain in &chains {
        chain.assert_done(&bridge);
    }
    bridge.assert_consistent(chains.iter().flat_map(Chain::ids));
}

/// Every system call that changes something; strace counts each by itself.
const STEPS: &[(&str, usize)] = &[
    ("renameat2", 1),
    ("renameat", 1),
    ("rename", 1),
    ("unlinkat", 2),
    ("mkdirat", 1),
    ("ftruncate", 1),
    ("syncfs", 1),
    ("fdatasync", 1),
    ("pwrite64", 5),
    ("write", 5),
];

#[test]
fn killed_before_any_step_it_finishes_at_the_next_start() {
    if !has("strace") {
        return skipped::told(skipped::this_test(), "strace is not installed");
    }
    let bridge = Bridge::with(|policy| policy["log_segment_bytes"] = 1024.into());
    let mut chain = Chain::begin(&bridge, "chain");
    drop(bridge.once().expect(0));
    let (mut refused, mut kills) = (Vec::new(), 0);
    for (step, stride) in STEPS {
        for at in (1..).step_by(*stride) {
            chain.next(&bridge);
            chain.next(&bridge);
            let no = format!("no-{step}-{at}");
            bridge.submit(&Document::new(&no, &[write("../x", "")]));
            refused.push(no);
            let code = injected(&bridge, &["once", "--quiet"], step, "signal=KILL", at);
            let ran = bridge.once();
            assert!(ran.code <= 1, "after {step} {at}: {ran:?}");
            chain.assert_done(&bridge);
            if code != 128 + 9 {
                assert_eq!(code, 1, "{step} {at}");
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 50, "killed only {kills} times: strace does not do what it should");
    bridge.assert_consistent(chain.ids().chain(refused.iter().map(String::as_str)));
}
