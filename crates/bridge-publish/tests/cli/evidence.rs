//! What is committed, as what, and that nothing else is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::world::World;

#[test]
fn each_outcome_is_a_commit_and_files_that_change_go_along_with_the_last() {
    let world = World::new();
    world.outcome("b", 2);
    world.outcome("a", 3);
    world.dead_letter("bad", "bad_hmac", 1);
    world.write("meta/retries.json", "{}");
    world.write("commands/waiting.json", "{}");
    world.write("private.txt", "mine");
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        world.subjects(),
        [
            "start",
            "bridge: DLQ bad_hmac",
            "bridge: results b (exit=0)",
            "bridge: results a (exit=0)",
        ]
    );
    assert_eq!(world.git_remote(&["log", "-1", "--format=%b", "main~2"]).trim(), "bad");
    let last = world.git_remote(&["show", "--format=", "--name-only", "main"]);
    let want = "archive/a.json\ndiffs/a.patch\nlogs/bridge.log\nmeta/retries.json\n\
                results/a.integrity.json\nresults/a.json\n";
    assert_eq!(last, want);
    assert_eq!(world.git_remote(&["show", "main:logs/bridge.log"]), world.read("logs/bridge.log"));
    assert!(
        !world.remote_files().iter().any(|path| path.contains("commands") || path == "private.txt")
    );
    let who = world.git_remote(&["log", "-1", "--format=%an <%ae> %cn %at", "main"]);
    let want = "ai-ops-runner bridge <bridge@example.invalid> ai-ops-runner bridge 1767225603";
    assert_eq!(who.trim(), want);
    assert_eq!(said.json["schema"], "aiops.bridge.publish/1");
    assert_eq!(said.json["commits"].as_array().unwrap().len(), 3);
    assert_eq!(said.json["pushed"], true);
    assert_eq!(said.json["branch_moved"], true);
    assert_eq!(world.git(&["status", "--porcelain"]), "?? commands/\n?? private.txt\n");
    assert_eq!(world.git(&["rev-parse", "HEAD"]), world.git_remote(&["rev-parse", "main"]));
    world.assert_sound();
}

#[test]
fn nothing_new_is_no_commit() {
    let world = World::new();
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    let before = world.git_remote(&["rev-parse", "main"]);
    let said = world.once();
    assert_eq!((said.code, &said.json["pushed"]), (0, &false.into()), "{}", said.stderr);
    assert_eq!(said.json["commits"].as_array().unwrap().len(), 0);
    assert_eq!(said.json["remote_tip"], before.trim());
    assert_eq!(world.git_remote(&["rev-parse", "main"]), before);
}

#[test]
fn an_empty_root_without_a_remote_branch_is_nothing_to_publish() {
    let world = World::unborn();
    let said = world.once();
    assert_eq!((said.code, &said.json["remote_tip"]), (0, &serde_json::Value::Null));
    assert_eq!(world.git_remote(&["for-each-ref"]), "");
}

#[test]
fn an_outcome_waits_until_it_is_complete() {
    let world = World::new();
    world.outcome("a", 1);
    fs::remove_file(world.root.join("diffs/a.patch")).unwrap();
    let said = world.once();
    assert!(said.stderr.contains("a waits: diffs/a.patch"), "{}", said.stderr);
    assert_eq!(world.subjects(), ["start", "bridge: log update"]);
    world.write("diffs/a.patch", "");
    assert_eq!(world.once().code, 0);
    assert_eq!(world.subjects(), ["start", "bridge: log update", "bridge: results a (exit=0)"]);
}

#[test]
fn files_that_cannot_be_parsed_are_published_all_the_same() {
    let world = World::new();
    world.outcome("a", 1);
    world.write("results/a.json", "{ torn");
    world.write("dead_letter/x.json", "");
    assert_eq!(world.once().code, 0);
    let mut subjects = world.subjects();
    subjects.sort();
    assert_eq!(subjects, ["bridge: DLQ unknown", "bridge: results a (exit=unknown)", "start"]);
    world.assert_sound();
}

