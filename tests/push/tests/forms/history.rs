//! Pushes that rewrite, and pushes that cannot show that they do not.

use std::fs;

use push::Checkout;

use crate::form::{form, push};
use crate::scene::{Scene, Side};

/// Throws the base away and reviews what comes instead of it.
fn rewritten(scene: &Scene<'_>) -> String {
    scene.work.done(&["reset", "-q", "--hard", "HEAD~1"]);
    let tip = scene.change("instead.txt");
    scene.approve(&scene.base, &tip);
    tip
}

/// Somebody else's commit on the remote's `main`, which the checkout does not know.
fn pushed_by_somebody_else(scene: &Scene<'_>) -> String {
    let other = Checkout::clone_of(scene.world, "other", scene.remote, &[]);
    let tip = other.commit("theirs.txt", "theirs\n");
    other.done(&["push", "-q", &scene.remote.bare().display().to_string(), "main"]);
    tip
}

#[test]
fn a_forced_push_is_refused_even_when_its_tip_was_reviewed() {
    form(|scene| {
        rewritten(scene);
        push(&["--force", "origin", "main"])
    })
    .is_refused("refs/heads/main", "no ancestor");
}

#[test]
fn a_plus_before_the_name_forces_nothing() {
    form(|scene| {
        rewritten(scene);
        push(&["origin", "+main"])
    })
    .is_refused("refs/heads/main", "no ancestor");
}

#[test]
fn a_lease_is_a_forced_push_too() {
    form(|scene| {
        rewritten(scene);
        push(&[&format!("--force-with-lease=main:{}", scene.base), "origin", "main"])
    })
    .is_refused("refs/heads/main", "no ancestor");
}

#[test]
fn going_back_to_an_older_commit_is_refused() {
    form(|scene| {
        scene.approve(&scene.base, &scene.work.oid("HEAD~1"));
        push(&["--force", "origin", "HEAD~1:refs/heads/main"])
    })
    .is_refused("refs/heads/main", "no ancestor");
}

#[test]
fn what_somebody_else_pushed_meanwhile_is_not_overwritten() {
    form(|scene| {
        pushed_by_somebody_else(scene);
        scene.reviewed();
        push(&["--force", "origin", "main"])
    })
    .asked_of(Side::Client)
    .then(|scene, _| assert!(scene.asked().unwrap().stderr.contains("git fetch")))
    .is_refused("refs/heads/main", ", which is not");
}

