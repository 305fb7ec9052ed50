//! Diffs: what they add is scanned, whatever else they say.

use std::path::Path;

use proptest::prelude::*;
use secret_scan::{DiffScan, Rules};

/// A token as it would be, put together at run time.
fn token() -> String {
    format!("{}_{}", "ghp", "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi")
}

fn scan(diff: &str) -> DiffScan {
    Rules::shipped().scan_diff(diff.as_bytes())
}

/// Each finding as `path:line`.
fn places(diff: &str) -> Vec<String> {
    let told = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map_or("-".to_owned(), |path| path.display().to_string())
    };
    scan(diff).findings.iter().map(|it| format!("{}:{}", told(&it.path), it.line)).collect()
}

#[test]
fn only_added_lines_count_by_the_new_file_and_its_line() {
    let key = token();
    for (diff, want) in [
        (
            format!("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n a\n+k {key}\n b\n"),
            vec!["x:2"],
        ),
        (format!("--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n a\n-k {key}\n"), vec![]),
        (format!("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n {key}\n-a\n+b\n"), vec![]),
        (format!("--- a/x\n+++ b/y z\t\n@@ -7 +9,2 @@\n-a\n+b\n+{key}\n"), vec!["y z:10"]),
        (format!("--- /dev/null\n+++ \"b/\\303\\274\"\n@@ -0,0 +1 @@\n+{key}\n"), vec!["ü:1"]),
        (
            format!(
                "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+{key}\n\\ No newline at end of file\n\
                 @@ -9,2 +9,2 @@\n a\n-b\n+{key}\n--- a/z\n+++ b/z\n@@ -0,0 +1 @@\n+{key}\n"
            ),
            vec!["x:1", "x:10", "z:1"],
        ),
        (
            format!(
                "diff --cc m\n--- a/m\n+++ b/m\n@@@ -1,2 -1,2 +1,3 @@@\n  a\n++{key}\n -b\n+ c\n"
            ),
            vec!["m:2"],
        ),
        (format!("--- a/x\r\n+++ b/x\r\n@@ -0,0 +1 @@\r\n+{key}\r\n"), vec!["x:1"]),
    ] {
        assert_eq!(places(&diff), want, "{diff}");
    }
}

#[test]
fn a_diff_that_lies_is_scanned_all_the_same() {
    let key = token();
    for diff in [
        // No header, no hunk, a hunk of nothing, of too much, of numbers too large for anyone.
        format!("+{key}\n"),
        format!("--- a/x\n+++ b/x\n+{key}\n"),
        format!("--- a/x\n+++ b/x\n@@ -1,0 +1,0 @@\n+{key}\n"),
        format!("--- a/x\n+++ b/x\n@@ -1,99 +1,99 @@\n--- a/y\n+++ {key}\n"),
        format!("--- a/x\n+++ b/x\n@@ -1 +18446744073709551615,18446744073709551615 @@\n+{key}"),
        format!("--- a/x\n+++ b/x\n@@ -1 +99999999999999999999999 @@\n+{key}\n"),
        format!("--- a/x\n+++ b/x\n@@ gibberish\n+{key}\n"),
        format!("\n\n+++ b/x\n@@ -0,0 +1 @@\n+\u{0}{key}\n"),
        format!("@@@@@@@@@@@@@@@@@@@@@@ -1 +1 @@@@@@@@@@@@@@@@@@@@@@\n+{key}\n"),
        format!("@@@ -1 -1 +1 @@@\n+{key}\n"),
        format!("+a\n+++ {key}\n"),
    ] {
        assert_eq!(scan(&diff).findings.len(), 1, "{diff:?}");
    }
}

#[test]
fn a_secret_in_a_name_is_found_and_the_name_is_not_told() {
    let diff = format!("--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+{0}\n", token());
    let scan = scan(&diff);
    assert_eq!(scan.findings.len(), 2);
    assert!(!format!("{scan:?}").contains(&token()));
}

#[test]
fn a_key_over_several_added_lines_is_found_at_its_first() {
    let private = format!("{} KEY", "PRIVATE");
    let body = "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi1ZoKx7MbVr2SnDgPq9LhXc4Tz0Fv";
    let diff = format!(
        "--- a/k\n+++ b/k\n@@ -4,1 +4,5 @@\n a\n+-----BEGIN {private}-----\n+{body}\n+{body}\n+-----END {private}-----\n"
    );
    assert_eq!(places(&diff), ["k:5"]);
}

#[test]
fn files_without_a_shown_content_are_named() {
    let scan = scan(
        "diff --git a/a.bin b/a.bin\nindex 1..2 100644\nGIT binary patch\nliteral 3\nKcmd\n\n\
         diff --git a/b.bin b/b.bin\nBinary files a/b.bin and b/b.bin differ\n\
         diff --git a/k.p12 b/k.p12\nBinary files a/k.p12 and b/k.p12 differ\n",
    );
    assert_eq!(scan.binary, ["a.bin", "b.bin", "k.p12"].map(std::path::PathBuf::from));
    assert_eq!(scan.findings.len(), 1);
    assert_eq!(scan.findings[0].rule, "pkcs12-file");
}

proptest! {
    #[test]
    fn a_diff_that_creates_a_file_is_told_what_the_file_is_told(
        lines in prop::collection::vec("(\\+|-| |@@ |--- |diff --git |)(api_key = \"K\"|K|a|)(\r|)", 0..12),
    ) {
        let text = lines.join("\n").replace('K', &token());
        let count = text.split_inclusive('\n').count();
        let added: String = text.split_inclusive('\n').flat_map(|line| ["+", line]).collect();
        let diff = format!("--- /dev/null\n+++ b/file\n@@ -0,0 +1,{count} @@\n{added}");
        let told = Rules::shipped().scan_text(Some(Path::new("file")), text.as_bytes());
        prop_assert_eq!(scan(&diff).findings, told);
    }
}
