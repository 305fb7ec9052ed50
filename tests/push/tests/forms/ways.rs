//! Ways to push, and ways around a hook.

use std::fs;

use push::{Checkout, Format, Hermetic, Remote, Transport};
use scenarios::Ran;

use crate::form::{form, protected, push};
use crate::scene::{Scene, Side, over_each};

#[test]
fn a_push_of_nothing_is_allowed() {
    form(|_| push(&["origin", "main"]))
        .asked_of(Side::Client)
        .then(|scene, _| assert_eq!(scene.asked().unwrap().lines, ""))
        .is_allowed();
}

/// Git has rejected the branch itself, and asks about what is left.
#[test]
fn a_push_that_git_rejects_itself_leaves_nothing_to_judge() {
    over_each(Format::Sha1, |world, remote| {
        let scene = Scene::new(world, remote, Side::Client);
        scene.work.done(&["reset", "-q", "--hard", "HEAD~1"]);
        scene.change("instead.txt");
        scene.guard(&scene.work);
        let ran = scene.work.git(&["push", "origin", "main"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let asked = scene.asked().unwrap();
        assert_eq!((asked.lines.as_str(), asked.code), ("", 0), "{asked:?}");
    });
}

#[test]
fn a_dry_run_gets_the_same_no() {
    form(|scene| {
        scene.change("new.txt");
        push(&["--dry-run", "origin", "main"])
    })
    .asked_of(Side::Client)
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_dry_run_gets_the_same_yes() {
    form(|scene| {
        scene.reviewed();
        push(&["--dry-run", "origin", "main"])
    })
    .asked_of(Side::Client)
    .then(|scene, _| assert_eq!(protected(scene)["refs/heads/main"], scene.base))
    .is_allowed();
}

#[test]
fn an_atomic_push_is_judged_alike() {
    form(|scene| {
        scene.reviewed();
        scene.work.done(&["checkout", "-q", "-b", "topic", &scene.base]);
        scene.change("new.txt");
        push(&["--atomic", "origin", "main", "topic"])
    })
    .is_refused("refs/heads/topic", "no verdict");
}

#[test]
fn going_around_the_own_hook_leads_to_the_remotes() {
    form(|scene| {
        scene.change("new.txt");
        push(&["--no-verify", "origin", "main"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn another_folder_of_hooks_leads_to_the_remotes() {
    form(|scene| {
        scene.change("new.txt");
        let elsewhere = ["-c", "core.hooksPath=/dev/null", "push"];
        push(&["origin", "main"]).instead_of_push(&elsewhere)
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/main", "no verdict");
}

/// The plumbing below `git push` runs no pre-push; it speaks no HTTP.
#[test]
fn send_pack_leads_to_the_remotes_hook() {
    form(|scene| {
        scene.change("new.txt");
        push(&[&scene.remote.url(), "main"]).instead_of_push(&["send-pack"])
    })
    .asked_of(Side::Server)
    .not_over(Transport::Http)
    .git_exits_with(255)
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_push_by_url_is_judged_like_one_by_name() {
    form(|scene| {
        scene.change("new.txt");
        push(&[&scene.remote.url(), "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_reviewed_push_by_url_is_allowed() {
    form(|scene| {
        scene.reviewed();
        push(&[&scene.remote.url(), "main"])
    })
    .is_allowed();
}

#[test]
fn what_a_program_reads_from_git_push_is_not_mixed_with_the_gate() {
    form(|scene| {
        scene.change("new.txt");
        push(&["--porcelain", "origin", "main"])
    })
    .then(|_, ran| assert!(!ran.stdout.contains("no verdict"), "{ran:?}"))
    .is_refused("refs/heads/main", "no verdict");
}

#[test]
fn a_password_in_the_url_is_told_to_nobody() {
    let password = format!("open{}sesame", "-");
    for transport in [Transport::File, Transport::Http] {
        for side in [Side::Client, Side::Server] {
            let world = Hermetic::new();
            let remote = match Remote::new(&world, "origin", transport, Format::Sha1) {
                Ok(remote) => remote,
                Err(why) => return skipped::told(skipped::this_test(), why),
            };
            let scene = Scene::new(&world, &remote, side);
            scene.change("new.txt");
            scene.guard(&scene.work);
            let url = remote.url_with_login("somebody", &password).unwrap();
            for words in [["push", &url, "main"], ["push", &url, "main:refs/heads/new"]] {
                let ran = scene.work.git(&words).expect(1);
                let asked = scene.asked().unwrap();
                let told = format!("{ran:?} {asked:?}");
                assert!(asked.stderr.contains("expected"), "{told}");
                assert!(!told.contains(&password), "{told}");
            }
            // Nor is it kept anywhere.
            for (path, content) in scenarios::snapshot(&world.path(""), &[]) {
                assert!(!content.contains(&password), "{}", path.display());
            }
        }
    }
}

#[test]
fn every_url_of_a_remote_is_asked_about() {
    over_each(Format::Sha1, |world, remote| {
        let scene = Scene::new(world, remote, Side::Client);
        let second = Remote::new(world, "second", Transport::File, Format::Sha1).unwrap();
        scene.work.done(&[
            "push",
            "-q",
            &second.bare().display().to_string(),
            "main~1:refs/heads/main",
        ]);
        for url in [remote.url(), second.url()] {
            scene.work.done(&["remote", "set-url", "--add", "--push", "origin", &url]);
        }
        let tip = scene.reviewed();
        scene.guard(&scene.work);

        // The second one is further behind than what was reviewed.
        let ran = scene.work.git(&["push", "origin", "main"]);
        assert_eq!((ran.code, scene.times_asked()), (1, 2), "{ran:?}");
        let behind = scene.work.oid("main~2");
        assert_eq!(second.refs(world)["refs/heads/main"], behind);
        assert_eq!(remote.refs(world)["refs/heads/main"], tip);

        scene.approve(&behind, &tip);
        scene.forget();
        let ran = scene.work.git(&["push", "origin", "main"]).expect(0);
        assert_eq!(scene.times_asked(), 2, "{ran:?}");
        assert_eq!(second.refs(world)["refs/heads/main"], tip);
    });
}

/// The hook as a person has it: one line that becomes the gate.
#[test]
fn a_hook_of_one_line_is_enough() {
    over_each(Format::Sha1, |world, remote| {
        let scene = Scene::new(world, remote, Side::Client);
        let gate = scenarios::command("review-gate");
        scene.work.install_pre_push(&push::Hook::new(&gate, &["check"]));
        remote.install_pre_receive(&push::Hook::new(&gate, &["pre-receive"]));
        let first = scene.change("new.txt");
        let ran: Ran = scene.work.git(&["push", "origin", "main"]).expect(1);
        assert!(ran.stderr.contains("refs/heads/main"), "{ran:?}");
        scene.approve(&scene.base, &first);
        let _ran = scene.work.git(&["push", "origin", "main", crate::form::NOTES]).expect(0);
        let other = Checkout::clone_of(world, "other", remote, &[]);
        assert_eq!(other.oid("HEAD"), first);
    });
}

/// A hook whose program is gone lets nothing through.
#[test]
fn a_hook_without_its_program_refuses() {
    over_each(Format::Sha1, |world, remote| {
        let scene = Scene::new(world, remote, Side::Client);
        scene.reviewed();
        let copy = world.path("review-gate");
        fs::copy(scenarios::command("review-gate"), &copy).unwrap();
        scene.work.install_pre_push(&push::Hook::new(&copy, &["check"]));
        fs::remove_file(&copy).unwrap();
        let _ran = scene.work.git(&["push", "origin", "main"]).expect(1);
        assert_eq!(protected(&scene)["refs/heads/main"], scene.base);
    });
}

/// A key that may run git's shell alone cannot start the other side without its hooks.
#[test]
fn the_other_side_cannot_be_started_without_its_hooks_over_ssh() {
    let world = Hermetic::new();
    let remote = match Remote::new(&world, "origin", Transport::Ssh, Format::Sha1) {
        Ok(remote) => remote,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let scene = Scene::new(&world, &remote, Side::Server);
    scene.change("new.txt");
    scene.guard(&scene.work);
    let without = "--receive-pack=git -c core.hooksPath=/dev/null receive-pack";
    let ran = scene.work.git(&["push", "--no-verify", without, "origin", "main"]).expect(128);
    assert!(scene.asked().is_none(), "{ran:?}");
    assert_eq!(protected(&scene)["refs/heads/main"], scene.base, "{ran:?}");
}

/// Git writes to what a symbolic reference leads to, and tells the hook the name that was pushed to.
#[test]
fn another_name_for_a_protected_branch_is_protected() {
    form(|scene| {
        another_name(scene);
        scene.change("new.txt");
        push(&["origin", "HEAD:refs/drafts/link"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/drafts/link", "no verdict");
}

#[test]
fn a_protected_branch_is_not_deleted_by_another_name() {
    form(|scene| {
        another_name(scene);
        push(&["origin", ":refs/drafts/link"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/drafts/link", "a deletion");
}

fn another_name(scene: &Scene<'_>) {
    let link = ["symbolic-ref", "refs/drafts/link", "refs/heads/main"];
    scene.world.done(scene.remote.bare(), &link);
}
