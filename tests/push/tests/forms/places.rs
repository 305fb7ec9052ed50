//! Where a push comes from: other folders, linked worktrees, repositories with longer names.

use push::quoted;

use crate::form::{form, push};
use crate::scene::Side;

#[test]
fn a_linked_worktree_shares_the_verdicts() {
    form(|scene| {
        let linked = scene.work.worktree("linked", "topic");
        let tip = linked.commit("topic.txt", "topic\n");
        scene.approve(&scene.base, &tip);
        push(&["origin", "topic"]).from(linked)
    })
    .is_allowed();
}

#[test]
fn a_verdict_made_in_a_linked_worktree_counts_in_the_main_one() {
    form(|scene| {
        let tip = scene.change("new.txt");
        let linked = scene.work.worktree("linked", "topic");
        scene.approve_in(&linked, &scene.base, &tip);
        push(&["origin", "main"])
    })
    .is_allowed();
}

#[test]
fn an_unreviewed_commit_of_a_linked_worktree_is_refused() {
    form(|scene| {
        let linked = scene.work.worktree("linked", "topic");
        linked.commit("topic.txt", "topic\n");
        push(&["origin", "topic"]).from(linked)
    })
    .is_refused("refs/heads/topic", "no verdict");
}

#[test]
fn longer_object_names_are_judged_alike() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", "main"])
    })
    .in_sha256()
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_reviewed_branch_with_longer_object_names_is_allowed() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", "main"])
    })
    .in_sha256()
    .is_allowed();
}

#[test]
fn a_new_branch_with_longer_object_names_starts_at_more_zeros() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "-b", "topic"]);
        scene.reviewed();
        push(&["origin", "topic"])
    })
    .in_sha256()
    .read_as(&[
        "refs/heads/topic 0000000000000000000000000000000000000000000000000000000000000000\n",
    ])
    .is_allowed();
}

#[test]
fn a_deletion_with_longer_object_names_is_refused() {
    form(|_| push(&["origin", ":main"])).in_sha256().is_refused("refs/heads/main", "a deletion");
}

#[test]
fn a_push_from_below_the_top_folder_is_the_same_push() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", "main"]).instead_of_push(&["-C", "docs", "push"])
    })
    .is_allowed();
}

/// Variables of git that point somewhere else are for git, not for the gate.
#[test]
fn variables_that_point_to_another_repository_do_not_help() {
    form(|scene| {
        let other = scene.world.path("elsewhere");
        let made = format!("--separate-git-dir={}", other.display());
        scene.world.done(&scene.world.path(""), &["init", "-q", &made, "elsewhere-work"]);
        scene.change("new.txt");
        let alias = format!(
            "alias.lie=!GIT_OBJECT_DIRECTORY={o}/objects GIT_ALTERNATE_OBJECT_DIRECTORIES={w} \
             GIT_GRAFT_FILE=/dev/null GIT_NO_REPLACE_OBJECTS=0 git push origin main",
            o = quoted(&scene.work.path().join(".git").display().to_string()),
            w = quoted(&other.join("objects").display().to_string()),
        );
        push(&[]).instead_of_push(&["-c", &alias, "lie"])
    })
    .asked_of(Side::Client)
    .is_refused("refs/heads/main", "no verdict");
}
