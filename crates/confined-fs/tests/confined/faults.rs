//! Every fault, and that a fault leaves nothing behind.

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use confined_fs::{After, Fault, Side, Tree};
use rustix::fs::{CWD, FileType, Mode, mkfifoat, mknodat};

use crate::support::{Ground, change, kind, path};

const OLD: &[u8] = b"old";
const NEW: &[u8] = b"new";

/// What can be in a file's place without being a file of one name, and the fault it gives.
const INTRUDERS: [(&str, &str); 7] = [
    ("link", "symlink"),
    ("dangling", "symlink"),
    ("folder", "denied"),
    ("fifo", "denied"),
    ("socket", "denied"),
    ("device", "denied"),
    ("hard", "denied"),
];

fn intrude(ground: &Ground, what: &str, name: &str) -> bool {
    let at = ground.at(name);
    match what {
        "link" => symlink(ground.outside().join("file"), at).unwrap(),
        "dangling" => symlink(ground.outside().join("none"), at).unwrap(),
        "folder" => fs::create_dir(at).unwrap(),
        "fifo" => mkfifoat(CWD, &at, Mode::RUSR | Mode::WUSR).unwrap(),
        "socket" => drop(UnixListener::bind(at).unwrap()),
        // Needs root: reading this one would never end.
        "device" => {
            let zero = rustix::fs::makedev(1, 5);
            return mknodat(CWD, &at, FileType::CharacterDevice, Mode::RUSR, zero).is_ok();
        }
        _ => {
            ground.put("other-name", OLD);
            fs::hard_link(ground.at("other-name"), at).unwrap();
        }
    }
    true
}

#[test]
fn what_is_not_a_file_of_one_name_is_never_read_or_changed() {
    for (what, expected) in INTRUDERS {
        let ground = Ground::new();
        if !intrude(&ground, what, "x") {
            continue;
        }
        let before = ground.listing();
        assert_eq!(kind(&ground.tree.read(&path("x"), 100)), expected, "read {what}");
        for change in [
            change("x", Some(OLD), Some(NEW)),
            change("x", None, Some(NEW)),
            change("x", Some(OLD), None),
        ] {
            assert_eq!(kind(&ground.tree.prepare(&change)), expected, "prepare {what} {change:?}");
            let committed = kind(&ground.tree.commit(&change));
            // Not prepared is reason enough where the content would match.
            assert!([expected, "precondition"].contains(&committed), "commit {what}: {committed}");
            if what != "hard" {
                assert_eq!(ground.tree.state(&change).unwrap(), Side::Neither, "{what}");
                assert_eq!(kind(&ground.tree.undo(&change)), expected, "undo {what}");
            }
            ground.tree.finish(&change).unwrap();
        }
        assert_eq!(ground.listing(), before, "{what}");
        ground.assert_outside_untouched();
    }
}

#[test]
fn what_takes_the_files_place_after_prepare_stays_there() {
    for (what, expected) in INTRUDERS {
        for before in [None, Some(OLD)] {
            let ground = Ground::new();
            if before.is_some() {
                ground.put("x", OLD);
            }
            let change = change("x", before, Some(NEW));
            ground.tree.prepare(&change).unwrap();
            drop(fs::remove_file(ground.at("x")));
            if !intrude(&ground, what, "x") {
                continue;
            }
            let commit = kind(&ground.tree.commit(&change));
            assert_eq!(commit, expected, "{what} over {before:?}");
            ground.tree.undo(&change).unwrap();
            ground.tree.finish(&change).unwrap();
            let mut left: Vec<_> = ground.listing();
            left.retain(|name| name != "other-name");
            assert_eq!(
                left.iter().map(|name| name.trim_end_matches('/')).collect::<Vec<_>>(),
                ["x"]
            );
            ground.assert_outside_untouched();
        }
    }
}

#[test]
fn a_link_on_the_way_is_refused_wherever_it_leads() {
    for target in ["../outside", "real", "/", ".", "none", "loop"] {
        let ground = Ground::new();
        ground.put("real/file", OLD);
        symlink(target, ground.at("loop")).unwrap();
        let before = ground.listing();
        for at in ["loop/file", "loop/deeper/file"] {
            let change = change(at, None, Some(NEW));
            assert_eq!(kind(&ground.tree.read(&path(at), 100)), "symlink", "{target}");
            assert_eq!(kind(&ground.tree.state(&change)), "symlink", "{target}");
            assert_eq!(kind(&ground.tree.prepare(&change)), "symlink", "{target}");
            assert_eq!(kind(&ground.tree.commit(&change)), "symlink", "{target}");
            assert_eq!(kind(&ground.tree.undo(&change)), "symlink", "{target}");
            assert_eq!(kind(&ground.tree.finish(&change)), "symlink", "{target}");
            assert_eq!(kind(&ground.tree.remove_empty_dir(&path(at))), "symlink", "{target}");
        }
        assert_eq!(kind(&ground.tree.remove_empty_dir(&path("loop"))), "denied");
        assert_eq!(ground.listing(), before);
        ground.assert_outside_untouched();
    }
}

