//! Somebody swaps folders for symbolic links while commands write through them: nothing outside is
//! ever touched.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use scenarios::{Bridge, Document, Stop, changed, moved, snapshot, write};
use serde_json::json;

/// Runs `work` while `folder` and a link to `outside` change places as fast as they can.
fn swapping(folder: &Path, outside: &Path, work: impl FnOnce()) {
    let link = folder.with_extension("other");
    symlink(outside, &link).unwrap();
    let (stop, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        let _stop = Stop(&stop);
        work();
    });
    assert!(swaps.into_inner() > 100, "too few swaps to be a race");
    if folder.is_symlink() {
        renameat_with(CWD, folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
    }
    fs::remove_file(&link).unwrap();
}

/// Files that commands change.
fn lay_out(folder: &Path) {
    fs::create_dir_all(folder.join("deep")).unwrap();
    for at in 0..300 {
        for (file, text) in [("old", "old\n"), ("move", "move\n")] {
            fs::write(folder.join(format!("deep/{file}-{at}")), text).unwrap();
        }
    }
}

/// A folder that must stay as it is, full of names that commands use.
fn outside(bridge: &Bridge) -> std::path::PathBuf {
    let outside = bridge.root.parent().unwrap().join("outside");
    lay_out(&outside);
    fs::write(outside.join("bridge.log"), "kept\n").unwrap();
    outside
}

fn commands(bridge: &Bridge, range: Range<usize>, folder: &str, target: &str) -> Vec<String> {
    let id = |at: usize| format!("swap-{at:03}");
    range
        .map(|at| {
            let path = |file: &str| format!("{folder}deep/{file}-{at}");
            let ops = [write(&path("new"), "new\n"), write(&path("old"), "new\n")];
            let ops = [&ops[..], &[moved(&path("move"), &path("moved"))]].concat();
            bridge.submit(&Document::new(&id(at), &ops).with("/target", target));
            id(at)
        })
        .collect()
}

#[test]
fn a_folder_swapped_inside_the_target_leads_nobody_out() {
    let bridge = Bridge::with(|policy| {
        policy["retries"] = json!({"attempts": 3, "base_ms": 1, "longest_ms": 1});
        policy["group"]["commands"] = 5.into();
    });
    let outside = outside(&bridge);
    let before = snapshot(&outside, &[]);
    lay_out(&bridge.work.join("dir"));
    let ids = commands(&bridge, 0..300, "dir/", "WORK");
    swapping(&bridge.work.join("dir"), &outside, || {
        for _ in 0..5 {
            let ran = bridge.run(&["once", "--quiet"]);
            assert!(ran.code <= 1, "{ran:?}");
        }
    });
    let ran = bridge.once();
    assert!(ran.code <= 1, "{ran:?}");
    assert!(changed(&before, &snapshot(&outside, &[])).is_empty());
    drop(bridge.run(&["verify"]).expect(0));
    let (mut done, mut refused) = (0, 0);
    for (at, id) in ids.iter().enumerate() {
        let text = |file: &str| bridge.text(&format!("dir/deep/{file}-{at}"));
        let all = ["new", "old", "move", "moved"].map(text);
        let all = all.each_ref().map(Option::as_deref);
        if bridge.names("archive").contains(&format!("{id}.json")) {
            done += 1;
            assert_eq!(all, [Some("new\n"), Some("new\n"), None, Some("move\n")], "{id} is ok");
        } else {
            refused += 1;
            let reason = bridge.reason(id);
            let known = ["symlink", "precondition_failed", "path_denied", "retries_exhausted"];
            assert!(known.contains(&&*reason), "{id}: {reason}");
            assert_eq!(all, [None, Some("old\n"), Some("move\n"), None], "{id}: {reason}");
        }
    }
    assert!(done > 0 && refused > 0, "{done} done and {refused} refused is no race");
}

#[test]
fn a_target_swapped_for_a_link_is_not_followed() {
    for target in ["ABSOLUTE", "RELATIVE"] {
        let bridge = Bridge::with(|policy| {
            policy["targets"]["RELATIVE"] = json!({"path": "../work"});
            policy["retries"] = json!({"attempts": 3, "base_ms": 1, "longest_ms": 1});
            policy["group"]["commands"] = 5.into();
            policy["targets"]["ABSOLUTE"] = policy["targets"]["WORK"].clone();
        });
        let outside = outside(&bridge);
        let before = snapshot(&outside, &[]);
        lay_out(&bridge.work);
        swapping(&bridge.work, &outside, || {
            for at in 0..6 {
                commands(&bridge, at * 20..at * 20 + 20, "", target);
                let ran = bridge.run(&["once", "--quiet"]);
                assert!([0, 1, 69].contains(&ran.code), "{ran:?}");
            }
        });
        let ran = bridge.once();
        assert!(ran.code <= 1, "{ran:?}");
        assert!(changed(&before, &snapshot(&outside, &[])).is_empty(), "{target}");
        drop(bridge.run(&["verify"]).expect(0));
    }
}

#[test]
fn the_bridges_own_folders_swapped_for_links_are_not_followed() {
    for folder in ["results", "commands", "archive", "dead_letter", "diffs", "logs", "meta"] {
        let bridge = Bridge::new();
        drop(bridge.once().expect(0));
        let outside = outside(&bridge);
        let before = snapshot(&outside, &[]);
        let ids: Vec<String> = (0..15).map(|at| format!("{folder}-{at:03}")).collect();
        for id in &ids {
            bridge.submit(&Document::new(id, &[write(id, id)]));
        }
        bridge.drop_in("bad.json", b"{}");
        swapping(&bridge.root.join(folder), &outside, || {
            for _ in 0..8 {
                let ran = bridge.run(&["once", "--quiet"]);
                assert!([0, 1, 69].contains(&ran.code), "{ran:?}");
            }
        });
        let ran = bridge.once();
        assert!(ran.code <= 1, "{folder}: {ran:?}");
        assert!(changed(&before, &snapshot(&outside, &[])).is_empty(), "{folder}");
        bridge.assert_consistent(ids.iter().map(String::as_str));
    }
}
