//! Repositories of every kind and place: the same range gives the same bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use ops_core::failure::Exit;
use review_bundle::{Repository, changes};
use tempfile::TempDir;

use crate::git::{Git, rendered};

fn two_commits(git: &Git) -> (String, String) {
    git.write("sub/file", "one\n");
    git.write("other", "same\n");
    let since = git.commit();
    git.write("sub/file", "one\ntwo\n");
    (since, git.commit())
}

#[test]
fn a_range_is_the_same_from_everywhere() {
    let git = Git::new();
    let (since, to) = two_commits(&git);
    let expected = rendered(&git.dir, &since, &to).text;
    let away = TempDir::new().expect("a folder");
    let [bare, linked, borrowed] = ["bare", "linked", "borrowed"].map(|it| away.path().join(it));
    let text = |path: &PathBuf| path.to_str().expect("UTF-8").to_owned();
    git.run(&["clone", "-q", "--bare", ".", &text(&bare)]);
    git.run(&["worktree", "add", "-q", &text(&linked), "HEAD~1"]);
    git.run(&["clone", "-q", "--shared", ".", &text(&borrowed)]);
    for folder in [git.dir.join("sub"), git.dir.join(".git"), bare, linked, borrowed] {
        assert_eq!(rendered(&folder, &since, &to).text, expected, "{}", folder.display());
    }
    git.run(&["gc", "-q", "--prune=now"]);
    assert_eq!(rendered(&git.dir, &since, &to).text, expected);
    git.run(&["tag", "-a", "-m", "a tag", "v1"]);
    assert_eq!(rendered(&git.dir, "HEAD~1", "v1").text, expected);
    assert_eq!(rendered(&git.dir, &since[..10], "refs/heads/main").text, expected);
}

#[test]
fn sha_256_repositories_are_repositories() {
    let git = Git::with_format("sha256");
    let (since, to) = two_commits(&git);
    let got = rendered(&git.dir, &since, &to);
    let manifest = got.bundle.manifest();
    assert_eq!((since.len(), &manifest.since.commit, &manifest.to.commit), (64, &since, &to));
    assert!(got.section("sub/file").contains("+two\n"));
    let empty = git.commit_tree(&git.feed(&["hash-object", "-t", "tree", "/dev/null"], b""));
    assert_eq!(rendered(&git.dir, &empty, &to).bundle.manifest().files.len(), 2);
}

#[test]
fn a_shallow_clone_gives_what_it_has_and_says_what_it_lacks() {
    let git = Git::new();
    let (since, to) = two_commits(&git);
    let away = TempDir::new().expect("a folder");
    let shallow = away.path().join("shallow");
    let from = format!("file://{}", git.dir.display());
    git.run(&["clone", "-q", "--depth", "1", &from, shallow.to_str().expect("UTF-8")]);
    let repository = Repository::discover(&shallow).expect("a repository");
    assert!(repository.range(&to, &to).is_ok());
    for name in [&since, "HEAD~1", "no-such-name"] {
        let failure = repository.range(name, &to).expect_err("it is not there");
        assert_eq!(failure.exit, Exit::Unavailable, "{failure}");
        assert!(failure.to_string().contains("--unshallow"), "{failure}");
    }
    // What there is is enough, also where history is cut.
    git.run(&["-C", shallow.to_str().expect("UTF-8"), "fetch", "-q", "--depth", "2", "origin"]);
    assert_eq!(rendered(&shallow, &since, &to).text, rendered(&git.dir, &since, &to).text);
}

#[test]
fn a_missing_object_is_no_answer() {
    let git = Git::new();
    let (since, to) = two_commits(&git);
    let blob = git.run(&["rev-parse", &format!("{to}:sub/file")]);
    let path = git.dir.join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    std::fs::remove_file(path).expect("removed");
    let repository = Repository::discover(&git.dir).expect("a repository");
    let range = repository.range(&since, &to).expect("a range");
    assert_eq!(changes(&repository, &range).expect("trees").len(), 1);
    let none = review_bundle::Exclusions::default();
    let failure = review_bundle::build(&repository, &range, &none, 1 << 20, &mut |_| ());
    assert_eq!(failure.map(drop).expect_err("it is gone").exit, Exit::Unavailable);
}

