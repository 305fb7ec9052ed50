//! git itself as the measure: it accepts what is rendered, its diffs are accepted, and where a
//! damaged diff is applied here, git does the same.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests run git and lay out files"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use common::{Change, File, change};
use file_patch::{FileChange, Mode, Side, apply, parse, render};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

type Tree = BTreeMap<String, (Vec<u8>, bool)>;

/// A directory with a git repository in it, `None` where there is no git.
fn repository() -> Option<TempDir> {
    if Command::new("git").arg("--version").output().is_err() {
        skipped::told(skipped::this_test(), "git is not installed");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    assert!(git(directory.path(), &["init", "--quiet"]).status.success());
    Some(directory)
}

fn git(directory: &Path, arguments: &[&str]) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new("git");
    command.env_clear().env("PATH", path).env("HOME", directory).env("GIT_CONFIG_NOSYSTEM", "1");
    command.current_dir(directory).args(arguments).output().unwrap()
}

fn write(directory: &Path, path: &str, file: &File) {
    let place = directory.join(path);
    let Some((bytes, executable)) = file else {
        fs::remove_file(place).ok();
        return;
    };
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, bytes).unwrap();
    let mode = if *executable { 0o755 } else { 0o644 };
    fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every file below `directory` but git's own and the diff.
fn tree(directory: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if entry.file_type().unwrap().is_dir() {
                folders.extend((name != ".git").then(|| entry.path()));
            } else if name != ".diff" {
                let executable = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
                let place = entry.path();
                let path = place.strip_prefix(directory).unwrap().to_str().unwrap();
                tree.insert(path.to_owned(), (fs::read(&place).unwrap(), executable));
            }
        }
    }
    tree
}

fn after(changes: &[Change]) -> Tree {
    let files =
        changes.iter().filter_map(|change| Some((change.path.clone(), change.after.clone()?)));
    files.collect()
}

/// Applies a diff of several files as the caller of this crate would; `None`: refused.
fn applied(diff: &[u8], before: &Tree) -> Option<Tree> {
    let mut after = before.clone();
    for patch in parse(diff).ok()? {
        let old = patch.old.as_ref().or(patch.new.as_ref()).and_then(|path| before.get(path));
        let bytes = apply(&patch, old.map(|(bytes, _)| &bytes[..])).ok()?;
        if let Some(old) = &patch.old {
            after.remove(old);
        }
        if let (Some(bytes), Some(path)) = (bytes, patch.new) {
            let kept = old.is_some_and(|(_, executable)| *executable);
            let executable = patch.mode.map_or(kept, |mode| mode == Mode::Executable);
            after.insert(path, (bytes, executable));
        }
    }
    Some(after)
}

/// Runs `git apply` on the tree in `directory`; `None`: refused.
fn git_applied(directory: &Path, diff: &[u8]) -> Option<Tree> {
    fs::write(directory.join(".diff"), diff).unwrap();
    let arguments = ["apply", "--whitespace=nowarn", ".diff"];
    git(directory, &arguments).status.success().then(|| tree(directory))
}

fn sample<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Changes of several files with names that need quoting in some.
fn changes(runner: &mut TestRunner, count: usize) -> Vec<Change> {
    let kinds =
        ["plain", "with blank", "ümlaut", "q\"uote", "back\\slash", "ta\tb", "date 2024-01-02"];
    let paths =
        (0..count).map(|index| format!("d{}/{} {index}", index % 5, kinds[index % kinds.len()]));
    let all = paths.map(|path| sample(runner, &change(path)));
    all.filter(Change::is_change).collect()
}

fn lay_out(directory: &Path, changes: &[Change]) {
    for change in changes {
        write(directory, &change.path, &change.before);
    }
}

