//! Diffs exactly as they are written.

use file_patch::{FileChange, Side, apply, parse, render};

#[expect(clippy::unnecessary_wraps, reason = "a file that exists, as the cases below need it")]
fn side(text: &str) -> Option<Side<'_>> {
    Some(Side { bytes: text.as_bytes(), mode: 0o644 })
}

fn text(
    path: &str,
    moved_from: Option<&str>,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> String {
    let diff = render(&[FileChange { path, moved_from, before, after }]);
    String::from_utf8(diff).expect("the cases are text")
}

#[test]
fn nothing_changed_is_an_empty_diff() {
    assert_eq!(render(&[]), b"");
    assert_eq!(text("x", None, side("a\n"), side("a\n")), "");
    assert_eq!(text("x", Some("x"), side("a\n"), side("a\n")), "");
    assert_eq!(text("x", None, None, None), "");
    let group_writable = Some(Side { bytes: b"a\n", mode: 0o664 });
    assert_eq!(text("x", None, side("a\n"), group_writable), "");
}

#[test]
fn a_change_is_written_with_three_lines_of_context() {
    let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13";
    let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\n14";
    assert_eq!(
        text("dir/x", None, side(before), side(after)),
        "diff --git a/dir/x b/dir/x\n--- a/dir/x\n+++ b/dir/x\n\
         @@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n\
         @@ -10,4 +10,5 @@\n 10\n 11\n 12\n-13\n\\ No newline at end of file\n+13\n+14\n\\ No newline at end of file\n"
    );
}

#[test]
fn files_come_and_go() {
    assert_eq!(
        text("x", None, None, side("a\n")),
        "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n"
    );
    assert_eq!(text("x", None, None, side("")), "diff --git a/x b/x\nnew file mode 100644\n");
    assert_eq!(
        text("x", None, side("a\nb"), None),
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n\
         @@ -1,2 +0,0 @@\n-a\n-b\n\\ No newline at end of file\n"
    );
}

#[test]
fn modes_moves_and_binary_contents_are_told_as_git_does() {
    let executable = Some(Side { bytes: b"a\n", mode: 0o755 });
    assert_eq!(
        text("x", None, side("a\n"), executable),
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"
    );
    assert_eq!(
        text("y", Some("x"), side("a\n"), executable),
        "diff --git a/x b/y\nold mode 100644\nnew mode 100755\nsimilarity index 100%\nrename from x\nrename to y\n"
    );
    assert_eq!(
        text("y", Some("x"), side("a\nb\n"), side("a\nc\n")),
        "diff --git a/x b/y\nsimilarity index 50%\nrename from x\nrename to y\n--- a/x\n+++ b/y\n\
         @@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    );
    assert_eq!(
        text("x", None, side("\0"), side("a\n")),
        "diff --git a/x b/x\nBinary files a/x and b/x differ\n"
    );
    assert_eq!(
        text("x", None, None, side("\0")),
        "diff --git a/x b/x\nnew file mode 100644\nBinary files /dev/null and b/x differ\n"
    );
}

#[test]
fn names_are_quoted_as_git_quotes_them() {
    let cases = [
        ("p q", "diff --git a/p q b/p q\n--- a/p q\t\n+++ b/p q\t\n"),
        (
            "ä",
            "diff --git \"a/\\303\\244\" \"b/\\303\\244\"\n--- \"a/\\303\\244\"\n+++ \"b/\\303\\244\"\n",
        ),
        (
            "\"\\\t\u{1}",
            "diff --git \"a/\\\"\\\\\\t\\001\" \"b/\\\"\\\\\\t\\001\"\n--- \"a/\\\"\\\\\\t\\001\"\n+++ \"b/\\\"\\\\\\t\\001\"\n",
        ),
    ];
    for (path, header) in cases {
        let diff = text(path, None, side("a\n"), side("b\n"));
        assert_eq!(diff, format!("{header}@@ -1 +1 @@\n-a\n+b\n"));
    }
}

#[test]
fn files_too_large_for_a_shortest_edit_still_render_apply_and_keep_what_they_share() {
    let body = |seed: usize| (0..40_000).map(move |n| format!("{}\n", (n * seed) % 9973));
    let text = |seed: usize| -> Vec<u8> {
        let lines = ["first\n".to_owned()].into_iter().chain(body(seed));
        lines.chain(["last\n".to_owned()]).collect::<String>().into_bytes()
    };
    let (old, new, empty) = (text(7), text(11), b"first\nlast\n".to_vec());
    for (before, after) in [(&old, &new), (&old, &empty), (&empty, &old)] {
        let change = FileChange {
            path: "a",
            moved_from: None,
            before: Some(Side { bytes: before, mode: 0o644 }),
            after: Some(Side { bytes: after, mode: 0o644 }),
        };
        let diff = render(&[change]);
        let patches = parse(&diff).unwrap();
        assert_eq!(apply(&patches[0], Some(before)).unwrap().as_ref(), Some(after));
        let text = String::from_utf8(diff).unwrap();
        assert!(text.contains("\n first\n") && text.ends_with(" last\n"), "shared lines are kept");
    }
}
