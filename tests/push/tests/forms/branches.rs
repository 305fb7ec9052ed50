//! New branches: what they bring beyond the protected branch was reviewed, or they stay at home.

use crate::form::{form, push};

#[test]
fn a_reviewed_new_branch_is_allowed() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "-b", "topic"]);
        scene.reviewed();
        push(&["origin", "topic"])
    })
    .read_as(&["refs/heads/topic 000000"])
    .is_allowed();
}

#[test]
fn an_unreviewed_new_branch_is_refused() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "-b", "topic"]);
        scene.change("new.txt");
        push(&["-u", "origin", "topic"])
    })
    .is_refused("refs/heads/topic", "no verdict");
}

#[test]
fn a_new_branch_whose_last_commit_alone_was_reviewed_is_refused() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "-b", "topic"]);
        let first = scene.change("first.txt");
        let tip = scene.change("second.txt");
        scene.approve(&first, &tip);
        push(&["origin", "topic"])
    })
    .is_refused("refs/heads/topic", "another range");
}

#[test]
fn a_new_branch_is_measured_from_where_it_left_the_protected_branch() {
    form(|scene| {
        let bare = scene.remote.bare().display().to_string();
        scene.work.done(&["checkout", "-q", "-b", "topic"]);
        let tip = scene.change("topic.txt");
        scene.approve(&scene.base, &tip);
        // Meanwhile the protected branch moves on.
        scene.work.done(&["checkout", "-q", "main"]);
        let main = scene.change("main.txt");
        scene.work.done(&["push", "-q", &bare, "main"]);
        scene.work.done(&["update-ref", "refs/remotes/origin/main", &main]);
        push(&["origin", "topic"])
    })
    .is_allowed();
}

#[test]
fn a_new_branch_where_nothing_is_new_needs_a_verdict_for_its_tip_all_the_same() {
    form(|scene| {
        scene.work.done(&["branch", "copy", &scene.base]);
        push(&["origin", "copy"])
    })
    .is_refused("refs/heads/copy", "no verdict");
}

#[test]
fn a_new_branch_at_a_reviewed_commit_of_the_protected_branch_is_allowed() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.work.done(&["push", "-q", &scene.remote.bare().display().to_string(), "main"]);
        scene.work.done(&["update-ref", "refs/remotes/origin/main", &tip]);
        scene.work.done(&["branch", "copy"]);
        push(&["origin", "copy"])
    })
    .is_allowed();
}

#[test]
fn a_branch_that_shares_nothing_with_the_protected_one_is_refused() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "--orphan", "apart"]);
        let tip = scene.change("apart.txt");
        scene.approve(&scene.base, &tip);
        push(&["origin", "apart"])
    })
    .is_refused("refs/heads/apart", "nothing in common");
}

/// `refs/for/…` of other review systems, and whatever else no pattern protects.
#[test]
fn what_is_not_protected_needs_no_verdict() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", "HEAD:refs/drafts/one"])
    })
    .is_allowed();
}

#[test]
fn a_branch_with_slashes_is_protected_like_any_other() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", "HEAD:refs/heads/a/b/c"])
    })
    .is_refused("refs/heads/a/b/c", "no verdict");
}

/// A remote without the branch that everything is measured from.
#[test]
fn a_new_branch_on_an_empty_remote_is_refused_with_advice() {
    form(|scene| {
        scene.work.done(&["update-ref", "-d", "refs/remotes/origin/main"]);
        scene.world.done(scene.remote.bare(), &["update-ref", "-d", "refs/heads/main"]);
        scene.reviewed();
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no refs/");
}
