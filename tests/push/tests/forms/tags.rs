//! Tags publish what they point to, so they need a verdict like a branch.

use crate::form::{form, push};

#[test]
fn a_tag_of_a_reviewed_commit_is_allowed_with_its_branch() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "v1"]);
        push(&["origin", "main", "v1"])
    })
    .read_as(&["refs/tags/v1"])
    .is_allowed();
}

#[test]
fn a_tag_alone_is_allowed_when_its_commit_was_reviewed() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "v1"]);
        push(&["origin", "v1"])
    })
    .is_allowed();
}

#[test]
fn a_tag_of_what_is_on_the_branch_already_needs_the_verdict_that_brought_it_there() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.work.done(&["push", "-q", &scene.remote.bare().display().to_string(), "main"]);
        scene.work.done(&["update-ref", "refs/remotes/origin/main", &tip]);
        scene.work.done(&["tag", "v1"]);
        push(&["origin", "v1"])
    })
    .is_allowed();
}

#[test]
fn a_tag_of_an_unreviewed_commit_is_refused() {
    form(|scene| {
        scene.change("new.txt");
        scene.work.done(&["tag", "v1"]);
        push(&["origin", "v1"])
    })
    .is_refused("refs/tags/v1", "no verdict");
}

#[test]
fn an_annotated_tag_stands_for_its_commit() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "-a", "-m", "a tag", "v1"]);
        push(&["origin", "v1"])
    })
    .is_allowed();
}

#[test]
fn an_annotated_tag_of_an_unreviewed_commit_is_refused() {
    form(|scene| {
        scene.change("new.txt");
        scene.work.done(&["tag", "-a", "-m", "a tag", "v1"]);
        push(&["origin", "v1"])
    })
    .is_refused("refs/tags/v1", "no verdict");
}

#[test]
fn a_tag_of_a_tag_stands_for_the_commit_at_its_end() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "-a", "-m", "a tag", "v1"]);
        scene.work.done(&["tag", "-a", "-m", "a tag of a tag", "v2", "v1"]);
        push(&["origin", "v2"])
    })
    .is_allowed();
}

#[test]
fn a_tag_of_a_tree_is_refused() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "t", "HEAD^{tree}"]);
        push(&["origin", "t"])
    })
    .is_refused("refs/tags/t", "tree");
}

#[test]
fn an_annotated_tag_of_a_tree_is_refused() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "-a", "-m", "a tag", "t", "HEAD^{tree}"]);
        push(&["origin", "t"])
    })
    .is_refused("refs/tags/t", "tree");
}

#[test]
fn a_tag_of_a_file_is_refused() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["tag", "b", "HEAD:README"]);
        push(&["origin", "b"])
    })
    .is_refused("refs/tags/b", "blob");
}

#[test]
fn a_tag_that_moves_is_judged_like_a_branch_that_moves() {
    form(|scene| {
        let bare = scene.remote.bare().display().to_string();
        scene.work.done(&["tag", "v1", &scene.base]);
        scene.work.done(&["push", "-q", &bare, "v1"]);
        scene.change("new.txt");
        scene.work.done(&["tag", "-f", "v1"]);
        push(&["--force", "origin", "v1"])
    })
    .is_refused("refs/tags/v1", "no verdict");
}

#[test]
fn a_branch_and_a_tag_of_the_same_name_are_two_things() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["checkout", "-q", "--detach"]);
        scene.change("new.txt");
        scene.work.done(&["tag", "main"]);
        push(&["origin", "refs/heads/main", "refs/tags/main"])
    })
    .is_refused("refs/tags/main", "no verdict");
}
