//! The hook, how it gets there, and how it is seen to run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use ssh_key::LineEnding;

use crate::desk::{Desk, Told, program, signer};

/// A PATH on which the built binary is found, before everything else.
pub(crate) fn path() -> String {
    let folder = program("review-gate").parent().unwrap().display().to_string();
    format!("{folder}:{}", std::env::var("PATH").unwrap())
}

pub(crate) fn run(desk: &Desk, line: &str) -> Told {
    desk.run_with(line, &[("PATH", &path())])
}

pub(crate) fn git(desk: &Desk, args: &[&str]) -> Told {
    let mut command = desk.bare("git");
    command.args(args).env("PATH", path());
    command.output().unwrap().into()
}

/// A plain repository that knows nothing of reviews, and a remote.
pub(crate) fn plain() -> Desk {
    let desk = Desk::new();
    fs::remove_dir_all(desk.path("")).unwrap();
    desk.put("README.md", "A thing.\n");
    desk.git(&["init", "-q"]);
    desk.commit("first");
    let remote = desk.root().join("remote.git").display().to_string();
    desk.git(&["init", "-q", "--bare", &remote]);
    desk.git(&["remote", "add", "origin", &remote]);
    desk
}

#[test]
fn three_commands_put_a_repository_under_review() {
    let desk = plain();
    let public = desk.root().join("reviewer.pub");
    let key = signer(1);
    fs::write(&public, key.public_key().to_openssh().unwrap()).unwrap();
    let base = desk.head();
    run(&desk, &format!("init --signer {}", public.display()))
        .is(0, &["added docs/LAST_REVIEWED_SHA.txt", "git show", "review-gate install-hooks"]);
    assert_eq!(desk.baseline(), base);
    assert_eq!(desk.git(&["rev-parse", "HEAD^"]), base);
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
    assert!(desk.read("configs/allowed_signers").contains("reviewer-1 namespaces="));
    assert_eq!(desk.git(&["ls-files", "-s", ".githooks"]).split(' ').next(), Some("100755"));
    run(&desk, "init").is(0, &["nothing was changed"]);
    // As a call that died after it had moved HEAD leaves it.
    let begun = desk.head();
    desk.git(&["reset", "-q", "--hard", "HEAD^"]);
    desk.git(&["update-ref", "HEAD", &begun]);
    assert_ne!(desk.git(&["status", "--porcelain"]), "");
    run(&desk, "init").is(0, &["nothing was changed"]);
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
    git(&desk, &["push", "-q", "origin", "main"]).is(0, &[]);
    run(&desk, "install-hooks")
        .is(0, &["set core.hooksPath", "seen: git push --dry-run runs the hook"]);
    run(&desk, "install-hooks").is(0, &["leads to .githooks already", "seen:"]);
    run(&desk, "verify-tree").is(0, &[]);
    // What is not reviewed does not go.
    desk.change("src/a.rs", "fn a() {}\n");
    let refused = git(&desk, &["push", "-q", "origin", "main"]);
    refused.is(1, &["review-gate", "refs/heads/main"]);
}

#[test]
fn a_repository_whose_branch_is_not_called_main_goes_the_whole_way() {
    for name in ["master", "true", "team/it's#1"] {
        let desk = plain();
        desk.git(&["branch", "-q", "-m", name]);
        let llm = desk.llm_json().to_string();
        desk.change("configs/llm.json", &llm);
        run(&desk, "init").is(0, &["added configs/review.yaml"]);
        git(&desk, &["push", "-q", "origin", name]).is(0, &[]);
        let remote = desk.git(&["remote", "get-url", "origin"]);
        let head = format!("refs/heads/{name}");
        desk.git(&["--git-dir", &remote, "symbolic-ref", "HEAD", &head]);
        run(&desk, "install-hooks").is(0, &["asked origin: changes are measured", "seen:"]);
        desk.change("src/a.rs", "fn a() {}\n");
        run(&desk, "run --gate").is(0, &["APPROVED"]);
        run(&desk, "finish").is(0, &["git push"]);
        git(&desk, &["push", "-q", "origin", name]).is(0, &[]);
        desk.git(&["checkout", "-q", "-b", "topic"]);
        desk.change("src/b.rs", "fn b() {}\n");
        git(&desk, &["push", "-q", "origin", "topic"]).is(1, &["review-gate run"]);
        run(&desk, "run --gate").is(0, &["APPROVED"]);
        git(&desk, &["push", "-q", "origin", "topic"]).is(0, &[]);
    }
}

