//! The scanner: nothing panics on any text or diff, what is told of a secret is short, and a diff
//! that creates a file is told what the file is told.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use secret_scan::Rules;

/// The longest masked form: the longest prefix that is known, `…`, and four characters.
const LONGEST_MASK: usize = 24;

fuzz_target!(|bytes: &[u8]| {
    let rules = Rules::shipped();
    for finding in rules.scan_diff(bytes).findings {
        assert!(finding.line > 0 || !bytes.is_empty());
        assert!(finding.masked.chars().count() <= LONGEST_MASK);
    }
    let path = Path::new("file");
    let told = rules.scan_text(Some(path), bytes);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let mut diff = format!("--- /dev/null\n+++ b/file\n@@ -0,0 +1,{} @@\n", lines.len()).into_bytes();
    for line in lines {
        diff.push(b'+');
        diff.extend_from_slice(line);
    }
    assert_eq!(rules.scan_diff(&diff).findings, told);
});
