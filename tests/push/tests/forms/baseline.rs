//! The one commit that needs no review: the one that says what was reviewed.

use std::os::unix::fs::symlink;

use crate::form::{form, push};
use crate::scene::Scene;

const FILE: &str = "docs/LAST_REVIEWED_SHA.txt";

/// A reviewed commit and, on top of it, one that says so.
fn advanced(scene: &Scene<'_>) -> String {
    let tip = scene.reviewed();
    scene.work.commit(FILE, &format!("{tip}\n"))
}

#[test]
fn the_commit_that_advances_the_baseline_may_follow_the_review() {
    form(|scene| {
        advanced(scene);
        push(&["origin", "main"])
    })
    .is_allowed();
}

#[test]
fn the_next_review_may_start_where_the_last_one_ended() {
    form(|scene| {
        let advance = advanced(scene);
        let reviewed = scene.work.oid("HEAD~1");
        scene.work.done(&["push", "-q", &scene.remote.bare().display().to_string(), "main"]);
        scene.work.done(&["update-ref", "refs/remotes/origin/main", &advance]);
        let next = scene.change("next.txt");
        scene.approve(&reviewed, &next);
        push(&["origin", "main"])
    })
    .is_allowed();
}

#[test]
fn a_new_branch_may_bring_its_own_baseline() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "-b", "topic"]);
        advanced(scene);
        push(&["origin", "topic"])
    })
    .is_allowed();
}

#[test]
fn two_such_commits_are_one_too_many() {
    form(|scene| {
        let first = advanced(scene);
        scene.work.commit(FILE, &format!("{first}\n"));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn such_a_commit_may_change_nothing_else() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.work.write("smuggled.txt", "along\n");
        scene.work.commit(FILE, &format!("{tip}\n"));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn such_a_commit_may_say_nothing_else() {
    form(|scene| {
        scene.reviewed();
        scene.work.commit(FILE, &format!("{}\n", scene.work.oid("HEAD~2")));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn such_a_commit_may_not_say_more() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.work.commit(FILE, &format!("{tip}\nand more\n"));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn such_a_commit_may_not_make_the_file_a_program() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.work.write(FILE, &format!("{tip}\n"));
        scene.work.done(&["add", "-A"]);
        scene.work.done(&["update-index", "--chmod=+x", FILE]);
        scene.work.done(&["commit", "-q", "-m", "advance"]);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn such_a_commit_may_not_make_the_file_a_link() {
    form(|scene| {
        let tip = scene.reviewed();
        let at = scene.work.path().join(FILE);
        symlink(format!("{tip}\n"), at).unwrap();
        scene.work.done(&["add", "-A"]);
        scene.work.done(&["commit", "-q", "-m", "advance"]);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn such_a_commit_may_have_no_second_parent() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "-b", "side"]);
        let side = scene.change("side.txt");
        scene.work.done(&["checkout", "-q", "main"]);
        let tip = scene.reviewed();
        scene.work.write(FILE, &format!("{tip}\n"));
        scene.work.done(&["add", "-A"]);
        let tree = scene.work.done(&["write-tree"]);
        let merge = ["commit-tree", &tree, "-p", &tip, "-p", &side, "-m", "advance"];
        let merge = scene.work.done(&merge);
        push(&["origin", &format!("{merge}:refs/heads/main")])
    })
    .is_refused("refs/heads/main", "no verdict");
}
