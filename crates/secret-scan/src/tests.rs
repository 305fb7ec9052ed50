//! The shipped rules as such, and windows that meet.

use std::path::Path;

use proptest::prelude::*;

use crate::Rules;
use crate::compile::compile;
use crate::stream::{Outcome, Windows, scan};

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
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_key_is_told_once_wherever_windows_meet(before in 0_usize..3000, after in 0_usize..3000) {
        let key = format!("{}_{}", "ghp", "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi");
        let filler = |length: usize| -> String { "some filler\n".chars().cycle().take(length).collect() };
        let text = format!("{}\nsecret_token = {key}\n{}", filler(before), filler(after));
        let whole = Rules::shipped().scan_text(Some(Path::new("f")), text.as_bytes());
        prop_assert_eq!(whole.len(), 1);
        let windows = Windows { step: 100, overlap: 60, behind: 400 };
        let parts = scan(Rules::shipped(), Some(Path::new("f")), &mut text.as_bytes(), windows);
        let Ok(Outcome::Scanned { findings, bytes }) = parts else { panic!("not scanned") };
        prop_assert_eq!(bytes, text.len() as u64);
        prop_assert_eq!(findings, whole);
    }
}