#[test]
fn another_file_system_is_outside() {
    let root = Tree::open(std::path::Path::new("/")).unwrap();
    assert_eq!(kind(&root.read(&path("proc/version"), 1000)), "escape");
}

#[test]
fn a_file_where_a_folder_should_be_is_said_to_be_one() {
    let ground = Ground::new();
    ground.put("file", OLD);
    for at in ["file/x", "file/x/y"] {
        let fault = ground.tree.prepare(&change(at, None, Some(NEW))).unwrap_err();
        assert!(fault.to_string().contains("is a file, not a folder"), "{fault}");
        assert_eq!(kind(&ground.tree.read(&path(at), 100)), "denied");
    }
    assert_eq!(ground.listing(), ["file"]);
}

#[test]
fn a_parent_swapped_or_moved_away_after_prepare_is_noticed() {
    for swap in [true, false] {
        for (before, after) in [(Some(OLD), Some(NEW)), (None, Some(NEW)), (Some(OLD), None)] {
            let ground = Ground::new();
            ground.put("d/keep", "");
            if before.is_some() {
                ground.put("d/x", OLD);
            }
            let change = change("d/x", before, after);
            ground.tree.prepare(&change).unwrap();
            fs::rename(ground.at("d"), ground.at("moved")).unwrap();
            if swap {
                symlink(ground.outside(), ground.at("d")).unwrap();
            }
            let commit = kind(&ground.tree.commit(&change));
            // A deletion of what is gone with its folder has nothing left to do.
            let is_done = after.is_none() && !swap;
            let expected = if is_done {
                "ok"
            } else if swap {
                "symlink"
            } else {
                "precondition"
            };
            assert_eq!(commit, expected);
            ground.assert_outside_untouched();
            assert_eq!(ground.content("moved/x").as_deref(), before);
            if swap {
                fs::remove_file(ground.at("d")).unwrap();
            }
            fs::rename(ground.at("moved"), ground.at("d")).unwrap();
            ground.tree.commit(&change).unwrap();
            ground.tree.finish(&change).unwrap();
            assert_eq!(ground.content("d/x").as_deref(), after);
        }
    }
}

#[test]
fn a_missing_folder_is_not_made_for_a_file_that_should_be_there() {
    let ground = Ground::new();
    let change = change("none/x", Some(OLD), Some(NEW));
    assert_eq!(kind(&ground.tree.prepare(&change)), "precondition");
    assert!(ground.listing().is_empty());
}

#[test]
fn more_than_the_limit_is_not_read() {
    let ground = Ground::new();
    ground.put("x", "four");
    assert_eq!(kind(&ground.tree.read(&path("x"), 3)), "too large");
    let sparse = fs::File::create(ground.at("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert_eq!(kind(&ground.tree.read(&path("sparse"), u64::MAX)), "too large");
    // Hashing a terabyte of nothing would take an hour.
    let state = ground.tree.state(&change("sparse", Some(OLD), Some(NEW)));
    assert_eq!(state.unwrap(), Side::Neither);
}

#[test]
fn a_malformed_change_is_refused_before_anything_is_touched() {
    let ground = Ground::new();
    let good = change("x", None, Some(NEW));
    for temp in ["", "x", "aiops-1", ".aiops", ".aiops-/x", ".aiops-\0", "../.aiops-1", ".aiops-é"]
    {
        let mut bad = good.clone();
        temp.clone_into(&mut bad.temp);
        assert_eq!(kind(&ground.tree.prepare(&bad)), "denied", "{temp:?}");
        assert_eq!(kind(&ground.tree.finish(&bad)), "denied", "{temp:?}");
    }
    let mut bad = good.clone();
    bad.temp = format!(".aiops-{}", "x".repeat(250));
    assert_eq!(kind(&ground.tree.prepare(&bad)), "denied");
    for mode in [0o4755, 0o2755, 0o1777, 0o100_644] {
        let mut bad = good.clone();
        bad.after = After::File { bytes: NEW.into(), mode };
        assert_eq!(kind(&ground.tree.prepare(&bad)), "denied", "{mode:o}");
    }
    assert!(ground.listing().is_empty());
}

#[test]
fn the_systems_refusal_names_the_file_and_is_the_errors_source() {
    let missing = Tree::open(std::path::Path::new("/none/such")).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot open /none/such: No such file or directory (os error 2)"
    );
    assert!(missing.source().is_some() && !missing.is_transient());
    // Writing to the root of proc is refused even to root, whatever the kernel calls it.
    let proc = Tree::open(std::path::Path::new("/proc")).unwrap();
    let refused = proc.prepare(&change("x", None, Some(NEW))).unwrap_err();
    assert!(!matches!(refused, Fault::Symlink(_) | Fault::Escape(_)), "{refused}");
    let regular = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(kind(&Tree::open(regular.path())), "denied");
}

#[test]
fn a_folder_under_the_temporary_name_is_not_removed() {
    let ground = Ground::new();
    fs::create_dir_all(ground.at("d/.aiops-1.part")).unwrap();
    let blocked = ground.tree.prepare(&change("d/x", None, Some(NEW)));
    assert_eq!(kind(&blocked), "io");
    assert_eq!(ground.listing(), ["d/", "d/.aiops-1.part/"]);
}
