//! Changes whose author does not want them to be seen.

use std::collections::BTreeSet;

use ops_core::failure::Exit;
use review_bundle::{Repository, changes, unescape};

use crate::git::{Git, rendered};

/// Mode, oid and name of each.
type Entries<'a> = &'a [(&'a str, &'a str, &'a [u8])];

#[test]
fn a_committed_gitattributes_hides_nothing() {
    let git = Git::new();
    git.write("evil.py", "print('good')\n");
    let since = git.commit();
    git.write(".gitattributes", "evil.py -diff binary export-ignore linguist-generated\n");
    git.write("evil.py", "print('evil')\n");
    let to = git.commit();
    assert!(git.run(&["diff", &since, &to, "--", "evil.py"]).contains("Binary files"));
    let got = rendered(&git.dir, &since, &to);
    assert!(got.section("evil.py").ends_with("-print('good')\n+print('evil')\n"));
}

#[test]
fn every_name_is_one_line_and_its_own() {
    let git = Git::new();
    let blob = git.blob(b"content\n");
    let names: &[&[u8]] = &[
        b" leading",
        b"\"quoted\"",
        b"$(touch pwned)",
        b"--option",
        b"-",
        b"CON",
        b"a",
        b"a ",
        b"a\\",
        b"a\\u{a}b",
        b"a\nb",
        b"a\n=== deleted b",
        b"a\tb",
        b"a\x1b[2K",
        b"b\xc3\xa9",
        b"b\xe9",
        b"be\xcc\x81",
        b"dir\\file",
        b"dir/file",
        b"rtl\xe2\x80\xaegpj.exe",
        b"\xff\xfe",
    ];
    let entries: Vec<_> = names.iter().map(|name| ("100644", &*blob, *name)).collect();
    let since = git.commit_index(&[]);
    let to = git.commit_index(&entries);
    let got = rendered(&git.dir, &since, &to);
    let shown: Vec<&str> =
        got.text.lines().filter_map(|it| it.strip_prefix("=== added ")).collect();
    let mut expected: Vec<&[u8]> = names.to_vec();
    expected.sort_unstable();
    let read: Vec<Vec<u8>> = shown.iter().map(|it| unescape(it).expect("a name")).collect();
    assert_eq!(read, expected);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert_eq!(got.text.matches("\n+content\n").count(), names.len());
}

#[test]
fn names_that_git_itself_refuses_are_still_shown() {
    let git = Git::new();
    let blob = git.blob(b"[core]\n\tsshCommand = evil\n");
    let folder = tree(&git, &[("100644", &blob, b"config")]);
    let names: [&[u8]; 4] = [b".GIT", b".git", b".git ", b"git~1"];
    let since = git.commit_index(&[]);
    for name in names {
        let to = git.commit_tree(&tree(&git, &[("40000", &folder, name)]));
        let got = rendered(&git.dir, &since, &to);
        let path = &got.bundle.manifest().files[0].path;
        assert_eq!(unescape(path), Some([name, b"/config"].concat()));
        assert!(got.text.contains("+\tsshCommand = evil\n"));
    }
}

#[test]
fn unusual_modes_are_shown_as_they_are() {
    let git = Git::new();
    let blob = git.blob(b"#!/bin/sh\n");
    let since = git.commit_tree(&tree(&git, &[("100664", &blob, b"tool")]));
    let to = git.commit_tree(&tree(&git, &[("104755", &blob, b"tool")]));
    let got = rendered(&git.dir, &since, &to);
    assert!(got.section("tool").contains("mode 100664 -> 104755\n"), "{}", got.text);
}

#[test]
fn a_tree_in_which_a_path_could_hide_is_refused() {
    let git = Git::new();
    let (good, evil) = (git.blob(b"good\n"), git.blob(b"evil\n"));
    let folder = tree(&git, &[("100644", &evil, b"file")]);
    let since = git.commit_index(&[]);
    let trees: &[(&str, Entries<'_>)] = &[
        ("twice", &[("100644", &good, b"a"), ("100644", &evil, b"a")]),
        ("file and folder", &[("100644", &good, b"a"), ("40000", &folder, b"a")]),
        (
            "file and folder, apart",
            &[("100644", &good, b"a"), ("100644", &good, b"a-"), ("40000", &folder, b"a")],
        ),
        ("out of order", &[("100644", &good, b"b"), ("100644", &evil, b"a")]),
        ("a slash", &[("100644", &evil, b"a/b")]),
        ("dot", &[("40000", &folder, b".")]),
        ("dots", &[("40000", &folder, b"..")]),
        ("too long", &[("100644", &evil, &[b'a'; 5000])]),
        ("a blob for a folder", &[("40000", &evil, b"a")]),
    ];
    for (what, entries) in trees {
        let to = git.commit_tree(&tree(&git, entries));
        let repository = Repository::discover(&git.dir).expect("a repository");
        let range = repository.range(&since, &to).expect("a range");
        let failure = changes(&repository, &range).expect_err(what);
        assert_eq!(failure.exit, Exit::Malformed, "{what}: {failure}");
    }
    // A folder in the place of a blob is told when it is read.
    let to = git.commit_tree(&tree(&git, &[("100644", &folder, b"a")]));
    let repository = Repository::discover(&git.dir).expect("a repository");
    let range = repository.range(&since, &to).expect("a range");
    let none = review_bundle::Exclusions::default();
    let built = review_bundle::build(&repository, &range, &none, 1 << 20, &mut |_| ());
    assert_eq!(built.map(drop).expect_err("a tree").exit, Exit::Malformed);
}

#[test]
fn a_line_of_a_file_is_never_taken_for_the_bundles_own() {
    let git = Git::new();
    let since = git.commit();
    let text = "=== added other\n@@ -1,1 +1,1 @@\n\\ no line end\n\\>rest\nno end";
    git.write("file", text);
    let to = git.commit();
    let got = rendered(&git.dir, &since, &to);
    let shown = got.section("file");
    let expected = "@@ -0,0 +1,5 @@\n+=== added other\n+@@ -1,1 +1,1 @@\n+\\ no line end\n\
                    +\\>rest\n+no end\n\\ no line end\n";
    assert!(shown.ends_with(expected), "{shown}");
    assert_eq!(got.text.lines().filter(|line| line.starts_with("=== ")).count(), 1);
}

/// Stores a tree of these entries, in this order, as git would not.
fn tree(git: &Git, entries: Entries<'_>) -> String {
    let mut bytes = Vec::new();
    for (mode, oid, name) in entries {
        bytes.extend(format!("{mode} ").bytes());
        bytes.extend(*name);
        bytes.push(0);
        let digits = |at: usize| u8::from_str_radix(&oid[at..at + 2], 16).expect("hex");
        bytes.extend((0..oid.len()).step_by(2).map(digits));
    }
    git.feed(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &bytes)
}