#[test]
fn foreign_hooks_are_refused_not_silenced() {
    let desk = plain();
    let hook = desk.path(".git/hooks/pre-commit");
    fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    run(&desk, "install-hooks").is(1, &["pre-commit", "move them into .githooks/"]);
    assert_eq!(desk.try_git(&["config", "core.hooksPath"]).code, 1, "nothing was set");
    fs::remove_file(&hook).unwrap();
    desk.put(".githooks/pre-push", "#!/bin/sh\nexit 0\n");
    run(&desk, "install-hooks").is(1, &["is not the text of this review-gate"]);
}

#[test]
fn a_setting_that_counts_more_is_found_by_looking_not_believed() {
    let desk = plain();
    desk.git(&["config", "extensions.worktreeConfig", "true"]);
    desk.git(&["config", "--worktree", "core.hooksPath", "/nonexistent"]);
    run(&desk, "install-hooks").is(1, &["another setting of core.hooksPath counts more"]);
}

#[test]
fn verify_tree_names_every_way_round_and_every_defect_of_the_hook() {
    let desk = plain();
    run(&desk, "verify-tree").is(1, &["not those in .githooks", "is not there", "is in no commit"]);
    run(&desk, "install-hooks").is(0, &[]);
    desk.commit("the hook");
    run(&desk, "verify-tree").is(0, &["looked through 1 files"]);
    desk.change("ops/ship.sh", "git push \\\n  --no-verify\n");
    run(&desk, "verify-tree").is(1, &["ops/ship.sh:1 goes round the hooks"]);
    desk.change("ops/ship.sh", "git push --force\n");
    run(&desk, "verify-tree").is(1, &["ops/ship.sh:1 goes round the hooks"]);
    desk.change("ops/ship.sh", "git push\n");
    run(&desk, "verify-tree").is(0, &[]);
    desk.put("ops/ship.sh", "git push -f origin main\n");
    run(&desk, "verify-tree").is(1, &["ops/ship.sh (work tree):1"]);
    desk.git(&["checkout", "-q", "ops"]);
    desk.put("scripts/go.sh", "git push --no-verify\n");
    symlink("../scripts/go.sh", desk.path("ops/go.sh")).unwrap();
    desk.commit("a link");
    run(&desk, "verify-tree").is(1, &["ops/go.sh: it is a link"]);
    desk.git(&["reset", "-q", "--hard", "HEAD^"]);
    let hook = desk.path(".githooks/pre-push");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o644)).unwrap();
    run(&desk, "verify-tree").is(1, &["is not executable: git passes over it"]);
    desk.git(&["checkout", "-q", "-f", "."]);
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    desk.change(".githooks/pre-push", "#!/bin/sh\nexit 0\n");
    run(&desk, "verify-tree").is(1, &["is not the text of this review-gate"]);
}

#[test]
fn a_server_refuses_what_goes_round_the_clients_hook() {
    let desk = plain();
    let remote = desk.root().join("remote.git").display().to_string();
    let said = run(&desk, &format!("install-hooks --server {remote}"));
    said.is(0, &["wrote", "seen: a push runs the hook"]);
    run(&desk, &format!("install-hooks --server {remote}")).is(0, &["is ours already"]);
    let told = git(&desk, &["push", "-q", "--no-verify", "origin", "main"]);
    told.is(1, &["review-gate", "refs/heads/main"]);
    fs::write(format!("{remote}/hooks/pre-receive"), "#!/bin/sh\nexit 0\n").unwrap();
    run(&desk, &format!("install-hooks --server {remote}")).is(1, &["not the text"]);
    run(&desk, "install-hooks --server .").is(1, &["is no bare repository"]);
}

#[test]
fn an_approved_range_goes_through_the_hook_and_one_commit_more_does_not() {
    let desk = Desk::new();
    let remote = desk.root().join("remote.git").display().to_string();
    desk.git(&["init", "-q", "--bare", &remote]);
    desk.git(&["remote", "add", "origin", &remote]);
    desk.put(".githooks/pre-push", review_gate::hooks::PRE_PUSH);
    fs::set_permissions(desk.path(".githooks/pre-push"), fs::Permissions::from_mode(0o755))
        .unwrap();
    desk.commit("hook");
    git(&desk, &["push", "-q", "origin", "main"]).is(0, &[]);
    let start = desk.head();
    run(&desk, "install-hooks").is(0, &["seen:"]);
    desk.change("src/a.rs", "fn a() {}\n");
    git(&desk, &["push", "-q", "origin", "main"]).is(1, &["next"]);
    run(&desk, &format!("run --gate --since {start}")).is(0, &["APPROVED"]);
    git(&desk, &["push", "-q", "--porcelain", "origin", "main"]).is(0, &[]);
    desk.change("src/a.rs", "fn unreviewed() {}\n");
    git(&desk, &["push", "-q", "origin", "main"]).is(1, &["refs/heads/main"]);
    assert_eq!(
        desk.try_git(&["--git-dir", &remote, "rev-parse", "main"]).out.trim(),
        desk.git(&["rev-parse", "HEAD^"])
    );
}

