//! Clients that do not write as they should: slowly, in place, or again while they are read.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::{Bridge, Document, Stop, has, wait_until, write};

use crate::failing_calls::injected;

fn of(id: &str) -> Document {
    Document::new(id, &[write(id, id)])
}

#[test]
fn a_file_that_is_written_slowly_is_waited_for() {
    let bridge = Bridge::new();
    let watch = bridge.watch();
    let text = of("slow").signed();
    let mut file = fs::File::create(bridge.root.join("commands/slow.json")).unwrap();
    for part in text.as_bytes().chunks(text.len() / 8) {
        file.write_all(part).unwrap();
        file.flush().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    drop(file);
    wait_until("its result", || bridge.names("results").len() == 2);
    wait_until("the end of it", || bridge.names("commands").is_empty());
    assert_eq!(watch.stop(), 0);
    bridge.assert_consistent(["slow"]);
}

#[test]
fn a_file_that_is_replaced_under_way_is_another_document() {
    let bridge = Bridge::new();
    let watch = bridge.watch();
    let path = bridge.root.join("commands/same.json");
    let ids: Vec<String> = (0..150).map(|at| format!("c-{at:03}")).collect();
    for (at, id) in ids.iter().enumerate() {
        let text = of(id).signed();
        if at % 2 == 0 {
            bridge.drop_in("same.json", text.as_bytes());
        } else {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        // What the client replaced itself is its own loss; what it left must not be.
        if at % 3 == 0 {
            wait_until("it is taken", || !path.exists());
        }
    }
    wait_until("the end of it", || bridge.names("commands").is_empty());
    assert_eq!(watch.stop(), 0);
    drop(bridge.run(&["verify"]).expect(0));
    bridge.assert_tidy();
    assert_eq!(bridge.names("dead_letter"), [""; 0]);
    for id in ids.iter().step_by(3) {
        assert_eq!(bridge.text(id).as_ref(), Some(id));
    }
}

#[test]
fn a_newer_file_of_the_same_name_survives_whatever_happens() {
    if !has("strace") {
        return skipped::told(skipped::this_test(), "strace is not installed");
    }
    for in_place in [false, true] {
        let bridge = Bridge::new();
        bridge.drop_in("same.json", of("one").signed().as_bytes());
        // Killed when all is done but the inbound file removed.
        let steps = |at| injected(&bridge, &["once"], "renameat", "signal=KILL", at);
        assert_eq!(steps(5), 128 + 9, "four files of evidence, then the inbound file");
        assert_eq!(bridge.names("commands"), ["same.json"]);
        let two = of("two").signed();
        if in_place {
            fs::write(bridge.root.join("commands/same.json"), two).unwrap();
        } else {
            bridge.drop_in("same.json", two.as_bytes());
        }
        drop(bridge.once().expect(0));
        bridge.assert_consistent(["one", "two"]);
    }
}

#[test]
fn links_that_come_and_go_among_the_commands_stop_nobody() {
    let bridge = Bridge::new();
    let stop = AtomicBool::new(false);
    let ids: Vec<String> = (0..60).map(|at| format!("c-{at:03}")).collect();
    let path = bridge.root.join("commands/flicker.json");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                drop(fs::write(&path, "{\"half\":"));
                drop(fs::remove_file(&path));
                drop(std::os::unix::fs::symlink("/etc/passwd", &path));
                drop(fs::remove_file(&path));
                drop(fs::create_dir(&path));
                drop(fs::remove_dir(&path));
            }
        });
        let _stop = Stop(&stop);
        for id in &ids {
            bridge.submit(&of(id));
            let ran = bridge.run(&["once", "--quiet"]);
            assert!(ran.code <= 1, "{ran:?}");
        }
    });
    bridge.assert_consistent(ids.iter().map(String::as_str));
}

#[test]
fn folders_under_the_executors_temporary_names_stop_nobody() {
    for inside in [false, true] {
        let bridge = Bridge::new();
        for planted in ["commands/.aiops-c-1.json.tmp", "results/.aiops-c-1.json.tmp"] {
            fs::create_dir_all(bridge.root.join(planted)).unwrap();
            if inside {
                fs::write(bridge.root.join(planted).join("x"), "kept").unwrap();
            }
        }
        bridge.submit(&of("c-1"));
        drop(bridge.once().expect(0));
        drop(bridge.run(&["verify"]).expect(0));
        assert_eq!(bridge.text("c-1").as_deref(), Some("c-1"));
        assert!(!bridge.root.join("commands/c-1.json").exists());
        if !inside {
            bridge.assert_consistent(["c-1"]);
        }
    }
}
