//! Patches against contents: what fits, what results, and what conflicts.

use file_patch::{Conflict, apply, parse};

fn outcome(hunks: &str, old: &str) -> Result<Option<String>, Conflict> {
    let diff = format!("--- a/x\n+++ b/x\n{hunks}");
    let patches = parse(diff.as_bytes()).unwrap_or_else(|fault| panic!("{fault}\n{diff}"));
    let new = apply(&patches[0], Some(old.as_bytes()))?;
    Ok(new.map(|new| String::from_utf8(new).expect("the cases are text")))
}

#[test]
fn a_patch_that_fits_gives_the_new_contents() {
    let cases = [
        ("@@ -1 +1 @@\n-a\n+b\n", "a\n", "b\n"),
        ("@@ -1,2 +1,2 @@\n-a\n+b\n c\n", "a\nc\nd\n", "b\nc\nd\n"),
        ("@@ -2,3 +2,3 @@\n a\n-b\n+c\n d\n", "z\na\nb\nd\ny", "z\na\nc\nd\ny"),
        (
            "@@ -1,2 +1,3 @@\n+n\n a\n b\n@@ -4,2 +5,1 @@\n d\n-e\n",
            "a\nb\nc\nd\ne\n",
            "n\na\nb\nc\nd\n",
        ),
        ("@@ -1 +0,0 @@\n-a\n", "a\n", ""),
        ("@@ -0,0 +1 @@\n+a\n", "", "a\n"),
        ("@@ -2,0 +3 @@\n+c\n", "a\nb\n", "a\nb\nc\n"),
        ("@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n", "a\n", "a"),
        ("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n", "a", "a\n"),
        ("@@ -1,2 +1,2 @@\n-a\n+b\n c\n\\ No newline at end of file\n", "a\nc", "b\nc"),
        ("@@ -1,2 +1,2 @@\n-a\r\n+b\r\n c\r\n", "a\r\nc\r\nd\r\n", "b\r\nc\r\nd\r\n"),
        ("@@ -1,2 +1,2 @@\n\n-a\n+b\n", "\na\n", "\nb\n"),
    ];
    for (hunks, old, new) in cases {
        assert_eq!(outcome(hunks, old), Ok(Some(new.into())), "{hunks}");
    }
}

#[test]
fn a_patch_that_fits_elsewhere_or_nearly_conflicts() {
    let change = "@@ -2,3 +2,3 @@\n a\n-b\n+c\n d\n";
    let differs = |line| Conflict::Differs { hunk: 1, line };
    let cases = [
        (change, "a\nb\nd\n", differs(2)),
        (change, "z\nz\na\nb\nd\n", differs(2)),
        (change, "z\na\nb \nd\n", differs(3)),
        (change, "z\na\nb\r\nd\n", differs(3)),
        (change, "z\na\nb\nd", differs(4)),
        (change, "z\na\nb\n", differs(4)),
        (change, "", differs(1)),
        ("@@ -1 +1 @@\n-a\n+b\n", "a\nc\n", Conflict::NotAtEnd { hunk: 1 }),
        ("@@ -1 +1 @@\n-a\n+b\n", "a", differs(1)),
        (
            "@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n",
            "a\nc\n",
            Conflict::NotAtEnd { hunk: 1 },
        ),
        (
            "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n",
            "a\n",
            Conflict::NotAtEnd { hunk: 1 },
        ),
        (
            "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n",
            "ab",
            Conflict::NotAtEnd { hunk: 1 },
        ),
        (
            "@@ -1,2 +1,2 @@\n-a\n+b\n c\n\\ No newline at end of file\n",
            "a\nc\n",
            Conflict::NotAtEnd { hunk: 1 },
        ),
        ("@@ -1,0 +2 @@\n+b\n", "a", Conflict::NoFinalNewline { hunk: 1 }),
        ("@@ -1,0 +2 @@\n+b\n", "a\nc\n", Conflict::NotAtEnd { hunk: 1 }),
        ("@@ -9,0 +10 @@\n+b\n", "a\n", differs(2)),
        (
            "@@ -1,2 +1,2 @@\n-a\n+b\n c\n@@ -4 +4 @@\n-e\n+f\n",
            "a\nc\nd\nE\n",
            Conflict::Differs { hunk: 2, line: 4 },
        ),
    ];
    for (hunks, old, conflict) in cases {
        assert_eq!(outcome(hunks, old), Err(conflict), "{hunks}{old}");
    }
}

#[test]
fn creating_needs_no_file_and_deleting_takes_all_of_it() {
    let create = "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n";
    let delete = "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n";
    let empty = "diff --git a/x b/x\nnew file mode 100644\n";
    let delete_empty = "diff --git a/x b/x\ndeleted file mode 100644\n";
    let cases = [
        (create, None, Ok(Some("a\n"))),
        (create, Some(""), Err(Conflict::Exists)),
        (empty, None, Ok(Some(""))),
        (empty, Some(""), Err(Conflict::Exists)),
        (delete, Some("a\n"), Ok(None)),
        (delete, Some("a\nb\n"), Err(Conflict::NotAtEnd { hunk: 1 })),
        (delete, None, Err(Conflict::Missing)),
        (delete_empty, Some(""), Ok(None)),
        (delete_empty, Some("a"), Err(Conflict::Leftover)),
    ];
    for (diff, old, expected) in cases {
        let patch = &parse(diff.as_bytes()).unwrap()[0];
        let expected = expected.map(|new| new.map(|new| new.as_bytes().to_vec()));
        assert_eq!(apply(patch, old.map(str::as_bytes)), expected, "{diff}");
    }
    let partial = "--- a/x\n+++ /dev/null\n@@ -2 +1,0 @@\n-b\n";
    assert_eq!(
        apply(&parse(partial.as_bytes()).unwrap()[0], Some(b"a\nb\n")),
        Err(Conflict::Leftover)
    );
}
