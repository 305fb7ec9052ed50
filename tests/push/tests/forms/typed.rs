//! What stands before the colon is whatever was typed; only the object counts.

use push::zeros;

use crate::form::{form, push};

#[test]
fn a_reviewed_branch_is_allowed() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", "main"])
    })
    .read_as(&["refs/heads/main "])
    .then(|scene, _| {
        assert_eq!(scene.remote.refs(scene.world)["refs/heads/main"], scene.work.oid("main"));
    })
    .is_allowed();
}

#[test]
fn an_unreviewed_branch_is_refused() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_typed_name_with_spaces_hides_nothing() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", "HEAD@{1 second ago}:refs/heads/main"])
    })
    .read_as(&["HEAD@{1 second ago} ", " refs/heads/main "])
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_typed_name_with_spaces_hinders_nothing() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", "HEAD@{1 second ago}:refs/heads/main"])
    })
    .read_as(&["HEAD@{1 second ago} "])
    .is_allowed();
}

#[test]
fn a_typed_name_that_looks_like_a_harmless_line_hides_nothing() {
    form(|scene| {
        let nothing = zeros(scene.remote.format());
        let title = format!("x {nothing} refs/notes/x {nothing}");
        scene.work.write("new.txt", "new\n");
        scene.work.done(&["add", "-A"]);
        scene.work.done(&["commit", "-q", "-m", &title]);
        push(&["origin", &format!(":/{title}:refs/heads/main")])
    })
    .read_as(&["refs/notes/x 0", " refs/heads/main "])
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_commit_found_by_its_message_is_judged() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", ":/change new.txt:refs/heads/main"])
    })
    .read_as(&[":/change new.txt "])
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_reviewed_commit_found_by_its_message_is_allowed() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", ":/change reviewed.txt:refs/heads/main"])
    })
    .is_allowed();
}

#[test]
fn an_object_name_is_judged() {
    form(|scene| {
        let tip = scene.change("new.txt");
        push(&["origin", &format!("{tip}:refs/heads/main")])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_reviewed_object_name_is_allowed_whatever_lies_on_top_of_it() {
    form(|scene| {
        let tip = scene.reviewed();
        scene.change("later.txt");
        push(&["origin", &format!("{tip}:refs/heads/main")])
    })
    .then(|scene, _| {
        assert_eq!(scene.remote.refs(scene.world)["refs/heads/main"], scene.work.oid("main~1"));
    })
    .is_allowed();
}

#[test]
fn the_commit_before_the_reviewed_one_is_not_the_reviewed_one() {
    form(|scene| {
        scene.change("first.txt");
        let tip = scene.change("second.txt");
        scene.approve(&scene.base, &tip);
        push(&["origin", "HEAD~1:refs/heads/main"])
    })
    .read_as(&["HEAD~1 "])
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_detached_head_is_judged() {
    form(|scene| {
        scene.work.done(&["checkout", "-q", "--detach"]);
        scene.change("new.txt");
        push(&["origin", "HEAD:refs/heads/main"])
    })
    .read_as(&["HEAD "])
    .is_refused("refs/heads/main", "no verdict");
}
