//! What every kind of change looks like.

use review_bundle::{Kind, Status};

use crate::git::{Git, rendered, rendered_with};

#[test]
fn a_change_is_shown_whole() {
    let git = Git::new();
    git.write("src/a.rs", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n");
    git.write("gone", "was here\n");
    let since = git.commit();
    git.write("src/a.rs", "one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine");
    git.write("new", "");
    std::fs::remove_file(git.dir.join("gone")).expect("removed");
    let to = git.commit();
    let got = rendered(&git.dir, &since, &to);
    let oid = |name: &str| git.run(&["rev-parse", name]);
    let expected = format!(
        "aiops review bundle, format 1\n\
         since {since} tree {}\n\
         to {to} tree {}\n\
         Every line of a file starts with a blank, + or -. A line that starts with \\ is a note,\n\
         with \\> the rest of the line before, which was cut.\n\
         \\u{{HEX}} is a character that could not be seen for what it is, \\x{{HEX}} a byte that \
         is no UTF-8,\n\
         \\u{{5c}} a backslash where an escape would else be read.\n\
         files 3, not shown by policy 0, lines +2 -2\n\
         \n\
         deleted      +0 -1 gone\n\
         added        +0 -0 new\n\
         modified     +2 -1 src/a.rs\n\
         \n\
         === deleted gone\n\
         mode 100644 -> none\n\
         old {} 9 bytes\n\
         lines +0 -1\n\
         @@ -1,1 +0,0 @@\n\
         -was here\n\
         === added new\n\
         mode none -> 100644\n\
         new {} 0 bytes\n\
         lines +0 -0\n\
         === modified src/a.rs\n\
         mode 100644\n\
         old {} 40 bytes\n\
         new {} 44 bytes\n\
         lines +2 -1\n\
         @@ -2,7 +2,8 @@\n \
         two\n \
         three\n \
         four\n\
         -five\n\
         +FIVE\n \
         six\n \
         seven\n \
         eight\n\
         +nine\n\
         \\ no line end\n",
        oid(&format!("{since}^{{tree}}")),
        oid(&format!("{to}^{{tree}}")),
        oid(&format!("{since}:gone")),
        oid(&format!("{to}:new")),
        oid(&format!("{since}:src/a.rs")),
        oid(&format!("{to}:src/a.rs")),
    );
    assert_eq!(got.text, expected);
    let manifest = got.bundle.manifest();
    for (path, line, anchored) in [
        ("src/a.rs", 0, true),
        ("src/a.rs", 1, false),
        ("src/a.rs", 2, true),
        ("src/a.rs", 9, true),
        ("src/a.rs", 10, false),
        ("gone", 1, true),
        ("gone", 2, false),
        ("new", 1, true),
        ("other", 0, false),
    ] {
        assert_eq!(manifest.anchors(path, line), anchored, "{path}:{line}");
    }
}

#[test]
fn modes_links_submodules_and_types_are_shown() {
    let git = Git::new();
    let (one, two) = (git.blob(b"one\n"), git.blob(b"two\n"));
    let (link, other) = (git.blob(b"/etc/passwd"), git.blob(b"there"));
    let (here, there) = ("1".repeat(40), "2".repeat(40));
    let since = git.commit_index(&[
        ("100644", &one, b"becomes-link"),
        ("100644", &one, b"becomes-folder"),
        ("120000", &other, b"link"),
        ("100644", &one, b"mode"),
        ("160000", &here, b"module"),
    ]);
    let to = git.commit_index(&[
        ("120000", &link, b"becomes-link"),
        ("100644", &two, b"becomes-folder/file"),
        ("120000", &link, b"link"),
        ("100755", &one, b"mode"),
        ("160000", &there, b"module"),
    ]);
    let got = rendered(&git.dir, &since, &to);
    for (path, status, kind, shown) in [
        ("becomes-folder", Status::Deleted, Kind::Text, "-one\n"),
        ("becomes-folder/file", Status::Added, Kind::Text, "+two\n"),
        ("becomes-link", Status::TypeChanged, Kind::Symlink, "mode 100644 -> 120000\n"),
        ("becomes-link", Status::TypeChanged, Kind::Symlink, "-one\n+/etc/passwd\n"),
        ("link", Status::Modified, Kind::Symlink, "-there\n\\ no line end\n+/etc/passwd\n"),
        ("mode", Status::ModeChanged, Kind::Text, "mode 100644 -> 100755\n"),
        ("module", Status::Modified, Kind::Submodule, &format!("old submodule commit {here}\n")),
        ("module", Status::Modified, Kind::Submodule, &format!("new submodule commit {there}\n")),
    ] {
        let entry = got.bundle.manifest().entry(path).expect("an entry");
        assert_eq!((entry.status, entry.kind), (status, kind), "{path}");
        assert!(got.section(path).contains(shown), "{path}: {}", got.section(path));
    }
}

#[test]
fn only_true_binaries_are_hidden_and_never_the_other_side() {
    let git = Git::new();
    git.write("picture", "text before\n");
    let since = git.commit();
    git.write("picture", [0_u8, 1, 2, 3].repeat(100));
    git.write("latin", b"caf\xe9\n");
    git.write("evil.sh", b"#!/bin/sh\nrm -rf / # a NUL \x00 here does not hide this\n");
    git.write("dos.bat", "echo\r\n");
    git.write("trojan.c", "if (admin\u{202e}) // \u{2066}check\n");
    git.write("one-line.js", format!("{};\n", "x".repeat(300_000)));
    let to = git.commit();
    let got = rendered(&git.dir, &since, &to);
    for (path, kind, shown) in [
        ("picture", Kind::Binary, "-text before\n"),
        ("picture", Kind::Binary, " 400 bytes, binary, sha256 "),
        ("latin", Kind::Text, "+caf\\x{e9}\n"),
        ("evil.sh", Kind::Text, "+rm -rf / # a NUL \\u{0} here"),
        ("dos.bat", Kind::Text, "+echo\\u{d}\n"),
        ("trojan.c", Kind::Text, "+if (admin\\u{202e}) // \\u{2066}check\n"),
        ("one-line.js", Kind::Text, &format!("+{};\n", "x".repeat(300_000))),
    ] {
        assert_eq!(got.bundle.manifest().entry(path).expect("an entry").kind, kind, "{path}");
        assert!(got.section(path).contains(shown), "{path}: {}", got.section(path));
    }
}

#[test]
fn what_is_too_large_is_said_to_be_and_not_read() {
    let git = Git::new();
    git.write("large", "was small\n");
    let since = git.commit();
    git.write("large", "line\n".repeat(1000));
    let to = git.commit();
    let got = rendered_with(&git.dir, &since, &to, &[], 4999);
    assert_eq!(got.bundle.manifest().files[0].kind, Kind::TooLarge);
    assert!(got.section("large").contains("5000 bytes, too large to be shown\n"));
    let got = rendered_with(&git.dir, &since, &to, &[], 5000);
    assert_eq!(got.bundle.manifest().files[0].kind, Kind::Text);
}

#[test]
fn what_a_policy_excludes_is_named_with_its_hash_and_still_looked_at() {
    let git = Git::new();
    let since = git.commit();
    git.write("gen/deep/lock", "a generated line\n");
    git.write("lock", "a line\n");
    let to = git.commit();
    let got = rendered_with(&git.dir, &since, &to, &[("gen/**", "generated,\nreally")], 1 << 20);
    let entry = got.bundle.manifest().entry("gen/deep/lock").expect("an entry");
    let oid = git.run(&["rev-parse", &format!("{to}:gen/deep/lock")]);
    assert_eq!(entry.excluded.as_ref().map(|it| &*it.glob), Some("gen/**"));
    assert_eq!(got.bundle.manifest().totals.excluded, 1);
    let section = got.section("gen/deep/lock");
    assert!(section.contains(&oid), "{section}");
    let why = "not shown, by the policy's glob gen/**: generated,\\u{a}really\n";
    assert!(section.ends_with(why), "{section}");
    assert!(!got.text.contains("a generated line"));
    assert_eq!(got.seen[0].2, [b"a generated line\n"]);
    assert!(got.section("lock").contains("+a line\n"));
}
