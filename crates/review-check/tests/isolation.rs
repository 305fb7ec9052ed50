//! What surrounds a repository changes nothing: replace refs, grafts, shallow boundaries, work
//! trees, variables, configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use review_check::Mode;

use crate::support::{Repo, allowed, fallback, git, refused};

fn approved() -> (Repo, String) {
    let repo = Repo::new();
    let to = repo.commit(&[("a.txt", "2\n")]);
    repo.approve(&repo.base, &to);
    (repo, to)
}

#[test]
fn replace_refs_change_nothing() {
    let (repo, to) = approved();
    let evil = repo.commit(&[("evil.txt", "x\n")]);
    // To git the evil commit now is the approved one, and its parent is what the remote has.
    repo.git(&["replace", "-f", &evil, &to]);
    repo.git(&["update-ref", "refs/heads/main", &evil]);
    refused(&repo.push_main(&evil, &repo.base), &["no verdict"]);
    let tree = repo.git(&["--no-replace-objects", "rev-parse", &format!("{evil}^{{tree}}")]);
    repo.git(&["replace", "-f", &tree, &format!("{to}^{{tree}}")]);
    refused(&repo.push_main(&evil, &repo.base), &["no verdict"]);
}

#[test]
fn grafts_and_replaced_parents_prove_no_ancestry() {
    let (repo, to) = approved();
    repo.git(&["checkout", "-q", "--orphan", "alone"]);
    let alone = repo.commit(&[("a.txt", "3\n")]);
    repo.approve(&to, &alone);
    fs::create_dir_all(repo.path.join(".git/info")).unwrap();
    fs::write(repo.path.join(".git/info/grafts"), format!("{alone} {to}\n")).unwrap();
    refused(&repo.push_main(&alone, &to), &["no ancestor"]);
    fs::remove_file(repo.path.join(".git/info/grafts")).unwrap();
    repo.git(&["replace", "--graft", &alone, &to]);
    refused(&repo.push_main(&alone, &to), &["no ancestor"]);
}

#[test]
fn a_shallow_clone_proves_only_what_its_own_commits_name() {
    let (repo, to) = approved();
    let top = repo.commit(&[("a.txt", "3\n")]);
    let source = format!("file://{}", repo.path.display());
    let clone = repo.path.with_file_name("shallow");
    let place = clone.to_str().unwrap();
    repo.git(&["clone", "-q", "--depth", "1", &source, place]);
    // With verdicts and all, but without the commits between.
    let aiops = clone.join(".git/aiops/verdicts").join(&top);
    repo.approve(&to, &top);
    repo.approve(&repo.base, &top);
    fs::create_dir_all(&aiops).unwrap();
    let from = repo.path.join(".git/aiops/verdicts").join(&top);
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), aiops.join(entry.file_name())).unwrap();
    }
    let line = |new: &str, reference: &str, old: &str| format!("x {new} {reference} {old}\n");
    let main = line(&top, "refs/heads/main", &to);
    refused(&repo.asked(Mode::PrePush, &clone, &main), &["is not", "fetch"]);
    // The commit is here, its place in history is not.
    let pack = git(&repo.path)
        .args(["pack-objects", "--stdout", "-q"])
        .stdin(input(&format!("{}\n", repo.base)))
        .output()
        .unwrap();
    let unpacked = git(&clone)
        .args(["unpack-objects", "-q"])
        .stdin(input_bytes(&pack.stdout))
        .status()
        .unwrap();
    assert!(unpacked.success());
    let main = line(&top, "refs/heads/main", &repo.base);
    let report = repo.asked(Mode::PrePush, &clone, &main);
    refused(&report, &["is not here", "--unshallow"]);
    let topic = line(&top, "refs/heads/topic", &repo.zero());
    refused(&repo.asked(Mode::PrePush, &clone, &topic), &["shallow", "--unshallow"]);
}

/// A file to read from.
fn input(text: &str) -> Stdio {
    input_bytes(text.as_bytes())
}

fn input_bytes(bytes: &[u8]) -> Stdio {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file.into()
}

