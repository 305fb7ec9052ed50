//! Ways that went through a gate like this one somewhere else: none may go through here.
//! Their numbers are those of facts/review-and-router.md 3.7.

use std::fs;

use push::{Draft, Reviewer};
use verdict::document::Decision;

use crate::form::{form, push};
use crate::scene::{Scene, Side};

/// Hole 1: a hook that split its lines from the left saw neither the branch nor the commit.
#[test]
fn hole_1_a_typed_name_with_spaces_let_anything_through() {
    form(|scene| {
        scene.change("new.txt");
        push(&["origin", "HEAD@{0 seconds ago}:refs/heads/main"])
    })
    .read_as(&["HEAD@{0 seconds ago} "])
    .is_refused("refs/heads/main", "no verdict");
}

/// Hole 2: deletions were no updates, so nobody judged them.
#[test]
fn hole_2_a_branch_could_be_deleted() {
    form(|scene| {
        scene.reviewed();
        push(&["origin", ":main"])
    })
    .is_refused("refs/heads/main", "a deletion");
}

/// Hole 3: the start of the reviewed range was read and never compared with the remote's commit.
#[test]
fn hole_3_a_verdict_about_the_last_commit_covered_all_before_it() {
    form(|scene| {
        let hidden = scene.change("hidden.txt");
        let shown = scene.change("shown.txt");
        scene.approve(&hidden, &shown);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "another range");
}

/// Hole 11: the verdict was read from the work tree, where anybody can put one.
#[test]
fn hole_11_a_verdict_in_the_work_tree_counted() {
    form(|scene| {
        let tip = scene.change("new.txt");
        let verdict = envelope(scene, &tip);
        for place in ["artifacts/review/verdict.json", "aiops/verdicts", ".aiops/verdict.dsse.json"]
        {
            let at = format!("{place}/{tip}/{}.dsse.json", scene.base);
            scene.work.write(if place.ends_with("json") { place } else { &at }, &verdict);
        }
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

/// Hole 11: and so it counted when it was committed.
#[test]
fn hole_11_a_committed_verdict_counted() {
    form(|scene| {
        let tip = scene.change("new.txt");
        let verdict = envelope(scene, &tip);
        scene.work.commit(&format!("aiops/verdicts/{tip}/{}.dsse.json", scene.base), &verdict);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

/// Hole 11: the author held the key that signs. Here the author has a key of their own.
#[test]
fn hole_11_the_author_could_sign_alone() {
    form(|scene| {
        let tip = scene.change("new.txt");
        let author = Reviewer::with_seed(2);
        author.store(scene.work.path(), &Draft::approved(&scene.base, &tip));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "unknown signer");
}

/// Hole 11 again: the author names the key in the very range that it approves.
#[test]
fn hole_11_the_author_could_bring_along_who_is_trusted() {
    form(|scene| {
        let author = Reviewer::with_seed(2);
        let tip = scene.work.commit("configs/allowed_signers", &author.line());
        author.store(scene.work.path(), &Draft::approved(&scene.base, &tip));
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "unknown signer");
}

/// … or writes it into the work tree and commits nothing.
#[test]
fn hole_11_who_is_trusted_was_read_from_the_work_tree() {
    form(|scene| {
        let author = Reviewer::with_seed(2);
        let tip = scene.change("new.txt");
        author.store(scene.work.path(), &Draft::approved(&scene.base, &tip));
        scene.work.write("configs/allowed_signers", &author.line());
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "unknown signer");
}

/// … or takes the protection away in the range.
#[test]
fn hole_11_the_range_could_say_that_nothing_is_protected() {
    form(|scene| {
        let policy = <verdict::Policy as ops_core::config::Settings>::SHIPPED;
        let open = policy.replace("\"refs/heads/*\", \"refs/tags/*\"", "\"refs/nothing/*\"");
        assert_ne!(policy, open);
        scene.work.commit("configs/review.yaml", &open);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", "no verdict");
}

/// Hole 11: variables moved the model, the endpoint and the whole gate. These are the ancestor's,
/// those of hook managers, and ours.
#[test]
fn hole_11_a_variable_could_turn_it_off() {
    form(|scene| {
        scene.change("new.txt");
        let own = scene.world.path("own-configs");
        let open = "protected: []\nprotectedBranch: main\n";
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("review.yaml"), open).unwrap();
        fs::write(own.join("allowed_signers"), Reviewer::with_seed(2).line()).unwrap();
        let own = own.display().to_string();
        [
            ("AIOPS_CONFIGS", own.as_str()),
            ("AIOPS_HOME", &own),
            ("AIOPS_REVIEW_MODEL", "gpt-4o"),
            ("AIOPS_SECRETS_DIR", &own),
            ("AIOPS_SKIP", "1"),
            ("CHECK_VERDICT", "0"),
            ("CODEX_SKIP", "1"),
            ("HUSKY", "0"),
            ("LEFTHOOK", "0"),
            ("OPENCLAW_LITELLM_PROXY_URL", "http://127.0.0.1:9"),
            ("OPENCLAW_REVIEW_MODEL", "gpt-4o"),
            ("OPENCLAW_SHIP", "1"),
            ("SKIP", "review-gate"),
        ]
        .into_iter()
        .fold(push(&["origin", "main"]), |push, (name, value)| push.with(name, value))
    })
    .is_refused("refs/heads/main", "no verdict");
}

/// The repository's own configuration is no policy either.
#[test]
fn hole_11_git_configuration_could_turn_it_off() {
    form(|scene| {
        scene.change("new.txt");
        for (name, value) in [
            ("aiops.protected", ""),
            ("core.commitGraph", "true"),
            ("core.useReplaceRefs", "true"),
            ("extensions.worktreeConfig", "true"),
            ("gpg.ssh.allowedSignersFile", "/dev/null"),
            ("notes.displayRef", "refs/notes/*"),
            ("review-gate.skip", "true"),
        ] {
            scene.work.done(&["config", name, value]);
        }
        push(&["origin", "main"])
    })
    .asked_of(Side::Client)
    .is_refused("refs/heads/main", "no verdict");
}

/// What `CODEX_SKIP` and `--simulate` make opens no gate (hole 8).
#[test]
fn hole_8_a_simulated_verdict_counted() {
    refused_when_edited(
        |scene, tip| Draft::approved(&scene.base, tip).but(|it| it.meta.simulated = true),
        "simulated",
    );
}

/// Hole 8: a verdict of nobody in particular.
#[test]
fn hole_8_a_verdict_without_a_reviewer_counted() {
    refused_when_edited(
        |scene, tip| Draft::approved(&scene.base, tip).but(|it| it.meta.reviewer.version.clear()),
        "reviewer version",
    );
}

/// Hole 11: another endpoint could approve.
#[test]
fn hole_11_an_endpoint_of_the_authors_own_could_approve() {
    refused_when_edited(
        |scene, tip| {
            Draft::approved(&scene.base, tip)
                .but(|it| it.meta.endpoint_host = Some("127.0.0.1".to_owned()))
        },
        "endpoint",
    );
}

/// A verdict that says no, signed by somebody trusted, is a no.
#[test]
fn a_blocked_verdict_is_a_no() {
    refused_when_edited(
        |scene, tip| {
            Draft::approved(&scene.base, tip).but(|it| {
                it.verdict = Decision::Blocked;
                it.because = vec!["the reviewer blocks packet 1".to_owned()];
            })
        },
        "not approved",
    );
}

/// A good verdict about one commit, renamed to be about another.
#[test]
fn a_verdict_under_another_commits_name_is_a_no() {
    form(|scene| {
        let good = scene.reviewed();
        let tip = scene.change("new.txt");
        let store = scene.work.path().join(".git/aiops/verdicts");
        let name = format!("{}.dsse.json", scene.base);
        fs::create_dir_all(store.join(&tip)).unwrap();
        fs::copy(store.join(good).join(&name), store.join(&tip).join(name)).unwrap();
        push(&["origin", "main"])
    })
    .asked_of(Side::Client)
    .is_refused("refs/heads/main", "re-ranged");
}

/// … and a good note, copied to another commit.
#[test]
fn a_note_copied_to_another_commit_is_a_no() {
    form(|scene| {
        let good = scene.reviewed();
        let tip = scene.change("new.txt");
        scene.work.done(&["notes", "--ref=aiops-verdicts", "copy", &good, &tip]);
        push(&["origin", "main"])
    })
    .asked_of(Side::Server)
    .is_refused("refs/heads/main", "re-ranged");
}

fn envelope(scene: &Scene<'_>, tip: &str) -> String {
    let signed = scene.reviewer().sign(scene.work.path(), &Draft::approved(&scene.base, tip));
    String::from_utf8(signed.envelope().to_bytes()).unwrap()
}

fn refused_when_edited(draft: for<'a> fn(&Scene<'a>, &str) -> Draft, found: &'static str) {
    form(move |scene| {
        let tip = scene.change("new.txt");
        let draft = draft(scene, &tip);
        scene.reviewer().store(scene.work.path(), &draft);
        push(&["origin", "main"])
    })
    .is_refused("refs/heads/main", found);
}