#[test]
fn git_applies_what_is_rendered() {
    let Some(directory) = repository() else { return };
    let changes = changes(&mut TestRunner::deterministic(), 500);
    lay_out(directory.path(), &changes);
    let views: Vec<_> = changes.iter().map(Change::view).collect();
    let diff = render(&views);
    fs::write(directory.path().join(".diff"), &diff).unwrap();
    let check = git(directory.path(), &["apply", "--check", ".diff"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    assert_eq!(git_applied(directory.path(), &diff), Some(after(&changes)));
}

#[test]
fn git_applies_moves_that_are_rendered() {
    let Some(directory) = repository() else { return };
    let mut runner = TestRunner::deterministic();
    let moves: Vec<_> = changes(&mut runner, 200)
        .into_iter()
        .filter_map(|change| Some((change.path, change.before?, change.after?)))
        .collect();
    let mut diff = Vec::new();
    let mut expected = Tree::new();
    for (index, (from, before, after)) in moves.iter().enumerate() {
        let to = format!("moved/{from}");
        // Every second one keeps its contents.
        let bytes = if index % 2 == 0 { &before.0 } else { &after.0 };
        write(directory.path(), from, &Some(before.clone()));
        let side = |bytes, executable| Side { bytes, mode: if executable { 0o755 } else { 0o644 } };
        diff.extend(render(&[FileChange {
            path: &to,
            moved_from: Some(from),
            before: Some(side(&before.0, before.1)),
            after: Some(side(bytes, after.1)),
        }]));
        expected.insert(to, (bytes.clone(), after.1));
    }
    assert_eq!(git_applied(directory.path(), &diff), Some(expected));
}

#[test]
fn diffs_that_git_makes_are_accepted() {
    let Some(directory) = repository() else { return };
    let changes = changes(&mut TestRunner::deterministic(), 500);
    lay_out(directory.path(), &changes);
    let before = tree(directory.path());
    assert!(git(directory.path(), &["add", "--all"]).status.success());
    let id = ["-c", "user.name=x", "-c", "user.email=x", "commit", "--quiet", "--message=x"];
    assert!(git(directory.path(), &id).status.success());
    for change in &changes {
        write(directory.path(), &change.path, &change.after);
    }
    assert!(git(directory.path(), &["add", "--all"]).status.success());
    // Not --function-context: with it git writes hunks that overlap, which are refused here.
    let ways: [&[&str]; 5] = [
        &[],
        &["--unified=1"],
        &["--unified=20", "--histogram"],
        &["--full-index", "--patience", "--inter-hunk-context=2"],
        &["--diff-algorithm=minimal", "--abbrev=40", "--no-indent-heuristic"],
    ];
    for quote in ["core.quotePath=true", "core.quotePath=false"] {
        for way in ways {
            let start = ["-c", quote, "diff", "--cached", "--text", "--no-renames"];
            let diff = git(directory.path(), &[&start[..], way].concat()).stdout;
            if let Err(fault) = parse(&diff) {
                panic!("{way:?}: {fault}");
            }
            assert_eq!(applied(&diff, &before), Some(after(&changes)), "{way:?}");
        }
    }
}

#[test]
fn what_still_applies_after_damage_applies_the_same_with_git() {
    let Some(directory) = repository() else { return };
    let mut runner = TestRunner::deterministic();
    let (mut damaged_diffs, mut damaged_files) = (0, 0);
    for case in 0..200 {
        let change = sample(&mut runner, &change("x".into()));
        if !change.is_change() {
            continue;
        }
        let whole = render(&[change.view()]);
        let diff = if case % 2 == 0 { plain(&whole) } else { whole };
        for round in 0..60 {
            let (mut diff, mut change) = (diff.clone(), change.clone());
            let is_damaged = match &mut change.before {
                Some((bytes, _)) if round % 2 == 0 => damage(bytes, &mut runner),
                _ => damage(&mut diff, &mut runner),
            };
            let before: Tree =
                change.before.iter().map(|file| ("x".into(), file.clone())).collect();
            let Some(ours) = applied(&diff, &before).filter(|_| is_damaged) else { continue };
            for path in tree(directory.path()).into_keys() {
                fs::remove_file(directory.path().join(path)).unwrap();
            }
            lay_out(directory.path(), std::slice::from_ref(&change));
            let theirs = git_applied(directory.path(), &diff);
            // git judges paths (`x/`, `.git`); this crate leaves that to its caller.
            let is_refused_path = theirs.is_none() && !ours.is_empty() && !ours.contains_key("x");
            if is_refused_path {
                continue;
            }
            assert_eq!(theirs, Some(ours), "{}", diff.escape_ascii());
            *(if round % 2 == 0 { &mut damaged_files } else { &mut damaged_diffs }) += 1;
        }
    }
    let enough = damaged_diffs > 100 && damaged_files > 100;
    assert!(enough, "damage must not always be refused: {damaged_diffs}, {damaged_files}");
}

/// Removes, inserts or changes one byte; returns whether that made a difference.
fn damage(bytes: &mut Vec<u8>, runner: &mut TestRunner) -> bool {
    let was = bytes.clone();
    let byte = prop::sample::select(b"0123456789+- \\\n\t@,ab/\"\r\xff".to_vec());
    let byte = sample(runner, &byte);
    let at = sample(runner, &any::<prop::sample::Index>());
    match sample(runner, &(0..4)) {
        0 => bytes.insert(at.index(bytes.len() + 1), byte),
        _ if bytes.is_empty() => {}
        1 => drop(bytes.remove(at.index(was.len()))),
        _ => bytes[at.index(was.len())] = byte,
    }
    *bytes != was
}

/// Leaves only the parts of a git diff of one file that any diff tool writes.
fn plain(diff: &[u8]) -> Vec<u8> {
    let start = diff.windows(5).position(|window| window == b"\n--- ");
    start.map_or(Vec::new(), |start| diff[start + 1..].to_vec())
}
