//! The one allowance: a commit on top that only advances the baseline.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{MAIN, Repo, allowed, refused};

const FILE: &str = "docs/LAST_REVIEWED_SHA.txt";

/// A repository with a baseline file, and one approved commit.
fn approved(with_file: bool) -> (Repo, String) {
    let mut repo = Repo::new();
    if with_file {
        repo.base = repo.commit(&[(FILE, "nothing\n"), ("docs/other.md", "x\n")]);
        repo.git(&["update-ref", MAIN, &repo.base]);
    }
    let to = repo.commit(&[("a.txt", "2\n")]);
    repo.approve(&repo.base, &to);
    (repo, to)
}

#[test]
fn a_baseline_advance_moves_with_its_approval() {
    for with_file in [false, true] {
        let (repo, to) = approved(with_file);
        let top = repo.advance(&to);
        allowed(&repo.push_main(&top, &repo.base));
        // What comes next starts at the reviewed commit, though the remote has the advance.
        let next = repo.commit(&[("a.txt", "3\n")]);
        repo.approve(&to, &next);
        allowed(&repo.push_main(&next, &top));
        let last = repo.advance(&next);
        allowed(&repo.push_main(&last, &top));
        // A new branch alike.
        repo.git(&["update-ref", MAIN, &top]);
        allowed(&repo.push(&[("x", &last, "refs/heads/topic", &repo.zero())]));
    }
}

#[test]
fn an_advance_may_follow_the_commit_that_went_ahead_of_it() {
    let (repo, to) = approved(false);
    let top = repo.advance(&to);
    allowed(&repo.push_main(&top, &to));
}

#[test]
fn whatever_else_lies_on_top_is_refused() {
    type Change = fn(&Repo, &str);
    let variants: &[(&str, Change)] = &[
        ("another file too", |repo, to| {
            repo.write(FILE, &format!("{to}\n"));
            repo.write("a.txt", "evil\n");
        }),
        ("a file beside it", |repo, to| {
            repo.write(FILE, &format!("{to}\n"));
            repo.write("docs/evil.sh", "evil\n");
        }),
        ("another commit's id", |repo, _| repo.write(FILE, &format!("{}\n", repo.base))),
        ("no line end", |repo, to| repo.write(FILE, to)),
        ("more text", |repo, to| repo.write(FILE, &format!("{to}\nmore\n"))),
        ("capitals", |repo, to| repo.write(FILE, &format!("{}\n", to.to_uppercase()))),
        ("nothing at all", |_, _| {}),
        ("an executable", |repo, to| {
            repo.write(FILE, &format!("{to}\n"));
            let path = repo.path.join(FILE);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("a link", |repo, to| {
            let path = repo.path.join(FILE);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            drop(fs::remove_file(&path));
            symlink(format!("{to}\n"), path).unwrap();
        }),
        ("the name in capitals", |repo, to| {
            repo.write("docs/last_reviewed_sha.txt", &format!("{to}\n"));
        }),
        ("a folder of that name", |repo, to| {
            drop(fs::remove_file(repo.path.join(FILE)));
            repo.write(&format!("{FILE}/x"), &format!("{to}\n"));
        }),
        ("the file gone", |repo, _| drop(fs::remove_file(repo.path.join(FILE)))),
    ];
    for with_file in [false, true] {
        for (what, change) in variants {
            let (repo, to) = approved(with_file);
            change(&repo, &to);
            let top = repo.commit_all();
            let report = repo.push_main(&top, &repo.base);
            assert_eq!(report.refusals.len(), 1, "{what}, with a file before: {with_file}");
        }
    }
}

#[test]
fn two_advances_on_top_are_refused() {
    let (repo, to) = approved(false);
    let first = repo.advance(&to);
    let second = repo.advance(&first);
    refused(&repo.push_main(&second, &repo.base), &["no verdict"]);
}

#[test]
fn a_merge_that_advances_the_baseline_is_refused() {
    let (repo, to) = approved(false);
    repo.git(&["checkout", "-q", "-b", "side", &repo.base]);
    repo.commit(&[("evil.txt", "x\n")]);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "-s", "ours", "side"]);
    let top = repo.advance(&to);
    assert_eq!(repo.git(&["rev-list", "--count", "--merges", &top]), "1");
    refused(&repo.push_main(&top, &repo.base), &["no verdict"]);
}

#[test]
fn of_several_verdicts_about_one_commit_any_that_covers_is_enough() {
    let repo = Repo::new();
    let first = repo.commit(&[("a.txt", "2\n")]);
    let to = repo.commit(&[("a.txt", "3\n")]);
    repo.approve(&first, &to);
    refused(&repo.push_main(&to, &repo.base), &["another range"]);
    repo.approve(&repo.base, &to);
    allowed(&repo.push_main(&to, &repo.base));
    allowed(&repo.push_main(&to, &first));
}
