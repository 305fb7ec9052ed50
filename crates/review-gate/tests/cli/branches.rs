//! Branches whose authors are hostile: a baseline, signers, an endpoint of their own. What they are
//! measured against is the protected branch as the remote has it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use ssh_key::LineEnding;

use crate::desk::{Desk, Told, openai_key, program, signer, signer_line};

/// A desk whose `main` lies on the remote `origin`, hook and all.
fn shared() -> Desk {
    let desk = Desk::new();
    let remote = desk.root().join("remote.git").display().to_string();
    desk.git(&["init", "-q", "--bare", &remote]);
    desk.git(&["remote", "add", "origin", &remote]);
    desk.put(".githooks/pre-push", review_gate::hooks::PRE_PUSH);
    let hook = desk.path(".githooks/pre-push");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    desk.commit("hook");
    let head = desk.head();
    desk.change("docs/LAST_REVIEWED_SHA.txt", &format!("{head}\n"));
    desk.git(&["push", "-q", "origin", "main"]);
    desk
}

/// What the required check says of a branch of the remote, in a clone of its own.
fn ci(desk: &Desk, branch: &str) -> Told {
    let clone = tempfile::tempdir_in(desk.root()).unwrap().keep();
    let remote = desk.root().join("remote.git").display().to_string();
    let place = clone.display().to_string();
    desk.git(&["clone", "-q", "-b", branch, &remote, &place]);
    let notes = "refs/notes/aiops-verdicts:refs/notes/aiops-verdicts";
    desk.git(&["-C", &place, "fetch", "-q", "origin", notes]);
    inside(desk, &clone, "install-hooks").is(0, &["seen:"]);
    inside(desk, &clone, "verify-tree")
}

fn inside(desk: &Desk, folder: &Path, line: &str) -> Told {
    let own = program("review-gate").parent().unwrap().display().to_string();
    let path = format!("{own}:{}", std::env::var("PATH").unwrap());
    let mut command = desk.command(line);
    command.current_dir(folder).env("PATH", path).env("CHECK_VERDICT", "1");
    command.output().unwrap().into()
}

/// Lets the remote have HEAD as a branch, and the verdicts, past every hook.
fn publish(desk: &Desk, branch: &str) {
    let to = format!("HEAD:refs/heads/{branch}");
    desk.git(&["push", "-q", "--no-verify", "origin", &to]);
    if desk.try_git(&["rev-parse", "-q", "--verify", "refs/notes/aiops-verdicts"]).code == 0 {
        desk.git(&["push", "-q", "--no-verify", "origin", "refs/notes/aiops-verdicts"]);
    }
}

#[test]
fn a_branch_that_brings_its_own_signer_and_baseline_is_not_approved() {
    let desk = shared();
    let own = signer(9);
    desk.put("configs/allowed_signers", signer_line(&own));
    let evil = desk.change("src/evil.rs", "fn evil() {}\n");
    desk.put("harmless.txt", "x\n");
    desk.change("docs/LAST_REVIEWED_SHA.txt", &format!("{evil}\n"));
    // On a machine of its author's, where nothing is asked of a remote.
    desk.secret("verdict_signing_key", &own.to_openssh(LineEnding::LF).unwrap());
    desk.git(&["remote", "rename", "origin", "away"]);
    let url = desk.git(&["remote", "get-url", "away"]);
    desk.git(&["remote", "remove", "away"]);
    desk.run("run --gate").is(0, &["APPROVED"]);
    desk.run("finish").is(0, &["is approved, signed by reviewer-9"]);
    desk.git(&["remote", "add", "origin", &url]);
    publish(&desk, "evil");
    ci(&desk, "evil").is(1, &["reviewer-9 may not sign as of refs/remotes/origin/main"]);
    // And whoever has the remote is told so, too.
    desk.git(&["fetch", "-q", "origin"]);
    desk.git(&["reset", "-q", "--hard", "HEAD^"]);
    desk.run("finish").is(1, &["they are not those of refs/remotes/origin/main"]);
    desk.run("show").is(0, &["it does not count"]);
}

#[test]
fn a_branch_that_skips_its_first_commit_by_its_own_baseline_is_not_approved() {
    let desk = shared();
    let evil = desk.change("src/evil.rs", "fn evil() {}\n");
    desk.put("harmless.txt", "x\n");
    desk.change("docs/LAST_REVIEWED_SHA.txt", &format!("{evil}\n"));
    // The reviewer's own key, and rules that nobody touched: the range is what is wrong.
    desk.run("run --gate").is(0, &["APPROVED"]);
    publish(&desk, "evil");
    ci(&desk, "evil").is(1, &["does not cover what is new beyond refs/remotes/origin/main"]);
}

#[test]
fn a_branch_that_brings_its_own_endpoint_gets_no_question_and_no_key() {
    let desk = shared();
    let elsewhere = fakes::Fake::start(fakes::OpenAi::new(openai_key()));
    let mut llm: Value = serde_json::from_str(&desk.read("configs/llm.json")).unwrap();
    llm["providers"]["openai"]["apiBase"] = json!(format!("{}/v1", elsewhere.url()));
    desk.put("configs/llm.json", llm.to_string());
    desk.put("configs/review.yaml", include_str!("../../../../configs/review.yaml"));
    let evil = desk.commit("an endpoint");
    desk.put("harmless.txt", "x\n");
    desk.change("docs/LAST_REVIEWED_SHA.txt", &format!("{evil}\n"));
    desk.run("run --gate").is(1, &["they are not those of refs/remotes/origin/main", "--since"]);
    desk.run(&format!("run --gate --since {evil}")).is(1, &["they are not those of"]);
    desk.run("bundle").is(1, &["they are not those of"]);
    assert_eq!((elsewhere.received().len(), desk.calls()), (0, (0, 0)));
    // From where the branch parted, it is reviewed by the branch's rules.
    desk.run("run --gate --since origin/main").is(0, &["APPROVED"]);
    assert_eq!((elsewhere.received().len(), desk.calls().0), (0, 1));
}