#[test]
fn temporary_names_links_and_other_things_are_no_evidence() {
    let world = World::new();
    world.outcome("a", 1);
    world.write("results/.b.json.tmp", "x");
    world.write("context/.hidden/x", "x");
    world.write("context/notes/deep.md", "x");
    world.write("results/stray.txt", "x");
    symlink("/etc/passwd", world.root.join("context/link")).unwrap();
    symlink("/etc", world.root.join("summaries")).unwrap();
    fs::set_permissions(
        world.root.join("context/notes/deep.md"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    assert_eq!(world.once().code, 0);
    let want = [
        "README",
        "archive/a.json",
        "context/notes/deep.md",
        "diffs/a.patch",
        "logs/bridge.log",
        "results/a.integrity.json",
        "results/a.json",
    ];
    assert_eq!(world.remote_files(), want);
    assert!(world.git_remote(&["ls-tree", "main", "context/notes/"]).starts_with("100755"));
    assert_eq!(world.git(&["status", "--porcelain", "-uno"]), "");
}

#[test]
fn a_log_is_published_by_whole_lines() {
    let world = World::new();
    world.write("logs/bridge.log", "one\ntw");
    assert_eq!(world.once().code, 0);
    assert_eq!(world.git_remote(&["show", "main:logs/bridge.log"]), "one\n");
    assert_eq!(world.git(&["status", "--porcelain"]), " M logs/bridge.log\n");
    world.once();
    assert_eq!(world.subjects(), ["start", "bridge: log update"]);
    world.write("logs/bridge.log", "one\ntwo\n");
    world.once();
    assert_eq!(world.git_remote(&["show", "main:logs/bridge.log"]), "one\ntwo\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_is_gone_from_meta_goes_and_what_is_only_ever_added_stays() {
    let world = World::new();
    world.outcome("a", 1);
    world.write("meta/held/h.json", "{}");
    world.write("meta/.gitkeep", "");
    world.write("context/x", "1");
    world.git(&["add", "meta/.gitkeep"]);
    world.git(&["commit", "-qm", "keep"]);
    world.git(&["push", "-q", "origin", "main"]);
    assert_eq!(world.once().code, 0);
    for path in
        ["meta/held/h.json", "meta/.gitkeep", "context/x", "archive/a.json", "logs/bridge.log"]
    {
        fs::remove_file(world.root.join(path)).unwrap();
    }
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.subjects()[3..], ["bridge: context update", "bridge: retries index update"]);
    let files = world.remote_files();
    for (path, stays) in [
        ("meta/held/h.json", false),
        ("context/x", false),
        ("meta/.gitkeep", true),
        ("archive/a.json", true),
        ("logs/bridge.log", true),
    ] {
        assert_eq!(files.iter().any(|file| file == path), stays, "{path}");
    }
    world.assert_sound();
}

#[test]
fn while_another_branch_is_checked_out_nothing_counts_as_removed() {
    let world = World::new();
    world.write("context/x", "1");
    assert_eq!(world.once().code, 0);
    world.git(&["checkout", "-q", "-b", "mine", "HEAD~1"]);
    assert!(!world.root.join("context/x").exists());
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    assert!(world.remote_files().contains(&"context/x".to_owned()));
    assert_eq!(world.git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "mine");
}

#[test]
fn hooks_of_the_root_do_not_run() {
    let world = World::new();
    let marker = world.path("ran");
    for hook in [
        "pre-commit",
        "commit-msg",
        "post-commit",
        "pre-push",
        "reference-transaction",
        "post-merge",
    ] {
        let path = world.root.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {}\nexit 1\n", marker.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.outcome("a", 1);
    assert_eq!(world.once().code, 0);
    assert!(!marker.exists());
    assert_eq!(world.subjects().len(), 2);
}

#[test]
fn commits_are_signed_by_ssh_where_the_repository_asks_for_it() {
    let world = World::new();
    let key = world.path("home/key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()])
        .status();
    assert!(made.unwrap().success());
    world.git(&["config", "commit.gpgSign", "true"]);
    world.outcome("a", 1);
    let said = world.once();
    assert_eq!(said.code, 78, "{}", said.stderr);
    world.git(&["config", "gpg.format", "ssh"]);
    world.git(&["config", "user.signingKey", key.to_str().unwrap()]);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = world.path("home/signers");
    fs::write(&signers, format!("bridge@example.invalid {public}")).unwrap();
    world.git(&["config", "gpg.ssh.allowedSignersFile", signers.to_str().unwrap()]);
    world.git(&["verify-commit", "HEAD"]);
    world.git(&["config", "user.signingKey", "/nonexistent"]);
    world.outcome("b", 2);
    let said = world.once();
    assert_eq!(said.code, 77, "{}", said.stderr);
    assert_eq!(world.subjects().len(), 2);
    world.assert_sound();
}

#[test]
fn a_file_that_no_server_takes_is_left_out_and_named() {
    let world = World::new();
    world.outcome("a", 1);
    world.write("context/large", "");
    let large = fs::File::options().write(true).open(world.root.join("context/large")).unwrap();
    large.set_len(101 * 1024 * 1024).unwrap();
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.json["left_out"][0].as_str().unwrap().starts_with("context/large: larger"));
    assert!(!world.remote_files().contains(&"context/large".to_owned()));
}
