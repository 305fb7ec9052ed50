//! Someone else acts between any two system calls.

use std::cell::Cell;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::rc::Rc;

use super::*;
use crate::sys::gate;

/// Someone else's deed, done to the folder `d` between two system calls.
type Deed = fn(&Path);

fn edit_by_rename(d: &Path) {
    fs::write(d.join("y"), EDIT).unwrap();
    fs::rename(d.join("y"), d.join("x")).unwrap();
}

fn edit_in_place(d: &Path) {
    fs::write(d.join("x"), EDIT).unwrap();
}

const STORY: [Step; 4] = [Prepare, Commit, Undo, Finish];

#[test]
fn an_edit_between_any_two_system_calls_survives() {
    for (number, deed) in [edit_by_rename as Deed, edit_in_place].into_iter().enumerate() {
        for motion in MOTIONS {
            for steps in [&STORY[..], &[Prepare, Commit, Finish]] {
                for at in 0.. {
                    let ground = Ground::new(motion);
                    let d = ground.at("d");
                    let hook = move |count| {
                        if count == at {
                            deed(&d);
                        }
                        true
                    };
                    let ((), calls) = gate::with(hook, || {
                        for &step in steps {
                            drop(ground.run(step));
                        }
                    });
                    if calls <= at {
                        break;
                    }
                    let label = format!("edit {number} {motion:?} {steps:?} before call {at}");
                    assert_eq!(ground.file().as_deref(), Some(EDIT), "{label}");
                }
            }
        }
    }
}

#[test]
fn an_edit_survives_even_if_the_process_dies_later_in_the_same_step() {
    for motion in MOTIONS {
        for (first, step) in MOVES {
            for forward in [true, false] {
                for at in 0.. {
                    let mut calls_seen = 0;
                    for killed_at in at + 1.. {
                        let ground = Ground::after(motion, first);
                        let d = ground.at("d");
                        let hook = move |count| {
                            if count == at {
                                edit_by_rename(&d);
                            }
                            count < killed_at
                        };
                        let (_, calls) = gate::with(hook, || ground.run(step));
                        calls_seen = calls_seen.max(calls);
                        if calls <= at {
                            break;
                        }
                        // What an executor does, told of the conflict or not.
                        drop(if forward { ground.roll_forward() } else { ground.roll_back() });
                        drop(ground.roll_back());
                        let label = format!("{motion:?} {step:?} edit {at} killed {killed_at}");
                        assert_eq!(ground.file().as_deref(), Some(EDIT), "{label}");
                        if calls <= killed_at {
                            break;
                        }
                    }
                    if calls_seen <= at {
                        break;
                    }
                }
            }
        }
    }
}

fn turn_folder_into_link(d: &Path) {
    fs::rename(d, d.with_file_name("away")).unwrap();
    symlink("../outside", d).unwrap();
}

fn turn_file_into_link(d: &Path) {
    drop(fs::remove_file(d.join("x")));
    symlink("../../outside/x", d.join("x")).unwrap();
}

fn move_folder_away(d: &Path) {
    fs::rename(d, d.with_file_name("away")).unwrap();
}

fn turn_file_into_folder(d: &Path) {
    drop(fs::remove_file(d.join("x")));
    fs::create_dir(d.join("x")).unwrap();
}

fn delete_file(d: &Path) {
    drop(fs::remove_file(d.join("x")));
}

#[test]
fn nothing_appears_outside_whatever_is_turned_into_a_link_and_when() {
    let deeds: [Deed; 5] = [
        turn_folder_into_link,
        turn_file_into_link,
        move_folder_away,
        turn_file_into_folder,
        delete_file,
    ];
    for (number, deed) in deeds.into_iter().enumerate() {
        for motion in MOTIONS {
            for at in 0.. {
                let ground = Ground::new(motion);
                fs::write(ground.folder.path().join("outside/x"), OLD).unwrap();
                let d = ground.at("d");
                let hook = move |count| {
                    if count == at {
                        deed(&d);
                    }
                    true
                };
                let ((), calls) = gate::with(hook, || {
                    for step in STORY {
                        drop(ground.run(step));
                        let label = format!("deed {number} {motion:?} before call {at}, {step:?}");
                        assert_eq!(ground.names("outside"), ["x"], "{label}");
                        let outside = fs::read(ground.folder.path().join("outside/x")).unwrap();
                        assert_eq!(outside, OLD, "{label}");
                    }
                });
                if calls <= at {
                    break;
                }
            }
        }
    }
}

#[test]
fn of_two_edits_the_newer_one_stays_in_its_place() {
    for (motion, (first, step)) in MOTIONS.into_iter().flat_map(|m| MOVES.map(|moves| (m, moves))) {
        for newer_at in 1.. {
            let mut most_calls = 0;
            for at in 0..newer_at {
                let ground = Ground::after(motion, first);
                let d = ground.at("d");
                let hook = move |count| {
                    if count == at || count == newer_at {
                        fs::write(d.join("y"), if count == at { b"older" } else { EDIT }).unwrap();
                        fs::rename(d.join("y"), d.join("x")).unwrap();
                    }
                    true
                };
                let (_, calls) = gate::with(hook, || ground.run(step));
                most_calls = most_calls.max(calls);
                if calls > newer_at {
                    let label = format!("{motion:?} {step:?} edits at {at} and {newer_at}");
                    assert_eq!(ground.file().as_deref(), Some(EDIT), "{label}");
                }
            }
            if most_calls <= newer_at {
                break;
            }
        }
    }
}

/// Puts another file with the same content in the file's place.
fn rewrite_the_same(d: &Path) {
    fs::copy(d.join("x"), d.join("y")).unwrap();
    fs::rename(d.join("y"), d.join("x")).unwrap();
}

fn link_to_it(d: &Path) {
    fs::hard_link(d.join("x"), d.join("y")).unwrap();
}

#[test]
fn only_the_very_file_that_was_looked_at_is_replaced_or_deleted() {
    for (number, deed) in [rewrite_the_same as Deed, link_to_it].into_iter().enumerate() {
        for motion in [MOTIONS[0], MOTIONS[2]] {
            let mut last_moment = None;
            for at in 0.. {
                let ground = Ground::after(motion, &[Prepare]);
                let d = ground.at("d");
                let inode = Rc::new(Cell::new(None));
                let found = Rc::clone(&inode);
                let hook = move |count| {
                    if count == at && fs::read(d.join("x")).is_ok_and(|bytes| bytes == OLD) {
                        deed(&d);
                        found.set(Some(fs::metadata(d.join("x")).unwrap().ino()));
                    }
                    true
                };
                let (outcome, calls) = gate::with(hook, || ground.run(Commit));
                if calls <= at {
                    break;
                }
                if inode.get().is_some() {
                    last_moment = Some(outcome.is_err());
                }
                if outcome.is_err() {
                    let left = fs::metadata(ground.at("d/x")).unwrap().ino();
                    assert_eq!(
                        Some(left),
                        inode.get(),
                        "deed {number} {motion:?} before call {at}"
                    );
                }
            }
            assert_eq!(last_moment, Some(true), "deed {number} {motion:?} just before the move");
        }
    }
}
