//! How many files a unified diff names: the default of `maxFilesChanged`, no more than a count.

/// Counts files; both ends of a rename count. Lines inside hunks are not looked at.
pub(crate) fn files_named(diff: &str) -> u64 {
    let mut files: u64 = 0;
    let mut in_git_section = false;
    let mut hunk = (0_u64, 0_u64);
    for line in diff.lines() {
        if hunk != (0, 0) {
            let (old, new) = match line.bytes().next() {
                Some(b'-') => (1, 0),
                Some(b'+') => (0, 1),
                Some(b'\\') => (0, 0),
                _ => (1, 1),
            };
            hunk = (hunk.0.saturating_sub(old), hunk.1.saturating_sub(new));
        } else if line.starts_with("diff --git ") {
            in_git_section = true;
            files += 1;
        } else if line.starts_with("rename to ") || (line.starts_with("+++ ") && !in_git_section) {
            files += 1;
        } else if let Some(range) = line.strip_prefix("@@ ") {
            hunk = lengths(range).unwrap_or_default();
        }
    }
    files
}

/// The two lengths of `-1,2 +3,4 @@ …`; a length that is not written is 1.
fn lengths(range: &str) -> Option<(u64, u64)> {
    let mut words = range.split(' ');
    let length = |word: &str| match word.split_once(',') {
        Some((_, length)) => length.parse().ok(),
        None => Some(1),
    };
    let old = length(words.next()?.strip_prefix('-')?)?;
    let new = length(words.next()?.strip_prefix('+')?)?;
    Some((old, new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_are_counted_and_lines_that_only_look_like_headers_are_not() {
        for (diff, want) in [
            ("", 0),
            ("hello\n", 0),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", 1),
            ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-- y\n+++ b/z\n", 1),
            ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+a\n\\ No newline\n", 1),
            ("diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n", 2),
            ("diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", 1),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", 2),
            ("--- a/x\n+++ b/x\n@@ -1,99999999999999999999 +1 @@\n+b\n", 1),
        ] {
            assert_eq!(files_named(diff), want, "{diff}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text in "(@@ [-+0-9, ]*@@\n|[-+ \\\\].{0,9}\n|(diff --git|rename to|\\+\\+\\+) .{0,9}\n)*") {
            prop_assert!(files_named(&text) <= text.lines().count() as u64);
        }
    }
}
