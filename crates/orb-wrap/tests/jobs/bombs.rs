//! Commits that are more than they look: few objects that stand for very much, and plainly large
//! ones.

use std::fmt::Write as _;
use std::fs;

use crate::support::{Ran, World};

/// Makes a tree the only thing in a commit of main, and runs a doctor over it.
fn over(world: &World, root: &str) -> Ran {
    let commit = world.git(&["commit-tree", "-m", "x", root]);
    world.git(&["update-ref", "refs/heads/main", &commit]);
    let ran = world.orb(&["run", "--job", "orb_doctor", "--repo", "target", "--sha", &commit]);
    assert!(world.is_tidy());
    ran
}

fn tree(world: &World, entries: &str) -> String {
    World::git_in(&world.path("source"), &["mktree"], entries)
}

#[test]
fn a_few_objects_that_stand_for_too_many_files_are_refused_at_once() {
    let world = World::new(false);
    let blob = world.git(&["rev-parse", "HEAD:a.txt"]);
    let mut wide = tree(&world, &format!("100644 blob {blob}\ta\n"));
    for _ in 0..12 {
        let mut entries = String::new();
        for n in 0..10 {
            let _infallible = writeln!(entries, "040000 tree {wide}\td{n}");
        }
        wide = tree(&world, &entries);
    }
    let ran = over(&world, &wide);
    assert_eq!((ran.code, ran.word().as_str()), (65, "error ERROR"), "{ran:?}");
    let mut deep = tree(&world, &format!("100644 blob {blob}\ta\n"));
    for _ in 0..300 {
        deep = tree(&world, &format!("040000 tree {deep}\td\n"));
    }
    let ran = over(&world, &deep);
    assert_eq!((ran.code, ran.word().as_str()), (65, "error ERROR"), "{ran:?}");
    assert!(ran.artifact().error_detail.as_ref().unwrap().contains("deep"));
}

#[test]
fn names_that_mean_two_things_are_refused() {
    let world = World::new(false);
    let blob = world.git(&["rev-parse", "HEAD:a.txt"]);
    let below = world.git(&["rev-parse", "HEAD:src"]);
    let link = World::git_in(&world.path("source"), &["hash-object", "-w", "--stdin"], "/etc");
    let id = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap()).collect()
    };
    // A link and a folder of one name: what is below would be written where the link leads.
    let long = "n".repeat(300);
    for entries in [
        vec![("120000", "x", &link), ("40000", "x", &below)],
        vec![("100644", "x", &blob), ("100644", "x", &blob)],
        vec![("100644", "x/y", &blob)],
        vec![("100644", "", &blob)],
        vec![("100644", long.as_str(), &blob)],
        vec![("40000", long.as_str(), &below)],
    ] {
        let mut bytes = vec![];
        for (mode, name, object) in &entries {
            bytes.extend(format!("{mode} {name}\0").bytes());
            bytes.extend(id(object));
        }
        let file = world.path("raw");
        fs::write(&file, bytes).unwrap();
        let file = file.display().to_string();
        let root = world.git(&["hash-object", "-w", "-t", "tree", "--literally", &file]);
        let ran = over(&world, &root);
        assert_eq!(ran.json["status"], "error", "{entries:?}: {ran:?}");
        assert!([65, 69].contains(&ran.code) && !ran.err.contains("panicked"), "{ran:?}");
    }
}

#[test]
fn a_blob_that_unpacks_to_very_much_is_refused_before_it_is_read() {
    let world = World::new(false);
    let file = world.path("large");
    // All holes: 600 MiB that git packs to next to nothing.
    fs::File::create(&file).unwrap().set_len(600 << 20).unwrap();
    let path = file.display().to_string();
    let blob = world.git(&["-c", "core.bigFileThreshold=1m", "hash-object", "-w", &path]);
    fs::remove_file(&file).unwrap();
    let ran = over(&world, &tree(&world, &format!("100644 blob {blob}\tlarge\n")));
    assert_eq!((ran.code, ran.word().as_str()), (65, "error ERROR"), "{ran:?}");
    assert!(ran.artifact().error_detail.as_ref().unwrap().contains("larger than"));
}

#[test]
fn a_commit_of_a_hundred_thousand_files_is_looked_at_as_any_other() {
    let world = World::new(false);
    let blob = world.git(&["rev-parse", "HEAD:a.txt"]);
    let mut entries = String::new();
    for n in 0..1000 {
        let _infallible = writeln!(entries, "100644 blob {blob}\tf{n:03}");
    }
    let part = tree(&world, &entries);
    let ops = world.git(&["rev-parse", "HEAD:ops"]);
    let mut entries = format!("040000 tree {ops}\tops\n");
    for n in 0..100 {
        let _infallible = writeln!(entries, "040000 tree {part}\td{n:02}");
    }
    let ran = over(&world, &tree(&world, &entries));
    if ops_core::host::Host::real().find_program("bwrap").is_none() {
        skipped::told(skipped::this_test(), "bubblewrap is not installed");
        return;
    }
    assert_eq!((ran.code, ran.word().as_str()), (0, "success"), "{ran:?}");
    assert!(ran.artifact().invariants.clean_tree_ok);
}