#[test]
fn what_somebody_else_pushed_meanwhile_is_not_overwritten_on_the_remote_either() {
    form(|scene| {
        pushed_by_somebody_else(scene);
        scene.reviewed();
        push(&["--force", "origin", "main"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/main", "no ancestor");
}

/// Git would refuse it itself a moment later ("fetch first"), but asks the hook before.
#[test]
fn what_git_will_reject_itself_is_refused_all_the_same() {
    form(|scene| {
        pushed_by_somebody_else(scene);
        scene.reviewed();
        push(&["origin", "main"])
    })
    .asked_of(Side::Client)
    .is_refused("refs/heads/main", ", which is not");
}

#[test]
fn a_review_that_began_later_than_the_remote_is_refused() {
    form(|scene| {
        let first = scene.change("first.txt");
        let tip = scene.change("second.txt");
        scene.approve(&first, &tip);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "another range");
}

#[test]
fn a_review_that_began_earlier_than_the_remote_is_refused() {
    form(|scene| {
        let before = scene.work.oid("HEAD~1");
        let tip = scene.change("new.txt");
        scene.approve(&before, &tip);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "another range");
}

#[test]
fn of_several_reviews_of_the_same_commit_one_that_fits_is_enough() {
    form(|scene| {
        let before = scene.work.oid("HEAD~1");
        let tip = scene.reviewed();
        scene.approve(&before, &tip);
        push(&["origin", "main"])
    })
    .is_allowed();
}

#[test]
fn a_reviewed_merge_is_allowed() {
    form(|scene| {
        merged(scene);
        scene.approve(&scene.base, &scene.work.oid("HEAD"));
        push(&["origin", "main"])
    })
    .is_allowed();
}

#[test]
fn a_merge_of_a_reviewed_branch_was_not_reviewed_itself() {
    form(|scene| {
        merged(scene);
        scene.approve(&scene.base, &scene.work.oid("HEAD^2"));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

fn merged(scene: &Scene<'_>) {
    scene.work.done(&["checkout", "-q", "-b", "topic"]);
    scene.change("topic.txt");
    scene.work.done(&["checkout", "-q", "main"]);
    scene.change("main.txt");
    scene.work.done(&["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
}

#[test]
fn a_replaced_commit_is_judged_as_what_it_is() {
    form(|scene| {
        let good = scene.reviewed();
        scene.work.done(&["checkout", "-q", "--detach", &scene.base]);
        let bad = scene.change("bad.txt");
        scene.work.done(&["replace", &bad, &good]);
        push(&["origin", "HEAD:refs/heads/main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_replaced_parent_makes_no_ancestor() {
    form(|scene| {
        let tip = rewritten(scene);
        scene.work.done(&["replace", "--graft", &tip, &scene.base]);
        push(&["--force", "origin", "main"])
    })
    .is_refused("refs/heads/main", "no ancestor");
}

/// Anybody may push replacements, which no pattern protects; the remote's gate does not look there.
#[test]
fn replacements_that_were_pushed_make_no_ancestor_either() {
    form(|scene| {
        let tip = rewritten(scene);
        scene.work.done(&["replace", "--graft", &tip, &scene.base]);
        let bare = scene.remote.bare().display().to_string();
        scene.work.done(&["push", "-q", &bare, "refs/replace/*:refs/replace/*"]);
        push(&["--force", "origin", "main"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/main", "no ancestor");
}

#[test]
fn a_grafted_parent_makes_no_ancestor() {
    form(|scene| {
        let tip = rewritten(scene);
        let grafts = scene.work.path().join(".git/info/grafts");
        fs::create_dir_all(grafts.parent().unwrap()).unwrap();
        fs::write(grafts, format!("{tip} {}\n", scene.base)).unwrap();
        push(&["--force", "origin", "main"])
    })
    .is_refused("refs/heads/main", "no ancestor");
}

#[test]
fn a_shallow_clone_that_cannot_show_its_history_is_refused() {
    form(|scene| {
        let bare = scene.remote.bare().display().to_string();
        scene.work.done(&["push", "-q", &bare, "main:refs/heads/old"]);
        scene.change("between.txt");
        scene.change("newer.txt");
        scene.work.done(&["push", "-q", &bare, "main"]);
        let shallow = Checkout::clone_of(scene.world, "shallow", scene.remote, &["--depth=1"]);
        // The object is there, the way to it is not.
        shallow.done(&["fetch", "-q", "--depth=1", "origin", "old:refs/remotes/origin/old"]);
        let tip = shallow.commit("new.txt", "new\n");
        scene.approve_in(&shallow, &shallow.oid("refs/remotes/origin/old"), &tip);
        push(&["--force", "origin", "HEAD:refs/heads/old"]).from(shallow)
    })
    .asked_of(Side::Client)
    .is_refused("refs/heads/old", "shallow");
}

#[test]
fn a_shallow_clone_can_push_to_a_remote_that_knows_the_history() {
    form(|scene| {
        let shallow = Checkout::clone_of(scene.world, "shallow", scene.remote, &["--depth=1"]);
        let tip = shallow.commit("new.txt", "new\n");
        scene.approve_in(&shallow, &scene.base, &tip);
        push(&["origin", "main"]).from(shallow)
    })
    .asked_of(Side::Server)
    .is_allowed();
}

#[test]
fn an_unreviewed_commit_of_a_shallow_clone_is_refused() {
    form(|scene| {
        let shallow = Checkout::clone_of(scene.world, "shallow", scene.remote, &["--depth=1"]);
        shallow.commit("new.txt", "new\n");
        push(&["origin", "main"]).from(shallow)
    })
    .is_refused("refs/heads/main", "no verdict");
}
