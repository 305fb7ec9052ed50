//! The remote moves, refuses, hangs, is gone, or belongs to somebody else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::world::{Said, World, command, said};

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Says no, names the path and leaves everything for later.
fn assert_refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 69, "{}", said.stderr);
    for word in words {
        assert!(said.stderr.contains(word), "{word:?} is not in: {}", said.stderr);
    }
}

#[test]
fn commits_of_others_in_between_are_kept_and_ours_go_on_top() {
    let world = World::new();
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    world.other_pushes(&[("src/new.txt", Some("x")), ("README", Some("two\n"))]);
    world.outcome("b", 2);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let want =
        ["start", "bridge: results a (exit=0)", "from elsewhere", "bridge: results b (exit=0)"];
    assert_eq!(world.subjects(), want);
    assert_eq!(world.read("README"), "two\n");
    assert_eq!(world.read("src/new.txt"), "x");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.assert_sound();
}

#[test]
fn evidence_changed_on_the_remote_stops_everything_and_a_revert_mends_it() {
    for change in [
        ("results/a.json", Some("forged")),
        ("archive/a.json", None),
        ("dead_letter/new.json", Some("{}")),
        ("context/a", Some("x")),
        ("logs/bridge.log", Some("rewritten\n")),
    ] {
        let world = World::new();
        world.outcome("a", 1);
        assert_eq!(world.once().code, 0);
        world.other_pushes(&[change, ("README", Some("two\n"))]);
        world.outcome("b", 2);
        let tip = world.git_remote(&["rev-parse", "main"]);
        assert_refused(&world.once(), &[change.0, "revert"]);
        assert_eq!(world.git_remote(&["rev-parse", "main"]), tip);
        assert!(world.root.join("results/b.json").exists());
        assert_eq!(world.read("README"), "one\n");
        let other = world.other();
        world.git_in(&other, &["revert", "--no-edit", "HEAD"]);
        world.git_in(&other, &["push", "-q"]);
        let said = world.once();
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(world.subjects().last().unwrap(), "bridge: results b (exit=0)");
    }
}

#[test]
fn a_rewritten_remote_is_a_conflict_and_forgetting_it_publishes_anew() {
    let world = World::new();
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    world.git_remote(&["update-ref", "refs/heads/main", "main~1"]);
    assert_refused(&world.once(), &["results/a.json", "update-ref -d"]);
    world.git(&["update-ref", "-d", "refs/aiops/synced"]);
    world.git(&["update-ref", "-d", "refs/aiops/publish"]);
    assert_eq!(world.once().code, 0);
    assert_eq!(world.subjects(), ["start", "bridge: results a (exit=0)"]);
}

#[test]
fn a_deleted_branch_is_for_a_person_to_judge() {
    let world = World::new();
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    world.git_remote(&["update-ref", "-d", "refs/heads/main"]);
    assert_refused(&world.once(), &["no branch main any more", "refs/aiops/synced"]);
}

#[test]
fn a_remote_that_refuses_is_asked_a_few_times_and_nothing_is_lost() {
    let world = World::new();
    world.settings(3, 20);
    let count = world.path("count");
    let hook = world.remote.join("hooks/pre-receive");
    script(&hook, &format!("echo x >> {}\necho 'we are closed' >&2\nexit 1", count.display()));
    world.outcome("a", 1);
    assert_refused(&world.once(), &["tried 3 times", "we are closed", "1 commit waits"]);
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 3);
    world.outcome("b", 2);
    assert_refused(&world.once(), &["2 commits wait"]);
    assert_eq!(world.subjects(), ["start"]);
    fs::remove_file(hook).unwrap();
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["commits"].as_array().unwrap().len(), 2);
    let want = ["start", "bridge: results a (exit=0)", "bridge: results b (exit=0)"];
    assert_eq!(world.subjects(), want);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.assert_sound();
}