#[test]
fn init_takes_the_signer_from_the_signing_key_and_refuses_others_staged_work() {
    let desk = plain();
    desk.secret("verdict_signing_key", &signer(3).to_openssh(LineEnding::LF).unwrap());
    desk.put("staged.txt", "mine\n");
    desk.git(&["add", "staged.txt"]);
    run(&desk, "init").is(1, &["changes are staged"]);
    desk.git(&["rm", "-q", "--cached", "staged.txt"]);
    desk.put("configs/review.yaml", "mine\n");
    run(&desk, "init").is(1, &["configs/review.yaml has changes that are in no commit"]);
    fs::remove_file(desk.path("configs/review.yaml")).unwrap();
    run(&desk, "init").is(0, &[]);
    assert!(desk.read("configs/allowed_signers").contains("reviewer-3 "));
    assert_eq!(desk.git(&["status", "--porcelain"]), "?? staged.txt");
}

#[test]
fn finish_refuses_a_dirty_index_and_runs_no_hook() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &[]);
    for hook in
        ["pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-checkout"]
    {
        let path = desk.path(&format!(".git/hooks/{hook}"));
        fs::write(&path, "#!/bin/sh\ntouch ran\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    desk.put("other.txt", "x\n");
    let add =
        desk.bare("git").args(["-c", "core.hooksPath=/dev/null", "add", "other.txt"]).status();
    assert!(add.unwrap().success());
    desk.run("finish").is(1, &["changes are staged"]);
    let reset = desk.bare("git").args(["-c", "core.hooksPath=/dev/null", "reset", "-q"]).status();
    assert!(reset.unwrap().success());
    desk.put(".git/index.lock", "");
    desk.run("finish").is(1, &["git cannot read the index", "index.lock"]);
    fs::remove_file(desk.path(".git/index.lock")).unwrap();
    desk.put("docs/LAST_REVIEWED_SHA.txt", "mine\n");
    desk.run("finish").is(1, &["changes that are in no commit"]);
    let back = desk
        .bare("git")
        .args(["-c", "core.hooksPath=/dev/null", "checkout", "-q", "docs"])
        .status();
    assert!(back.unwrap().success());
    desk.run("finish").is(0, &["moved the baseline"]);
    assert!(!desk.path("ran").exists(), "no hook ran");
    assert_eq!(desk.git(&["status", "--porcelain"]), "?? other.txt");
}

#[test]
fn finish_after_a_crash_between_commit_and_index_brings_the_index_up() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &[]);
    desk.run("finish").is(0, &[]);
    // As a run that died after it moved HEAD leaves it.
    let head = desk.head();
    desk.git(&["reset", "-q", "--hard", "HEAD^"]);
    desk.git(&["update-ref", "HEAD", &head]);
    assert_ne!(desk.git(&["status", "--porcelain"]), "");
    desk.run("finish").is(0, &["nothing was changed"]);
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_fresh_clone_can_tell_that_head_is_approved_from_the_notes() {
    let desk = Desk::new();
    desk.put(".githooks/pre-push", review_gate::hooks::PRE_PUSH);
    fs::set_permissions(desk.path(".githooks/pre-push"), fs::Permissions::from_mode(0o755))
        .unwrap();
    desk.commit("hook");
    run(&desk, "run --gate").is(0, &["APPROVED"]);
    run(&desk, "finish").is(0, &[]);
    let from = desk.path("").display().to_string();
    desk.git(&["clone", "-q", &from, "../clone"]);
    let clone = desk.root().join("clone");
    let there = |line: &str, env: &[(&str, &str)]| -> Told {
        let mut command = desk.command(line);
        command.current_dir(&clone).env("PATH", path()).envs(env.iter().copied());
        command.output().unwrap().into()
    };
    there("install-hooks", &[]).is(0, &["seen:"]);
    there("verify-tree", &[("CHECK_VERDICT", "1")]).is(1, &["there is no verdict about"]);
    let spec = "refs/notes/aiops-verdicts:refs/notes/aiops-verdicts";
    let fetched =
        desk.bare("git").current_dir(&clone).args(["fetch", "-q", "origin", spec]).status();
    assert!(fetched.unwrap().success());
    there("verify-tree", &[("CHECK_VERDICT", "1")]).is(0, &["is approved, signed by reviewer-1"]);
}
