//! Several references in one push: every one is judged, in whatever order they come.

use crate::form::{NOTES, form, push};
use crate::scene::Side;

#[test]
fn an_unreviewed_branch_after_a_reviewed_one_is_refused() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["checkout", "-q", "-b", "zz", &scene.base]);
        scene.change("new.txt");
        push(&["origin", "main", "zz"])
    })
    .read_as(&["refs/heads/main", "\nrefs/heads/zz"])
    .is_refused("refs/heads/zz", "no verdict");
}

#[test]
fn an_unreviewed_branch_before_a_reviewed_one_is_refused() {
    form(|scene| {
        // Git lists what is new to the remote last, whatever its name is.
        scene.work.done(&[
            "push",
            "-q",
            &scene.remote.bare().display().to_string(),
            "main:refs/heads/aa",
        ]);
        scene.reviewed();
        scene.work.done(&["checkout", "-q", "-b", "aa", &scene.base]);
        scene.change("new.txt");
        push(&["origin", "aa", "main"])
    })
    .read_as(&["refs/heads/aa", "\nrefs/heads/main"])
    .is_refused("refs/heads/aa", "no verdict");
}

#[test]
fn two_reviewed_branches_are_allowed_together() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["checkout", "-q", "-b", "other", &scene.base]);
        let tip = scene.change("other.txt");
        scene.approve(&scene.base, &tip);
        push(&["origin", "other", "main"])
    })
    .then(|scene, _| assert_eq!(crate::form::protected(scene).len(), 2))
    .is_allowed();
}

#[test]
fn all_branches_at_once_are_all_judged() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["branch", "quiet"]);
        scene.work.done(&["checkout", "-q", "-b", "loud"]);
        scene.change("new.txt");
        push(&["--all", "origin"])
    })
    .read_as(&["refs/heads/loud", "refs/heads/main", "refs/heads/quiet"])
    .is_refused("refs/heads/loud", "no verdict");
}

#[test]
fn all_branches_at_once_are_allowed_when_all_were_reviewed() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.work.done(&["checkout", "-q", "-b", "other"]);
        let next = scene.change("other.txt");
        scene.approve(&scene.base, &next);
        assert_ne!(tip, next);
        push(&["--all", "origin"])
    })
    .is_allowed();
}

#[test]
fn a_mirror_is_judged_branch_by_branch() {
    form(|scene| {
        scene.change("new.txt");
        push(&["--mirror", "origin"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

/// Git does not tell pre-push what a mirror deletes.
#[test]
fn what_a_mirror_deletes_is_only_seen_by_the_remote() {
    form(|scene| {
        scene.work.done(&["push", "-q", &scene.remote.bare().display().to_string(), "main:gone"]);
        scene.reviewed();
        push(&["--mirror", "origin"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/gone", "a deletion");
}

/// The hole that only the remote's hook closes: this test is to notice when git closes it.
#[test]
fn pre_push_is_not_told_what_a_mirror_deletes() {
    form(|scene| {
        scene.work.done(&["push", "-q", &scene.remote.bare().display().to_string(), "main:gone"]);
        scene.reviewed();
        push(&["--mirror", "origin"])
    })
    .asked_of(Side::Client)
    .then(|scene, _| {
        let asked = scene.asked().unwrap();
        assert!(!asked.lines.contains("refs/heads/gone"), "{asked:?}");
        assert!(!scene.remote.refs(scene.world).contains_key("refs/heads/gone"));
    })
    .is_allowed();
}

#[test]
fn tags_that_follow_a_branch_are_judged_with_it() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "-a", "-m", "a tag", "v1", "main"]);
        push(&["--follow-tags", "origin", "main"])
    })
    .read_as(&["refs/heads/main", "refs/tags/v1"])
    .is_allowed();
}

#[test]
fn an_unreviewed_branch_with_its_tag_is_refused_for_both() {
    form(|scene| {
        scene.change("new.txt");
        scene.work.done(&["tag", "-a", "-m", "a tag", "v1", "main"]);
        push(&["--follow-tags", "origin", "main"])
    })
    .then(|scene, _| assert!(scene.asked().unwrap().stderr.contains("refs/heads/main")))
    .is_refused("refs/tags/v1", "no verdict");
}

#[test]
fn verdicts_may_come_in_the_same_push_as_what_they_are_about() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", "main", NOTES]).bringing_notes()
    })
    .read_as(&[NOTES])
    .then(|scene, _| assert!(scene.remote.refs(scene.world).contains_key(NOTES)))
    .is_allowed();
}

#[test]
fn verdicts_may_stand_before_or_after_what_they_are_about() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", NOTES, "main"]).bringing_notes()
    })
    .is_allowed();
}

#[test]
fn verdicts_about_something_else_help_nobody() {
    form(|scene| {
        scene.reviewed();
        scene.change("new.txt");
        push(&["origin", "main", NOTES]).bringing_notes()
    })
    .is_refused("refs/heads/main", "no verdict");
}

/// The remote knows no verdicts but those that were pushed.
#[test]
fn verdicts_that_stayed_at_home_are_unknown_to_the_remote() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", "main"]).bringing_notes()
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/main", "no verdict");
}