#[test]
fn a_second_round_on_a_branch_stands_on_the_first_also_where_that_changed_the_rules() {
    let desk = shared();
    let policy = desk.read("configs/review.yaml").replace("maxTokens: 60000", "maxTokens: 50000");
    desk.change("configs/review.yaml", &policy);
    desk.run("run --gate").is(0, &["APPROVED"]);
    desk.run("finish").is(0, &["moved the baseline"]);
    publish(&desk, "topic");
    ci(&desk, "topic").is(0, &["is approved, signed by reviewer-1"]);
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &["APPROVED"]);
    desk.run("finish").is(0, &["moved the baseline"]);
    publish(&desk, "topic");
    ci(&desk, "topic").is(0, &["is approved, signed by reviewer-1"]);
    // Once all of it is on the protected branch, it still is.
    publish(&desk, "main");
    ci(&desk, "main").is(0, &["is approved, signed by reviewer-1"]);
}

/// Two rounds, and in the second a merge of the protected branch that keeps nothing of it: neither
/// range shows what it drops.
#[test]
fn what_a_merge_drops_of_the_protected_branch_is_not_covered_by_two_rounds() {
    let desk = shared();
    let main = desk.head();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &["APPROVED"]);
    let topic = desk.head();
    desk.git(&["checkout", "-q", "-b", "mend", &main]);
    desk.change("src/hole.rs", "// closed\n");
    publish(&desk, "main");
    desk.git(&["checkout", "-q", "-B", "topic", &topic]);
    desk.git(&["merge", "-q", "-s", "ours", "-m", "merge", "mend"]);
    desk.change("src/b.rs", "fn b() {}\n");
    desk.run(&format!("run --gate --since {topic}")).is(0, &["APPROVED"]);
    publish(&desk, "topic");
    ci(&desk, "topic").is(1, &["does not cover what is new beyond refs/remotes/origin/main"]);
    desk.run("run --gate --since mend").is(0, &["APPROVED"]);
    publish(&desk, "topic");
    ci(&desk, "topic").is(0, &["is approved"]);
}

/// History that was cut off can hide the newer of two commits that both branches have.
#[test]
fn a_shallow_clone_cannot_tell_what_is_new_and_says_so() {
    let desk = shared();
    let old = desk.head();
    desk.change("src/hole.rs", "// closed\n");
    publish(&desk, "main");
    let main = desk.head();
    // A branch from before, with the mended main far behind a merge that keeps nothing of it.
    desk.git(&["checkout", "-q", "-b", "far", &main]);
    for _ in 0..5 {
        desk.commit("on");
    }
    desk.git(&["checkout", "-q", "-b", "topic", &old]);
    desk.git(&["merge", "-q", "-s", "ours", "-m", "merge", "far"]);
    desk.change("src/b.rs", "fn b() {}\n");
    desk.run(&format!("run --gate --since {old}")).is(0, &["APPROVED"]);
    publish(&desk, "topic");
    ci(&desk, "topic").is(1, &["does not cover what is new"]);
    let clone = tempfile::tempdir_in(desk.root()).unwrap().keep();
    let (place, remote) = (clone.display().to_string(), desk.root().join("remote.git"));
    let remote = format!("file://{}", remote.display());
    desk.git(&[
        "clone",
        "-q",
        "--depth",
        "4",
        "--no-single-branch",
        "-b",
        "topic",
        &remote,
        &place,
    ]);
    let notes = "refs/notes/aiops-verdicts:refs/notes/aiops-verdicts";
    desk.git(&["-C", &place, "fetch", "-q", "origin", notes]);
    inside(&desk, &clone, "install-hooks").is(0, &["seen:"]);
    inside(&desk, &clone, "verify-tree").is(1, &["this clone is shallow"]);
}

#[test]
fn without_the_protected_branch_of_the_remote_there_is_no_answer() {
    let desk = shared();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    desk.run("run --gate")
        .is(1, &["refs/remotes/origin/main is not known here", "git fetch origin"]);
    desk.git(&["fetch", "-q", "origin"]);
    desk.git(&["remote", "rename", "origin", "one"]);
    desk.run("run --gate").is(0, &["APPROVED"]);
    desk.git(&["remote", "add", "two", "https://example.org/fork.git"]);
    desk.run("finish").is(1, &["several remotes"]);
    desk.git(&["config", "remote.pushDefault", "one"]);
    desk.run("finish").is(0, &["moved the baseline"]);
}

#[test]
fn a_signer_that_the_protected_branch_took_out_approves_no_branch_from_before_that() {
    let desk = shared();
    let old = desk.head();
    desk.change("configs/allowed_signers", &signer_line(&signer(2)));
    publish(&desk, "main");
    desk.git(&["checkout", "-q", "-b", "topic", &old]);
    desk.change("src/evil.rs", "fn evil() {}\n");
    desk.run(&format!("run --gate --since {old}")).is(0, &["APPROVED"]);
    publish(&desk, "topic");
    ci(&desk, "topic").is(1, &["reviewer-1 may not sign as of refs/remotes/origin/main"]);
}
