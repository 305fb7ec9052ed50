//! Someone else working in the same tree at the same time. Bounded by rounds, never by time.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use confined_fs::{Fault, RelPath, Seen, Tree};

use crate::support::{Ground, TEMP, change, list, path};

/// Each round is one or two changes of three to four operations.
const ROUNDS: usize = 4_000;

/// Tells a spinning thread to stop, even when the test panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_folder_that_keeps_turning_into_a_link_never_leads_outside() {
    let ground = Ground::new();
    ground.put("d/sub/x", "0");
    // The attacker's folder has everything a change could want to find.
    fs::create_dir(ground.outside().join("sub")).unwrap();
    fs::write(ground.outside().join("sub/x"), "0").unwrap();
    let outside = list(&ground.outside());
    let (d, away) = (ground.at("d"), ground.at("away"));
    let stop = AtomicBool::new(false);
    let (mut done, mut refused) = (0, 0);
    let mut seen = b"0".to_vec();
    thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0_u32.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // Uneven pauses, or the folder would be away nearly all the time.
                for _ in 0..turn.wrapping_mul(7919) % 100_000 {
                    std::hint::spin_loop();
                }
                fs::rename(&d, &away).unwrap();
                // A new folder that prepare made meanwhile may be in the way.
                if symlink(ground.outside(), &d).is_ok() {
                    fs::remove_file(&d).unwrap();
                }
                while fs::rename(&away, &d).is_err() {
                    clear_made(&d);
                }
            }
        });
        let _stop = Stop(&stop);
        for round in 0..ROUNDS {
            if let Some(bytes) = bytes(&ground.tree, &path("d/sub/x")) {
                seen = bytes;
            }
            let new = round.to_string();
            let other = format!("d/sub/new{round}");
            let changes = [
                numbered(change("d/sub/x", Some(&seen), Some(new.as_bytes())), 2 * round),
                numbered(change(&other, None, Some(b"new")), 2 * round + 1),
            ];
            for change in &changes {
                // Both are allowed: it worked, or it was refused. What counts is looked at below.
                if ground.tree.prepare(change).is_ok() && ground.tree.commit(change).is_ok() {
                    done += 1;
                    if round % 2 == 0 {
                        drop(ground.tree.undo(change));
                    }
                } else {
                    refused += 1;
                }
                drop(ground.tree.finish(change));
            }
            assert_eq!(list(&ground.outside()), outside, "round {round}");
        }
    });
    ground_is_whole(&ground, &outside);
    assert!(done > 0 && refused > 0, "{done} went through, {refused} were refused: no race");
}

/// Outside nothing changed, and inside the file has some content it was given.
fn ground_is_whole(ground: &Ground, outside: &[String]) {
    assert_eq!(list(&ground.outside()), outside);
    assert_eq!(fs::read(ground.outside().join("file")).unwrap(), b"outside");
    assert_eq!(fs::read(ground.outside().join("sub/x")).unwrap(), b"0");
    let kept = ground.content("d/sub/x").expect("the file is still there");
    assert!(kept.iter().all(u8::is_ascii_digit) && !kept.is_empty());
}

/// Removes folders that `prepare` made in the place of one that was moved away.
fn clear_made(d: &std::path::Path) {
    if d.is_dir() && !d.is_symlink() {
        drop(fs::remove_dir_all(d));
    }
}

fn numbered(mut change: confined_fs::Change, number: usize) -> confined_fs::Change {
    change.temp = format!("{TEMP}{number}");
    change
}

fn bytes(tree: &Tree, at: &RelPath) -> Option<Vec<u8>> {
    match tree.read(at, 1000) {
        Ok(Seen::File(seen)) => Some(seen.bytes),
        _ => None,
    }
}

#[test]
fn an_edit_by_rename_is_never_lost_to_a_commit() {
    let ground = Ground::new();
    ground.put("x", "edit 0");
    let stop = AtomicBool::new(false);
    let (mut committed, mut refused) = (0, 0);
    // For each commit that went through, what it replaced.
    let mut replaced = std::collections::HashMap::new();
    let last = thread::scope(|scope| {
        let editor = scope.spawn(|| {
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                fs::write(ground.at("editor~"), format!("edit {number}")).unwrap();
                fs::rename(ground.at("editor~"), ground.at("x")).unwrap();
            }
            number
        });
        let stopping = Stop(&stop);
        for round in 0..ROUNDS {
            let Some(seen) = bytes(&ground.tree, &path("x")) else { continue };
            let new = format!("ours {round}");
            let change = numbered(change("x", Some(&seen), Some(new.as_bytes())), 1);
            let outcome = ground.tree.prepare(&change).and_then(|_| ground.tree.commit(&change));
            match outcome {
                Ok(()) => {
                    committed += 1;
                    replaced.insert(new.into_bytes(), seen);
                }
                Err(Fault::Precondition(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            if ground.tree.finish(&change).is_err() {
                // An edit that a newer edit had already replaced was kept for a person to see.
                fs::remove_file(ground.at(".aiops-11")).unwrap();
            }
        }
        drop(stopping);
        editor.join().unwrap()
    });
    // Following our commits back from what is there now must lead to the editor's last word.
    let mut content = ground.content("x").unwrap();
    while let Some(earlier) = replaced.get(&content) {
        content.clone_from(earlier);
    }
    assert_eq!(String::from_utf8(content).unwrap(), format!("edit {last}"));
    assert!(committed > 0 && refused > 0, "{committed} committed, {refused} refused");
    assert_eq!(ground.listing(), ["x"]);
}

#[test]
fn a_late_write_into_the_replaced_file_is_kept_and_reported() {
    let ground = Ground::new();
    let barrier = Barrier::new(2);
    for delete in [false, true] {
        ground.put("x", "old");
        let new: Option<&[u8]> = if delete { None } else { Some(b"new") };
        let change = change("x", Some(b"old"), new);
        thread::scope(|scope| {
            scope.spawn(|| {
                let writer = fs::OpenOptions::new().write(true).open(ground.at("x")).unwrap();
                barrier.wait();
                barrier.wait();
                std::os::unix::fs::FileExt::write_all_at(&writer, b"edited late", 0).unwrap();
                barrier.wait();
            });
            barrier.wait();
            ground.tree.prepare(&change).unwrap();
            ground.tree.commit(&change).unwrap();
            barrier.wait();
            barrier.wait();
            assert!(matches!(ground.tree.finish(&change), Err(Fault::Precondition(_))));
            assert_eq!(ground.content(TEMP).unwrap(), b"edited late");
            // Taking the change back brings the late edit to light again.
            ground.tree.undo(&change).unwrap();
            ground.tree.finish(&change).unwrap();
        });
        assert_eq!(ground.content("x").unwrap(), b"edited late");
        assert_eq!(ground.listing(), ["x"]);
    }
}