#[test]
fn a_merge_that_brings_something_of_its_own_is_seen() {
    let git = Git::new();
    git.write("file", "base\n");
    let since = git.commit();
    git.run(&["checkout", "-q", "-b", "side"]);
    git.write("side", "from the side\n");
    git.commit();
    git.run(&["checkout", "-q", "main"]);
    git.write("main", "from main\n");
    git.commit();
    git.run(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    git.write("evil", "from neither\n");
    let to = git.commit();
    assert_eq!(git.run(&["rev-list", "--parents", "-1", &to]).split(' ').count(), 3);
    let got = rendered(&git.dir, &since, &to);
    let paths: Vec<&str> = got.bundle.manifest().files.iter().map(|it| &*it.path).collect();
    assert_eq!(paths, ["evil", "main", "side"]);
    assert!(got.section("evil").contains("+from neither\n"));
}

/// Runs the example, whose environment can be set.
fn in_process(folder: &Path, since: &str, to: &str, env: &[(&str, &str)]) -> Vec<u8> {
    let tests = std::env::current_exe().expect("a path");
    let program = tests.parent().expect("deps").with_file_name("examples").join("bundle-range");
    let made = "it is made by `cargo test` without --test, or cargo build --examples";
    let done = Command::new(&program)
        .args([folder.to_str().expect("UTF-8"), since, to])
        .env_clear()
        .envs(env.iter().copied())
        .current_dir(folder.join("sub"))
        .output()
        .unwrap_or_else(|err| panic!("{}: {err}; {made}", program.display()));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

#[test]
fn no_setting_attribute_variable_replacement_or_graft_changes_a_byte() {
    let git = Git::new();
    git.write("sub/file", "one\n  two \n");
    git.write("b\u{fc}cher.txt", "one\r\n");
    git.write("script", "a\n");
    let since = git.commit();
    git.write("sub/file", "one\ntwo\n\nthree\n");
    git.write("b\u{fc}cher.txt", "two\r\n");
    git.write("script", "b\n");
    git.run(&["mv", "script", "moved"]);
    let to = git.commit();
    let expected = rendered(&git.dir, &since, &to).text;
    assert_eq!(in_process(&git.dir, &since, &to, &[]), expected.as_bytes());

    for (name, value) in [
        ("color.ui", "always"),
        ("core.abbrev", "5"),
        ("core.autocrlf", "true"),
        ("core.bigFileThreshold", "1"),
        ("core.fileMode", "false"),
        ("core.ignoreCase", "true"),
        ("core.quotePath", "false"),
        ("core.symlinks", "false"),
        ("core.useReplaceRefs", "true"),
        ("core.whitespace", "cr-at-eol"),
        ("diff.algorithm", "patience"),
        ("diff.context", "0"),
        ("diff.external", "/bin/true"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.indentHeuristic", "false"),
        ("diff.interHunkContext", "9"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("diff.renames", "copies"),
        ("diff.srcPrefix", "evil/"),
        ("diff.evil.binary", "true"),
        ("diff.evil.textconv", "/bin/true"),
        ("diff.evil.command", "/bin/true"),
        ("diff.orderFile", "/dev/null"),
        ("include.path", "/dev/null"),
    ] {
        git.run(&["config", name, value]);
    }
    git.write(".git/info/attributes", "* -diff diff=evil binary\n");
    // Everything that may be replaced is: the commits, a tree, a blob.
    let [folder, file] =
        ["sub", "sub/file"].map(|it| git.run(&["rev-parse", &format!("{since}:{it}")]));
    let empty = git.run(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
    git.run(&["replace", &file, &git.blob(b"replaced\n")]);
    git.run(&["replace", &folder, &empty]);
    git.run(&["replace", &to, &since]);
    assert_eq!(git.run(&["diff-tree", "-r", &since, &to]), "", "git itself follows them");
    git.write(".git/info/grafts", format!("{to}\n"));
    assert_eq!(rendered(&git.dir, &since, &to).text, expected);

    let other = Git::new();
    other.write("unlike", "this\n");
    other.commit();
    let elsewhere = other.dir.join(".git").to_str().expect("UTF-8").to_owned();
    let objects = format!("{elsewhere}/objects");
    let grafts = git.dir.join(".git/info/grafts").to_str().expect("UTF-8").to_owned();
    let environment = [
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &*objects),
        ("GIT_ATTR_SOURCE", "HEAD"),
        ("GIT_CEILING_DIRECTORIES", &elsewhere),
        ("GIT_COMMON_DIR", &elsewhere),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_KEY_0", "core.bare"),
        ("GIT_CONFIG_VALUE_0", "true"),
        ("GIT_DEFAULT_HASH", "sha256"),
        ("GIT_DIFF_OPTS", "-u0"),
        ("GIT_DIR", &elsewhere),
        ("GIT_EXTERNAL_DIFF", "/bin/true"),
        ("GIT_GRAFT_FILE", &grafts),
        ("GIT_INDEX_FILE", "/dev/null"),
        ("GIT_NAMESPACE", "evil"),
        ("GIT_OBJECT_DIRECTORY", &objects),
        ("GIT_PREFIX", "sub/"),
        ("GIT_REPLACE_REF_BASE", "refs/heads/"),
        ("GIT_SHALLOW_FILE", &grafts),
        ("GIT_WORK_TREE", "/"),
        ("HOME", &*elsewhere),
        ("LANG", "tr_TR.ISO-8859-9"),
        ("LC_ALL", "tr_TR.ISO-8859-9"),
        ("PATH", "/nonexistent"),
        ("XDG_CONFIG_HOME", &elsewhere),
    ];
    assert_eq!(in_process(&git.dir, &since, &to, &environment), expected.as_bytes());
}
