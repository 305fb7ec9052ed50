//! What the executor must not forget: the time, and what it accepted.

use std::fs;
use std::process::Command;

use scenarios::{Bridge, Document, has, moved, write};

fn of(id: &str) -> Document {
    Document::new(id, &[write(id, id)])
}

#[test]
fn a_clock_set_back_reopens_nothing() {
    if !has("faketime") {
        return skipped::told(skipped::this_test(), "faketime is not installed");
    }
    let bridge = Bridge::new();
    let at = |offset: &str| {
        let call = bridge.call(&["once"]);
        let mut faked = Command::new("faketime");
        faked.args(["-f", offset]).arg(call.get_program()).args(call.get_args()).env_clear();
        faked.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        faked.output().unwrap().status.code()
    };
    let hour = of("an-hour").times(-1, 1800);
    bridge.submit(&of("later").times(3500, 7200));
    assert_eq!(at("+1h"), Some(0));
    bridge.submit(&hour);
    assert_eq!(at("+0"), Some(1));
    assert_eq!(bridge.reason("an-hour"), "expired");
    bridge.submit(&of("again").times(-3600, 1800));
    assert_eq!(at("-1h"), Some(1));
    assert_eq!(bridge.reason("again"), "expired");
    assert_eq!((bridge.text("an-hour"), bridge.text("again")), (None, None));
    // An operator may say that the clock was wrong before.
    drop(bridge.run(&["init", "--reset-clock"]).expect(0));
    bridge.submit(&of("now"));
    drop(bridge.once().expect(0));
    drop(bridge.run(&["verify"]).expect(0));
}

#[test]
fn a_lost_ledger_is_learnt_again_from_the_evidence() {
    let bridge = Bridge::new();
    let (done, refused) = (of("done"), Document::new("refused", &[moved("missing", "b")]));
    let expired = of("expired").times(-600, -300);
    for document in [&done, &refused, &expired] {
        bridge.submit(document);
    }
    drop(bridge.once().expect(1));
    fs::remove_dir_all(bridge.home.join("state/bridge")).unwrap();
    // Its result is gone too: only the archive knows.
    for name in ["results/done.json", "results/done.integrity.json", "diffs/done.patch"] {
        fs::remove_file(bridge.root.join(name)).unwrap();
    }
    fs::remove_file(bridge.work.join("done")).unwrap();
    bridge.submit(&done);
    bridge.submit(&refused);
    drop(bridge.once().expect(1));
    assert_eq!(bridge.reason("done"), "replay");
    assert_eq!(bridge.reason("refused.2"), "replay");
    assert_eq!(bridge.text("done"), None);
    // The other way round: evidence pruned, or undone by a force-push, is no way to replay either.
    fs::remove_dir_all(bridge.root.join("archive")).unwrap();
    fs::remove_dir_all(bridge.root.join("dead_letter")).unwrap();
    bridge.submit(&done);
    bridge.submit(&refused);
    drop(bridge.once().expect(1));
    assert_eq!((bridge.log().len(), bridge.text("done")), (7, None));
    assert!(bridge.log().iter().rev().take(2).all(|line| line["reason"] == "replay"));
}