#[test]
fn a_push_that_loses_a_race_is_built_again_on_the_winner() {
    let world = World::new();
    world.other_pushes(&[("won.txt", Some("x"))]);
    let winner = world.git_remote(&["rev-parse", "main"]);
    let (winner, marker) = (winner.trim(), world.path("raced"));
    world.git_remote(&["update-ref", "refs/heads/main", "main~1"]);
    let race = format!(
        "test -e {0} && exit 0\ntouch {0}\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main {winner}",
        marker.display()
    );
    script(&world.remote.join("hooks/pre-receive"), &race);
    world.outcome("a", 1);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(marker.exists());
    assert_eq!(world.subjects(), ["start", "from elsewhere", "bridge: results a (exit=0)"]);
    assert_eq!(world.read("won.txt"), "x");
    world.assert_sound();
}

#[test]
fn a_remote_that_hangs_is_killed_at_its_deadline() {
    let mut world = World::new();
    world.settings(1, 1);
    let ssh = world.path("slow-ssh");
    script(&ssh, "sleep 600");
    world.git(&["remote", "set-url", "origin", "ssh://nowhere.invalid/x"]);
    world.env.push(("GIT_SSH_COMMAND".into(), ssh.to_str().unwrap().into()));
    world.outcome("a", 1);
    let started = Instant::now();
    assert_refused(&world.once(), &["longer than 1 s", "1 commit waits"]);
    assert!(started.elapsed() < Duration::from_secs(30));
    world.git(&["remote", "set-url", "origin", world.remote.to_str().unwrap()]);
    assert_eq!(world.once().code, 0);
    assert_eq!(world.subjects(), ["start", "bridge: results a (exit=0)"]);
}

#[test]
fn while_the_remote_is_down_commits_wait_here_and_the_next_run_pushes_them() {
    let world = World::new();
    let away = world.path("away.git");
    fs::rename(&world.remote, &away).unwrap();
    world.outcome("a", 1);
    assert_refused(&world.once(), &["1 commit waits in refs/aiops/publish"]);
    world.outcome("b", 2);
    assert_refused(&world.once(), &["2 commits wait"]);
    // The local branch has them already.
    let want = "bridge: results b (exit=0)\nbridge: results a (exit=0)\nstart\n";
    assert_eq!(world.git(&["log", "--format=%s"]), want);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    let waiting = world.git(&["rev-parse", "HEAD"]);
    fs::rename(&away, &world.remote).unwrap();
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.git_remote(&["rev-parse", "main"]), waiting);
    assert_eq!(said.json["commits"].as_array().unwrap().len(), 2);
}

