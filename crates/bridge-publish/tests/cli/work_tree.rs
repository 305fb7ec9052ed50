//! Whatever people have in the work tree and the index stays as it is.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::world::World;

/// Everything of a person's that git can tell.
fn foreign(world: &World) -> [String; 5] {
    let rest =
        [":/", ":(exclude)logs", ":(exclude)results", ":(exclude)archive", ":(exclude)diffs"];
    let with = |args: &[&'static str]| {
        let mut args = args.to_vec();
        args.push("--");
        args.extend(rest);
        world.git(&args)
    };
    [
        with(&["status", "--porcelain=v2", "-uall", "--ignored"]),
        with(&["diff", "--binary"]),
        with(&["diff", "--cached", "--binary"]),
        with(&["ls-files", "--stage"]),
        fs::read_to_string(world.root.join("edited")).unwrap_or_default(),
    ]
}

fn dirty() -> World {
    let world = World::new();
    for name in ["edited", "staged", "both", "deleted", "removed", "renamed", "mode"] {
        world.write(name, &format!("{name}\n"));
    }
    world.write(".gitignore", "*.ignored\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "files"]);
    world.git(&["push", "-q", "origin", "main"]);
    world.write("edited", "by hand\n");
    world.write("staged", "by hand\n");
    world.write("both", "first\n");
    world.write("added", "new\n");
    world.git(&["add", "staged", "both", "added"]);
    world.write("both", "second\n");
    world.write("untracked/x", "x");
    world.write("x.ignored", "x");
    world.write("intended", "x");
    world.git(&["add", "-N", "intended"]);
    fs::remove_file(world.root.join("deleted")).unwrap();
    world.git(&["rm", "-q", "removed"]);
    world.git(&["mv", "renamed", "new-name"]);
    world.git(&["update-index", "--chmod=+x", "mode"]);
    world
}

#[test]
fn staged_unstaged_untracked_and_deleted_changes_stay_byte_for_byte() {
    let world = dirty();
    let before = foreign(&world);
    world.outcome("a", 1);
    let said = world.once();
    assert_eq!((said.code, &said.json["branch_moved"]), (0, &true.into()), "{}", said.stderr);
    assert_eq!(foreign(&world), before);
    let changed = world.git_remote(&["show", "--format=", "--name-only", "main"]);
    assert_eq!(changed.lines().count(), 5, "{changed}");
    // And with a change of somebody else's to a file that nobody touched here.
    world.other_pushes(&[("README", Some("two\n"))]);
    world.outcome("b", 2);
    assert_eq!(world.once().json["branch_moved"], true);
    let strip = |text: &str| {
        text.lines().filter(|it| !it.contains("README")).map(String::from).collect::<Vec<_>>()
    };
    for (now, then) in foreign(&world).iter().zip(&before) {
        assert_eq!(strip(now), strip(then));
    }
    assert_eq!(world.read("README"), "two\n");
    world.assert_sound();
}

#[test]
fn a_remote_change_to_a_file_that_was_changed_here_leaves_the_branch_alone() {
    for (path, text) in [
        ("edited", Some("remote\n")),
        ("staged", Some("remote\n")),
        ("deleted", Some("remote\n")),
        ("removed", Some("remote\n")),
        ("added", Some("remote\n")),
        ("untracked/x", Some("remote\n")),
        ("untracked", Some("a file\n")),
        ("edited", None),
    ] {
        let world = dirty();
        let head = world.git(&["rev-parse", "HEAD"]);
        let before = foreign(&world);
        world.other_pushes(&[(path, text)]);
        world.outcome("a", 1);
        let said = world.once();
        assert_eq!((said.code, &said.json["branch_moved"]), (0, &false.into()), "{path}");
        assert!(said.stderr.contains("left alone"), "{}", said.stderr);
        assert_eq!(foreign(&world), before, "{path}");
        assert_eq!(world.git(&["rev-parse", "HEAD"]), head);
        assert_eq!(world.subjects().last().unwrap(), "bridge: results a (exit=0)");
        // Publishing goes on all the same.
        world.outcome("b", 2);
        assert_eq!(world.once().code, 0);
        assert_eq!(world.subjects().last().unwrap(), "bridge: results b (exit=0)");
        world.assert_sound();
    }
}

#[test]
fn a_commit_that_was_not_pushed_is_not_pushed_by_us() {
    let world = World::new();
    world.write("secret-plan", "x");
    world.git(&["add", "secret-plan"]);
    world.git(&["commit", "-qm", "not yet"]);
    let head = world.git(&["rev-parse", "HEAD"]);
    for (id, second) in [("a", 1), ("b", 2)] {
        world.outcome(id, second);
        let said = world.once();
        assert_eq!((said.code, &said.json["branch_moved"]), (0, &false.into()), "{}", said.stderr);
    }
    assert_eq!(world.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(
        world.subjects(),
        ["start", "bridge: results a (exit=0)", "bridge: results b (exit=0)"]
    );
    assert!(!world.remote_files().contains(&"secret-plan".to_owned()));
    world.assert_sound();
}

#[test]
fn a_detached_head_is_left_alone() {
    let world = World::new();
    world.git(&["checkout", "-q", "--detach"]);
    let (head, index) =
        (world.git(&["rev-parse", "HEAD"]), fs::read(world.root.join(".git/index")).unwrap());
    world.outcome("a", 1);
    assert_eq!(world.once().json["branch_moved"], false);
    assert_eq!(world.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(fs::read(world.root.join(".git/index")).unwrap(), index);
    assert_eq!(world.subjects().len(), 2);
}

#[test]
fn an_unborn_branch_begins_with_evidence_and_keeps_what_was_staged() {
    let world = World::unborn();
    world.write("staged", "x");
    world.git(&["add", "staged"]);
    world.write("untracked", "x");
    world.outcome("a", 1);
    let said = world.once();
    assert_eq!((said.code, &said.json["branch_moved"]), (0, &true.into()), "{}", said.stderr);
    assert_eq!(world.subjects(), ["bridge: results a (exit=0)"]);
    assert_eq!(world.git(&["status", "--porcelain"]), "A  staged\n?? untracked\n");
    world.assert_sound();
}

#[test]
fn an_unborn_branch_without_an_index_follows_a_remote_with_history() {
    let world = World::new();
    world.write("README", "one\n");
    let fresh = World::unborn();
    fresh.git(&["remote", "set-url", "origin", world.remote.to_str().unwrap()]);
    fresh.outcome("a", 1);
    let said = fresh.once();
    assert_eq!((said.code, &said.json["branch_moved"]), (0, &true.into()), "{}", said.stderr);
    assert_eq!(fresh.read("README"), "one\n");
    assert_eq!(fresh.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_linked_work_tree_can_be_the_root() {
    let mut world = World::new();
    world.git(&["checkout", "-q", "-b", "elsewhere"]);
    let linked = world.path("linked");
    world.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    let main = std::mem::replace(&mut world.root, linked);
    world.outcome("a", 1);
    let said = world.once();
    assert_eq!((said.code, &said.json["branch_moved"]), (0, &true.into()), "{}", said.stderr);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.git_in(&main, &["status", "--porcelain"]), "");
    assert_eq!(world.subjects().len(), 2);
}

#[test]
fn a_lock_of_somebody_elses_is_respected_and_one_that_a_crash_of_ours_left_is_not() {
    for name in ["index.lock", "refs/heads/main.lock"] {
        let world = World::new();
        let lock = world.root.join(".git").join(name);
        fs::write(&lock, "").unwrap();
        world.outcome("a", 1);
        let said = world.once();
        assert_eq!((said.code, &said.json["branch_moved"]), (0, &false.into()), "{}", said.stderr);
        assert!(said.stderr.contains(name), "{}", said.stderr);
        assert!(lock.exists());
        fs::remove_file(&lock).unwrap();
        fs::hard_link(world.root.join(".git/ai-ops-runner/lock.mark"), &lock).unwrap();
        fs::write(world.root.join(".git/refs/aiops/publish.lock"), "").unwrap();
        world.outcome("b", 2);
        let said = world.once();
        assert_eq!((said.code, &said.json["branch_moved"]), (0, &true.into()), "{}", said.stderr);
        assert_eq!(world.git(&["status", "--porcelain"]), "");
        world.assert_sound();
    }
}

#[test]
fn a_merge_in_progress_is_left_alone() {
    let world = World::new();
    world.git(&["checkout", "-q", "-b", "side"]);
    world.write("side", "x");
    world.git(&["add", "side"]);
    world.git(&["commit", "-qm", "side"]);
    world.git(&["checkout", "-q", "main"]);
    world.git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    let before = foreign(&world);
    world.outcome("a", 1);
    assert_eq!(world.once().json["branch_moved"], false);
    assert_eq!(foreign(&world), before);
    assert!(world.root.join(".git/MERGE_HEAD").exists());
}

/// An hour ago, and files of that time: nothing about them is too young for the index to tell.
fn age(world: &World, paths: &[&str]) -> SystemTime {
    let at = SystemTime::now() - Duration::from_hours(1);
    for path in paths {
        let file = fs::File::options().write(true).open(world.root.join(path)).unwrap();
        file.set_modified(at).unwrap();
    }
    at
}

#[test]
fn a_change_within_the_clock_tick_of_the_old_index_is_still_seen() {
    let world = World::new();
    world.git(&["config", "core.trustctime", "false"]);
    world.git(&["config", "core.checkStat", "minimal"]);
    // The file, its entry and the index are of one moment, and the new content is as long.
    age(&world, &["README"]);
    world.git(&["update-index", "--refresh"]);
    world.write("README", "two\n");
    let at = age(&world, &["README"]);
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let index = world.root.join(".git/index");
    let mut bytes = fs::read(&index).unwrap();
    // The modification time of the first entry, and no checksum.
    bytes[20..24].copy_from_slice(&u32::try_from(seconds.as_secs()).unwrap().to_be_bytes());
    bytes[24..28].copy_from_slice(&seconds.subsec_nanos().to_be_bytes());
    let end = bytes.len() - 20;
    bytes[end..].fill(0);
    fs::write(&index, &bytes).unwrap();
    fs::File::options().write(true).open(&index).unwrap().set_modified(at).unwrap();
    world.outcome("a", 1);
    assert_eq!(world.once().json["branch_moved"], true);
    assert_eq!(world.git(&["status", "--porcelain"]), " M README\n");
}

#[test]
fn what_a_person_commits_afterwards_is_their_change_and_nothing_else() {
    let world = World::new();
    for (id, second) in [("a", 1), ("b", 2)] {
        world.outcome(id, second);
        let [result, archive] = ["results", "archive"].map(|folder| format!("{folder}/{id}.json"));
        age(&world, &[&result, &format!("results/{id}.integrity.json"), &archive]);
        assert_eq!(world.once().code, 0);
        world.write("README", id);
        world.git(&["commit", "-qam", "by hand"]);
        assert_eq!(world.git(&["show", "--format=", "--name-only", "HEAD"]), "README\n");
        world.git(&["push", "-q", "origin", "main"]);
    }
    world.outcome("c", 3);
    assert_eq!(world.once().json["branch_moved"], true);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}
