//! What diffs are accepted, and why others are refused.

use file_patch::Fault::{
    Binary, Header, HunkCounts, HunkHeader, HunkPosition, Marker, Name, NamesDisagree, NoChange,
    NoPatch, NotUtf8, Overflow, Prefix, Rename, SamePathTwice, StrayText, Timestamp, Unterminated,
    WholeFile,
};
use file_patch::{Fault, FilePatch, Mode, PatchFault, parse};

const GIT: &str = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n";
const HUNK: &str = "@@ -1 +1 @@\n-a\n+b\n";

type Stated<'a> = (Option<&'a str>, Option<&'a str>, Option<Mode>, Option<Mode>);

fn stated(patch: &FilePatch) -> Stated<'_> {
    (patch.old.as_deref(), patch.new.as_deref(), patch.old_mode, patch.mode)
}

#[test]
fn what_git_and_diff_write_is_accepted() {
    let (plain, executable) = (Some(Mode::Plain), Some(Mode::Executable));
    let x = Some("x");
    let cases: &[(&str, Stated<'_>)] = &[
        (
            "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
            (x, x, plain, None),
        ),
        ("diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", (x, x, plain, executable)),
        (
            "diff --git a/x b/x\nold mode 100755\nnew mode 100644\nindex 1..2\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
            (x, x, executable, plain),
        ),
        (
            "diff --git a/x b/x\nnew file mode 100755\nindex 0..e69de29\n",
            (None, x, None, executable),
        ),
        (
            "diff --git a/x b/x\ndeleted file mode 100644\nindex e69de29..0\n",
            (x, None, plain, None),
        ),
        (
            "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n",
            (None, x, None, plain),
        ),
        (
            "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            (x, None, plain, None),
        ),
        ("--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@ fn main() {\n-a\n+b\n", (x, x, None, None)),
        ("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", (None, x, None, None)),
        ("--- a/x\n+++ /dev/null\t\n@@ -1 +0,0 @@\n-a\n", (x, None, None, None)),
        (
            "--- a/x\t2024-01-02 03:04:05.678901234 +0100\n+++ b/x\t2024-01-02 03:04:05\n@@ -1 +1 @@\n-a\n+b\n",
            (x, x, None, None),
        ),
        (
            "--- a/p q\t\n+++ b/p q\t2024-01-02 03:04:05 -0330\n@@ -1 +1 @@\n-a\n+b\n",
            (Some("p q"), Some("p q"), None, None),
        ),
        (
            "diff --git a/p b/p q b/p b/p q\nold mode 100644\nnew mode 100755\n",
            (Some("p b/p q"), Some("p b/p q"), plain, executable),
        ),
        (
            "diff --git \"a/\\303\\244\\t\\\"\\\\\" \"b/\\303\\244\\t\\\"\\\\\"\nnew file mode 100644\n",
            (None, Some("ä\t\"\\"), None, plain),
        ),
        (
            "--- a/ä\n+++ \"b/\\303\\244\"\n@@ -1 +1 @@\n-a\n+b\n",
            (Some("ä"), Some("ä"), None, None),
        ),
        ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\n\n", (x, x, None, None)),
        (
            "--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
            (Some("../../etc/passwd"), Some("../../etc/passwd"), None, None),
        ),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- q\n+++ q\n", (x, x, None, None)),
    ];
    for (diff, expected) in cases {
        let patches = parse(diff.as_bytes()).unwrap_or_else(|fault| panic!("{fault}\n{diff}"));
        assert_eq!(patches.len(), 1, "{diff}");
        assert_eq!(stated(&patches[0]), *expected, "{diff}");
    }
}

#[test]
fn a_diff_holds_several_files() {
    // `---` below a new empty file belongs to it, and contradicts it.
    let new = "diff --git a/y b/y\nnew file mode 100644\n";
    let diff = format!("{new}--- a/z\n+++ b/z\n{HUNK}");
    assert_eq!(parse(diff.as_bytes()), Err(PatchFault { line: 3, fault: Fault::NamesDisagree }));
    let diff = format!("--- a/z\n+++ b/z\n{HUNK}{new}{GIT}{HUNK}");
    assert_eq!(parse(diff.as_bytes()).unwrap().len(), 3);
    let diff =
        format!("{GIT}@@ -1,2 +1,2 @@\n-a\n+b\n c\n@@ -9 +9 @@\n-a\n+b\n--- a/y\n+++ b/y\n{HUNK}");
    let patches = parse(diff.as_bytes()).unwrap();
    assert_eq!(
        patches.iter().filter_map(|patch| patch.new.as_deref()).collect::<Vec<_>>(),
        ["x", "y"]
    );
}

fn git(header: &str) -> String {
    format!("diff --git a/x b/x\n{header}")
}

fn plain(names: &str) -> String {
    format!("{names}{HUNK}")
}

fn body(hunks: &str) -> String {
    format!("--- a/x\n+++ b/x\n{hunks}")
}

fn all_refused(cases: &[(String, usize, Fault)]) {
    for (diff, line, fault) in cases {
        assert_eq!(
            parse(diff.as_bytes()),
            Err(PatchFault { line: *line, fault: *fault }),
            "{diff}"
        );
    }
}

#[test]
fn stray_text_and_headers_git_would_not_write_are_refused() {
    all_refused(&[
        (String::new(), 1, NoPatch),
        ("Subject: hello\n".into(), 1, StrayText),
        (format!("\n{GIT}{HUNK}"), 1, StrayText),
        (format!("{GIT}{HUNK}-- \n2.47.3\n"), 8, StrayText),
        (format!("{GIT}{HUNK}hello\n"), 8, StrayText),
        (format!("{GIT}{HUNK}diff --cc x\n"), 8, StrayText),
        (format!("{GIT}@@ -1 +1 @@\n-a\n+b"), 7, Unterminated),
        (format!("{GIT}{HUNK}{GIT}{HUNK}"), 8, SamePathTwice),
        (format!("{GIT}{HUNK}--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"), 8, SamePathTwice),
        (git(""), 1, NoChange),
        (git("index 1..2 100644\n"), 1, NoChange),
        (git("hello\n"), 1, NoChange),
        (git("index 1..2\nindex 1..2\n"), 3, Header),
        (git("index hello\n"), 2, Header),
        (git("index ..2\n"), 2, Header),
        (git("index 1..2 120000\n"), 2, Fault::Mode),
        (git("new file mode 120000\n"), 2, Fault::Mode),
        (git("new file mode 160000\n"), 2, Fault::Mode),
        (git("old mode 100644\nnew mode 100600\n"), 3, Fault::Mode),
        (git("new file mode 100644\r\n"), 2, Fault::Mode),
        (git("old mode 100644\n"), 3, Header),
        (git("old mode 100644\nnew mode 100644\n"), 4, Header),
        (git("old mode 100644\nold mode 100755\n"), 3, Header),
        (git("new file mode 100644\ndeleted file mode 100644\n"), 4, Header),
        (git("new file mode 100644\nindex 0..1 100644\n"), 4, Header),
        (git("dissimilarity index 90%\n"), 2, Header),
        (
            "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n".into(),
            2,
            Rename,
        ),
        ("diff --git a/x b/y\nrename from x\nrename to y\n".into(), 2, Rename),
        ("diff --git a/x b/y\ncopy from x\ncopy to y\n".into(), 2, Rename),
        (git("index 1..2\nGIT binary patch\nliteral 0\n"), 3, Binary),
        (git("index 1..2\nBinary files a/x and b/x differ\n"), 3, Binary),
        ("Binary files a/x and b/x differ\n".into(), 1, Binary),
        ("diff --git a/x b/y\nnew file mode 100644\n".into(), 1, NamesDisagree),
        ("diff --git a/x b/yy\nnew file mode 100644\n".into(), 1, NamesDisagree),
        ("diff --git \n".into(), 1, NamesDisagree),
        ("diff --git a/ b/\nnew file mode 100644\n".into(), 1, Name),
        ("diff --git a/x\r b/x\r\nnew file mode 100644\n".into(), 1, Name),
        ("diff --git \"a/x\" b/x\nnew file mode 100644\n".into(), 1, Name),
        ("diff --git i/x w/x\nnew file mode 100644\n".into(), 1, Prefix),
        (git("--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n"), 2, NamesDisagree),
        (git("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"), 2, NamesDisagree),
        (git("--- a/x\t2024-01-02 03:04:05\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"), 2, Timestamp),
        (git("--- a/x\n@@ -1 +1 @@\n-a\n+b\n"), 3, Header),
        (git("@@ -1 +1 @@\n-a\n+b\n"), 1, NoChange),
        (git("old mode 100644\nnew mode 100755\n--- a/x\n+++ b/x\n"), 6, HunkHeader),
    ]);
}

#[test]
fn names_that_disagree_or_are_not_names_are_refused() {
    all_refused(&[
        (plain("--- a/x\n+++ b/y\n"), 1, NamesDisagree),
        (plain("--- /dev/null\n+++ /dev/null\n"), 1, NamesDisagree),
        (plain("--- a/x\n"), 2, Header),
        (plain("+++ b/x\n"), 1, StrayText),
        (plain("--- x\n+++ x\n"), 1, Prefix),
        (plain("--- b/x\n+++ a/x\n"), 1, Prefix),
        (plain("--- \n+++ b/x\n"), 1, Prefix),
        (plain("--- a/\n+++ b/\n"), 1, Name),
        (plain("--- a/x\r\n+++ b/x\r\n"), 1, Name),
        (plain("--- \"a/x\n+++ b/x\n"), 1, Name),
        (plain("--- \"a/\\400\"\n+++ b/x\n"), 1, Name),
        (plain("--- \"a/\\000\"\n+++ b/x\n"), 1, Name),
        (plain("--- \"a/\\q\"\n+++ b/x\n"), 1, Name),
        (plain("--- \"a/\\377\"\n+++ b/x\n"), 1, NotUtf8),
        (plain("--- a/notes 2024-01-02\n+++ b/notes 2024-01-02\n"), 1, Timestamp),
        (plain("--- a/x\tyesterday\n+++ b/x\n"), 1, Timestamp),
        (plain("--- a/x\t1970-01-01 00:00:00 +0000\n+++ b/x\n"), 1, Timestamp),
        (plain("--- a/x\n+++ b/x\t1969-12-31 19:00:00 -0500\n"), 2, Timestamp),
    ]);
    assert_eq!(parse(b"--- a/\xff\n"), Err(PatchFault { line: 1, fault: NotUtf8 }));
}

#[test]
fn hunks_that_contradict_themselves_are_refused() {
    all_refused(&[
        (body(""), 3, HunkHeader),
        (body("@@ 1 +1 @@\n-a\n+b\n"), 3, HunkHeader),
        (body("@@ -1 +1 @@x\n-a\n+b\n"), 3, HunkHeader),
        (body("@@ -01 +1 @@\n-a\n+b\n"), 3, HunkHeader),
        (body("@@ -0 +1 @@\n-a\n+b\n"), 3, HunkHeader),
        (body("@@ -1, +1 @@\n-a\n+b\n"), 3, HunkHeader),
        (body("@@@ -1 -1 +1 @@@\n-a\n+b\n"), 3, HunkHeader),
        (body("@@ -1 +1 @@\r\n-a\r\n+b\r\n"), 3, HunkHeader),
        (body("@@ -99999999999999999999 +1 @@\n-a\n+b\n"), 3, Overflow),
        (body("@@ -1,18446744073709551615 +1,18446744073709551615 @@\n-a\n+b\n"), 6, HunkCounts),
        (body("@@ -18446744073709551615,9 +18446744073709551615,9 @@\n-a\n+b\n"), 3, Overflow),
        (body("@@ -1 +2 @@\n-a\n+b\n"), 3, HunkPosition),
        (body("@@ -1,2 +1,2 @@\n-a\n+b\n c\n@@ -2,2 +2,2 @@\n-a\n+b\n c\n"), 7, HunkPosition),
        (body("@@ -5,2 +5,2 @@\n-a\n+b\n c\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n"), 7, HunkPosition),
        (body("@@ -1 +1 @@\n-a\n+b\n@@ -5 +5 @@\n-a\n+b\n"), 6, HunkPosition),
        (body("@@ -1 +1 @@\n a\n"), 3, NoChange),
        (body("@@ -0,0 +0,0 @@\n"), 3, NoChange),
        (body("@@ -1,2 +1 @@\n-a\n+b\n"), 6, HunkCounts),
        (body("@@ -1 +1,2 @@\n-a\n+b\nhello\n"), 6, HunkCounts),
        (body("@@ -1 +1 @@\n-a\n+b\n c\n"), 6, HunkCounts),
        (body("@@ -1 +1 @@\n-a\n+b\n-c\n"), 6, HunkCounts),
        (body("@@ -1 +1 @@\n-a\n-b\n"), 5, HunkCounts),
        (body("@@ -1 +1 @@\n-a\n+b\n\n"), 6, HunkCounts),
        (body("@@ -1,2 +1,2 @@\n a\n\\ No newline at end of file\n-b\n+c\n"), 6, Marker),
        (body("@@ -1,2 +1,2 @@\n-a\n\\ No newline at end of file\n+b\n c\n"), 7, Marker),
        (body("@@ -1 +1 @@\n-\n\\ No newline at end of file\n+b\n"), 5, Marker),
        (body("@@ -1 +1 @@\n-a\n+b\n\\ Kein Zeilenumbruch am Dateiende\n"), 6, HunkCounts),
        (body("@@ -1 +1 @@\n\\ No newline at end of file\n-a\n+b\n"), 4, HunkCounts),
        (
            body(
                "@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n\\ No newline at end of file\n",
            ),
            7,
            HunkCounts,
        ),
        (plain("--- /dev/null\n+++ b/x\n"), 1, WholeFile),
        (plain("--- a/x\n+++ /dev/null\n"), 1, WholeFile),
        (git("new file mode 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"), 3, NamesDisagree),
    ]);
}

#[test]
fn a_fault_reads_as_a_sentence() {
    let fault = parse(b"hello\n").unwrap_err();
    assert_eq!(fault.to_string(), "line 1: text outside a patch");
}