#[test]
fn commits_that_waited_are_built_anew_when_the_remote_moved_meanwhile() {
    let world = World::new();
    let away = world.path("away.git");
    world.other();
    fs::rename(&world.remote, &away).unwrap();
    world.outcome("a", 1);
    assert_eq!(world.once().code, 69);
    fs::rename(&away, &world.remote).unwrap();
    world.other_pushes(&[("README", Some("two\n"))]);
    assert_eq!(world.once().code, 0);
    assert_eq!(world.subjects(), ["start", "from elsewhere", "bridge: results a (exit=0)"]);
    assert_eq!(world.git(&["rev-parse", "HEAD"]), world.git_remote(&["rev-parse", "main"]));
    assert_eq!(world.read("README"), "two\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_push_whose_answer_was_lost_is_not_pushed_twice() {
    let world = World::new();
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    let synced = world.git(&["rev-parse", "refs/aiops/synced~1"]);
    // As if killed between the push and the note of it, and somebody pushed on top.
    world.git(&["update-ref", "refs/aiops/synced", synced.trim()]);
    world.other_pushes(&[("README", Some("two\n"))]);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    // The same without even a first note, and with more to publish.
    world.git(&["update-ref", "-d", "refs/aiops/synced"]);
    world.outcome("b", 2);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let want =
        ["start", "bridge: results a (exit=0)", "from elsewhere", "bridge: results b (exit=0)"];
    assert_eq!(world.subjects(), want);
}

#[test]
fn a_second_publisher_is_told_who_runs() {
    let mut world = World::new();
    let (ssh, started) = (world.path("slow-ssh"), world.path("started"));
    script(&ssh, &format!("touch {}\nexec sleep 600", started.display()));
    world.settings(1, 20);
    world.git(&["remote", "set-url", "origin", "ssh://nowhere.invalid/x"]);
    world.env.push(("GIT_SSH_COMMAND".into(), ssh.to_str().unwrap().into()));
    let mut first = world.binary(&["once"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let limit = Instant::now() + Duration::from_secs(20);
    while !started.exists() && Instant::now() < limit {
        std::thread::yield_now();
    }
    let second = world.once();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.code, 75, "{}", second.stderr);
    assert!(second.stderr.contains(&format!("process {}", first.id())), "{}", second.stderr);
}

#[test]
fn a_first_meeting_accepts_what_is_the_same_here_and_refuses_what_is_not() {
    // A new clone of a published bridge, its memory gone: everything is the same.
    let world = World::new();
    world.outcome("a", 1);
    world.write("meta/retries.json", "{}");
    assert_eq!(world.once().code, 0);
    for name in ["synced", "publish", "branch", "inbound"] {
        world.git(&["update-ref", "-d", &format!("refs/aiops/{name}")]);
    }
    world.outcome("b", 2);
    world.write("meta/retries.json", "{\"b\":1}");
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.subjects().last().unwrap(), "bridge: results b (exit=0)");

    // A fresh root that meets the remote of another.
    let fresh = World::unborn();
    fresh.git(&["remote", "set-url", "origin", world.remote.to_str().unwrap()]);
    fresh.outcome("a", 1);
    assert_refused(&fresh.once(), &["results/b.json", "for the first time"]);

    // One file here differs from the remote's.
    world.git(&["update-ref", "-d", "refs/aiops/synced"]);
    world.git(&["update-ref", "-d", "refs/aiops/publish"]);
    world.git(&["checkout", "-q", "--detach"]);
    world.write("results/a.json", "different");
    assert_refused(&world.once(), &["results/a.json"]);
}

#[test]
fn what_is_no_repository_of_its_own_is_refused_with_what_to_do() {
    let mut world = World::new();
    for (name, words) in [("root/sub", "lies inside"), ("plain", "bridge-exec init")] {
        world.root = world.path(name);
        fs::create_dir_all(&world.root).unwrap();
        let said = world.once();
        assert_eq!(said.code, 78, "{}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
        assert_eq!(fs::read_dir(&world.root).unwrap().count(), 0);
    }
}

#[test]
fn people_are_told_in_a_line_and_waiting_commands_are_not_published() {
    let world = World::new();
    world.write("commands/mine.json", &command("mine"));
    world.outcome("a", 1);
    let output = world.binary(&["once"]).output().unwrap();
    assert_eq!(said(&output).code, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    let tip = world.git_remote(&["rev-parse", "--short=7", "main"]);
    assert_eq!(
        text,
        format!("published 1 outcome in 1 commit, pushed to origin/main ({})\n", tip.trim())
    );
    assert!(!world.remote_files().iter().any(|path| path.starts_with("commands/")));
}

#[test]
fn a_push_that_takes_too_long_is_tried_with_fewer_commits() {
    let world = World::new();
    world.settings(3, 2);
    let slow = "read old new name\ntest $(git rev-list --count $new ^$old) -le 3 || exec sleep 600";
    script(&world.remote.join("hooks/pre-receive"), slow);
    for at in 1..=10 {
        world.outcome(&format!("id-{at:02}"), at);
    }
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["commits"].as_array().unwrap().len(), 10);
    assert_eq!(world.subjects().len(), 11);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_a_person_only_fetched_is_no_base_for_removals_while_the_remote_is_down() {
    let world = World::new();
    world.outcome("a", 1);
    world.write("context/x", "1");
    assert_eq!(world.once().code, 0);
    let fresh = World::unborn();
    fresh.git(&["remote", "set-url", "origin", world.remote.to_str().unwrap()]);
    fresh.git(&["fetch", "-q", "origin"]);
    fresh.git(&["remote", "set-url", "origin", "/nonexistent"]);
    fresh.outcome("b", 2);
    assert_refused(&fresh.once(), &["for the first time", "context/x"]);
    assert_eq!(fresh.git(&["for-each-ref", "refs/aiops/publish"]), "");
}
