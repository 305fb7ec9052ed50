//! The shipped rules as such, and windows that meet.

use std::path::Path;

use proptest::prelude::*;

use crate::Rules;
use crate::compile::compile;
use crate::stream::{OVERLAP, Outcome, scan};

#[test]
fn every_shipped_pattern_compiles() {
    let rules = Rules::shipped();
    let allows = rules.all.iter().flat_map(|rule| &rule.allow).chain([&rules.common]);
    let patterns = rules
        .all
        .iter()
        .flat_map(|rule| rule.regex.iter().chain(&rule.path))
        .chain(allows.flat_map(|allow| allow.regexes.iter().chain(&allow.paths)));
    let failed: Vec<String> = patterns
        .filter_map(|lazy| Some(format!("{}: {}", lazy.pattern(), compile(lazy.pattern()).err()?)))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_rule_that_looks_into_files_has_lower_case_words_and_ids_are_unique() {
    let rules = Rules::shipped();
    let mut ids: Vec<&str> = rules.ids().collect();
    assert!(ids.len() > 220, "{}", ids.len());
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all);
    for rule in rules.all.iter().filter(|rule| rule.regex.is_some()) {
        assert!(!rule.keywords.is_empty(), "{} would never be tried", rule.id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_key_is_told_once_wherever_windows_meet(at in 0_usize..20_000, tail in 0_usize..150_000) {
        let key = format!("{}_{}", "ghp", "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi");
        let mut text = b"filler of one line\n".repeat(at / 19 + 1);
        text.extend_from_slice(format!("  x {key} y\n").as_bytes());
        text.extend(b"more\n".repeat((tail + OVERLAP) / 5));
        let whole = Rules::shipped().scan_text(Some(Path::new("f")), &text);
        prop_assert_eq!(whole.len(), 1);
        let mut reader = &text[..];
        let parts = scan(Rules::shipped(), Some(Path::new("f")), &mut reader, 1000 + at % 7);
        let Ok(Outcome::Scanned { findings, bytes }) = parts else { panic!("not scanned") };
        prop_assert_eq!(bytes, text.len() as u64);
        prop_assert_eq!(findings, whole);
    }
}
