//! The form in which people see a key.

use crate::table::SHAPES;

/// Stands for what is not shown.
pub const ELLIPSIS: &str = "…";

/// The fewest characters a value must have before any of them is shown.
const SHOWN_FROM: usize = 20;

/// How many characters of the end are shown.
const END: usize = 4;

/// The fewest characters that stay hidden beside a prefix; below, the prefix is hidden too.
const HIDDEN: usize = 8;

/// Returns the masked form of a secret: its well-known prefix if it has one, `…`, and its last four
/// characters; of a value under 20 characters `…` alone.
///
/// White space around the value does not count, and control characters are shown as `?`, so the
/// result is always one harmless line.
pub fn mask(value: &str) -> String {
    let value = value.trim();
    let length = value.chars().count();
    if length < SHOWN_FROM {
        return ELLIPSIS.to_owned();
    }
    let prefix = SHAPES
        .iter()
        .map(|shape| shape.prefix)
        .filter(|prefix| value.starts_with(prefix) && prefix.len() + END + HIDDEN <= length)
        .max_by_key(|prefix| prefix.len())
        .unwrap_or_default();
    let harmless = |c: char| if c.is_control() { '?' } else { c };
    let end = value.chars().skip(length - END).map(harmless);
    prefix.chars().chain(ELLIPSIS.chars()).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_shown_by_its_prefix_and_its_end() {
        let rest = "0123456789abcdefghijABCD";
        for (value, want) in [
            (format!("sk-{rest}"), "sk-…ABCD"),
            (format!("sk-proj-{rest}"), "sk-proj-…ABCD"),
            (format!("sk-ant-api03-{rest}"), "sk-ant-api03-…ABCD"),
            (format!("xoxb-{rest}"), "xox…ABCD"),
            (rest.to_owned(), "…ABCD"),
            (format!("  {rest}\n"), "…ABCD"),
            (format!("{rest}\u{7}xyz"), "…?xyz"),
            ("ü".repeat(20), "…üüüü"),
            ("ü".repeat(19), "…"),
            ("x".repeat(20), "…xxxx"),
            ("x".repeat(19), "…"),
            (String::new(), "…"),
            // Sixteen characters of prefix would leave too little hidden.
            (format!("sk-ant-admin01-{}", "abcdefABCD"), "sk-ant-…ABCD"),
        ] {
            assert_eq!(mask(&value), want, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_more_than_a_prefix_and_four_characters_is_ever_shown(value in r"\PC{0,60}") {
            let masked = mask(&value);
            let (prefix, end) = masked.split_once('…').expect("there is always an ellipsis");
            prop_assert!(end.chars().count() <= END);
            prop_assert!(prefix.is_empty() || SHAPES.iter().any(|shape| shape.prefix == prefix));
            let shown = prefix.chars().count() + end.chars().count();
            prop_assert!(shown == 0 || value.chars().count() >= shown + HIDDEN);
        }
    }
}