#[test]
fn linked_work_trees_share_verdicts_and_git_dir_says_where() {
    let (mut repo, to) = approved();
    let linked = repo.path.with_file_name("linked");
    repo.git(&["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap(), &to]);
    let line = format!("x {to} refs/heads/main {}\n", repo.base);
    allowed(&repo.asked(Mode::PrePush, &linked, &line));
    let git_dir = repo.path.join(".git/worktrees/linked");
    repo.env.push(("GIT_DIR".into(), git_dir.display().to_string()));
    allowed(&repo.asked(Mode::PrePush, &linked, &line));
    // A verdict written from there is seen here.
    repo.env.clear();
    fs::write(linked.join("a.txt"), "5\n").unwrap();
    git(&linked).args(["commit", "-qam", "more"]).status().unwrap();
    let more = repo.git(&["rev-parse", "other"]);
    let signed =
        verdict::statement::Signed::sign(repo.verdict(&to, &more), &crate::support::key(1));
    let opened = verdict::objects::open(&repo.host(), &linked, None).unwrap();
    verdict::store::Store::of(&opened).put(&repo.host(), &signed.unwrap()).unwrap();
    allowed(&repo.push_main(&more, &to));
}

#[test]
fn hostile_variables_change_nothing() {
    let (mut repo, to) = approved();
    let evil = repo.commit(&[("evil.txt", "x\n")]);
    for name in [
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_COUNT",
        "GIT_REPLACE_REF_BASE",
        "GIT_GRAFT_FILE",
        "GIT_SHALLOW_FILE",
        "GIT_CEILING_DIRECTORIES",
        "AIOPS_CONFIGS",
        "AIOPS_HOME",
        "CODEX_SKIP",
        "AIOPS_REVIEW_MODEL",
        "CHECK_VERDICT",
    ] {
        repo.env.push((name.into(), "/nonexistent/1".into()));
    }
    allowed(&repo.push_main(&to, &repo.base));
    refused(&repo.push_main(&evil, &repo.base), &["no verdict"]);
}

#[test]
fn a_repository_s_own_configuration_turns_nothing_off() {
    let (repo, _) = approved();
    let evil = repo.commit(&[("evil.txt", "x\n")]);
    for (name, value) in [
        ("core.useReplaceRefs", "true"),
        ("core.hooksPath", "/dev/null"),
        ("push.default", "nothing"),
        ("include.path", "/nonexistent"),
        ("review.gate", "off"),
    ] {
        repo.git(&["config", name, value]);
    }
    refused(&repo.push_main(&evil, &repo.base), &["no verdict"]);
}

#[test]
fn without_a_repository_there_is_no_answer_unless_nothing_moves() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::new();
    let mut call = review_check::Call {
        mode: Mode::PrePush,
        cwd: dir.path(),
        lines: b"",
        remote: None,
        fallback: fallback(),
    };
    assert!(review_check::check(&repo.host(), &call).unwrap().refusals.is_empty());
    let line = format!("x {} refs/heads/main {}\n", repo.base, repo.zero());
    call.lines = line.as_bytes();
    assert_eq!(review_check::check(&repo.host(), &call).unwrap_err().exit.code(), 69);
}

/// The example that does nothing but check, as git would start it.
pub(crate) fn hook() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples/check_hook");
    assert!(path.exists(), "`cargo test -p review-check` builds the example too");
    path
}

#[test]
fn a_real_push_is_judged_with_its_quarantined_objects() {
    let (repo, to) = approved();
    let bare = repo.path.with_file_name("server.git");
    let place = bare.to_str().unwrap();
    repo.git(&["init", "-q", "--bare", "-b", "main", place]);
    let baseline = format!("{}:refs/heads/main", repo.base);
    repo.git(&["push", "-q", place, &baseline]);
    let script = format!("#!/bin/sh\nexec {} pre-receive\n", hook().display());
    let file = bare.join("hooks/pre-receive");
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let push = |refs: &[&str]| repo.run(&[&["push", "-q", place], refs].concat());
    let done = push(&["main"]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && told.contains("no verdict in refs/notes"), "{told}");
    repo.opened(|git| {
        let signed = verdict::statement::Signed::sign(
            repo.verdict(&repo.base, &to),
            &crate::support::key(1),
        );
        verdict::notes::write(&repo.host(), git, &signed.unwrap()).unwrap();
    });
    let done = push(&["main", verdict::notes::REFERENCE]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    repo.commit(&[("evil.txt", "x\n")]);
    for refs in [&["main"][..], &["main:refs/heads/topic"], &[":main"], &["+HEAD~2:main"]] {
        assert!(!push(refs).status.success(), "{refs:?}");
    }
    assert_eq!(repo.git(&["ls-remote", place, "refs/heads/*"]), format!("{to}\trefs/heads/main"));
}
