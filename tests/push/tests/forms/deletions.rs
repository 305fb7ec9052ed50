//! Nothing that is protected is deleted.

use push::Checkout;

use crate::form::{form, push};
use crate::scene::{Scene, Side};

/// Has the remote a second branch and a tag.
fn more(scene: &Scene<'_>) {
    let bare = scene.remote.bare().display().to_string();
    let own: &Checkout<'_> = &scene.work;
    own.done(&["push", "-q", &bare, "main:refs/heads/other", "main:refs/tags/v1"]);
}

#[test]
fn a_branch_is_not_deleted() {
    form(|scene| {
        more(scene);
        push(&["--delete", "origin", "other"])
    })
    .read_as(&["(delete) 0"])
    .is_refused("refs/heads/other", "a deletion");
}

#[test]
fn a_branch_is_not_deleted_by_an_empty_name_either() {
    form(|_| push(&["origin", ":main"]))
        .read_as(&["(delete) 0"])
        .is_refused("refs/heads/main", "a deletion");
}

#[test]
fn a_tag_is_not_deleted() {
    form(|scene| {
        more(scene);
        push(&["origin", ":refs/tags/v1"])
    })
    .is_refused("refs/tags/v1", "a deletion");
}

#[test]
fn a_deletion_beside_a_reviewed_branch_is_refused() {
    form(|scene| {
        more(scene);
        scene.reviewed();
        push(&["origin", "main", ":other"])
    })
    .is_refused("refs/heads/other", "a deletion");
}

#[test]
fn what_a_prune_deletes_is_refused() {
    form(|scene| {
        more(scene);
        scene.reviewed();
        push(&["--prune", "origin", "refs/heads/*:refs/heads/*"])
    })
    .read_as(&["(delete) 0"])
    .is_refused("refs/heads/other", "a deletion");
}

#[test]
fn what_is_not_protected_may_be_deleted() {
    form(|scene| {
        let bare = scene.remote.bare().display().to_string();
        scene.work.done(&["push", "-q", &bare, "main:refs/drafts/one"]);
        push(&["origin", ":refs/drafts/one"])
    })
    .then(|scene, _| assert!(!scene.remote.refs(scene.world).contains_key("refs/drafts/one")))
    .is_allowed();
}

/// The remote is asked about a branch that is not there any more; its answer is no all the same.
#[test]
fn deleting_what_is_not_there_is_refused_too() {
    form(|_| push(&["origin", ":refs/heads/never"]).instead_of_push(&["push", "--no-verify"]))
        .asked_of(Side::Server)
        .is_refused("refs/heads/never", "a deletion");
}
