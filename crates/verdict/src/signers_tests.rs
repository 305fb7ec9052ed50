use super::*;
use crate::sample::{key, signer};
use proptest::prelude::*;

fn one(line: &str) -> Result<Entry, String> {
    let read = Signers::read(line.as_bytes());
    match (read.entries.into_iter().next(), read.refused.into_iter().next()) {
        (Some(entry), None) => Ok(entry),
        (None, Some((_, why))) => Err(why),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn lines_are_read_as_ssh_keygen_reads_them() {
    let key_text = key(1).public_key().to_openssh().unwrap();
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    for (line, principals, namespaces, after, before) in [
        (format!("a@example {key_text}"), "a@example", None, None, None),
        (format!("  \ta@example\t{key_text} a comment here\r"), "a@example", None, None, None),
        (format!("a,b {key_text}"), "a,b", None, None, None),
        (format!("\"a b\" {key_text}"), "a b", None, None, None),
        (format!("a\"b c\" {key_text}"), "ab c", None, None, None),
        (format!("a namespaces=\"x,y\" {key_text}"), "a", Some("x,y"), None, None),
        (format!("a NameSpaces=\"x y\" {key_text}"), "a", Some("x y"), None, None),
        (format!("a namespaces=\"x\\\"y\" {key_text}"), "a", Some("x\"y"), None, None),
        (
            format!("a valid-after=\"20260102Z\",valid-before=\"202603041506Z\" {key_text}"),
            "a",
            None,
            time("2026-01-02T00:00:00Z"),
            time("2026-03-04T15:06:00Z"),
        ),
        (
            format!("a valid-before=\"20260304150607utc\" {key_text}"),
            "a",
            None,
            None,
            time("2026-03-04T15:06:07Z"),
        ),
    ] {
        let entry = one(&line).unwrap_or_else(|why| panic!("{line}: {why}"));
        assert_eq!(entry.principals, principals, "{line}");
        assert_eq!(entry.namespaces.as_deref(), namespaces, "{line}");
        assert_eq!((entry.valid_after, entry.valid_before), (after, before), "{line}");
        assert_eq!(entry.key, *key(1).public_key().key_data());
    }
}

#[test]
fn what_cannot_be_read_counts_for_nobody_and_is_named() {
    let key_text = key(1).public_key().to_openssh().unwrap();
    for (line, why) in [
        ("a".to_owned(), "only a name"),
        (format!("\"a {key_text}"), "quote"),
        ("a ssh-ed25519 AAAA".to_owned(), "key"),
        ("a ssh-ed25519".to_owned(), "key"),
        (format!("a cert-authority {key_text}"), "certificates"),
        (format!("a namespaces=\"x\",CERT-AUTHORITY {key_text}"), "certificates"),
        (format!("a namespaces=x {key_text}"), "quoted"),
        (format!("a namespaces {key_text}"), "not known, or wants a value"),
        (format!("a namespaces=\"x {key_text}"), "key"),
        (format!("a namespaces=\"x\",namespaces=\"y\" {key_text}"), "twice"),
        (format!("a namespaces=\"x\", {key_text}"), "comma"),
        (format!("a namespaces=\"x\"y {key_text}"), "comma"),
        (format!("a other=\"x\" {key_text}"), "not known"),
        (format!("a no-touch-required {key_text}"), "not known"),
        (format!("a valid-before=\"20260101\" {key_text}"), "must end in Z"),
        (format!("a valid-before=\"2026Z\" {key_text}"), "no time"),
        (format!("a valid-before=\"20261301Z\" {key_text}"), "no time"),
        (format!("a valid-before=\"20260101Z\",valid-before=\"20270101Z\" {key_text}"), "twice"),
        (format!("a valid-after=\"20270101Z\",valid-before=\"20260101Z\" {key_text}"), "not after"),
        (format!("a\0b {key_text}"), "zero byte"),
    ] {
        let told = one(&line).unwrap_err();
        assert!(told.contains(why), "{line:?}: {told}");
    }
    let text = format!("# a comment\n\nnonsense\n{}\u{e9} \n", signer("a", "", 1));
    let mut bytes = text.into_bytes();
    bytes.extend(b"\xff x\n");
    let read = Signers::read(&bytes);
    assert_eq!(read.entries.len(), 1);
    assert_eq!(read.refused.iter().map(|it| it.0).collect::<Vec<_>>(), [3, 5, 6]);
    assert_eq!(Signers::read(&vec![b'a'; LARGEST + 1]).entries, vec![]);
}

#[test]
fn namespaces_are_patterns_and_one_that_is_negated_wins() {
    for (list, name, want) in [
        ("aiops-verdict", "aiops-verdict", true),
        ("git,aiops-verdict", "aiops-verdict", true),
        ("aiops-*", "aiops-verdict", true),
        ("*", "aiops-verdict", true),
        ("aiops-verdic?", "aiops-verdict", true),
        ("aiops-verdict?", "aiops-verdict", false),
        ("*-verdict*", "aiops-verdict", true),
        ("*a*b*c", "xaxbxbxc", true),
        ("*a*b*c", "xaxbxbx", false),
        ("", "aiops-verdict", false),
        ("git", "aiops-verdict", false),
        ("*,!aiops-verdict", "aiops-verdict", false),
        ("!git,*", "aiops-verdict", true),
        ("!git", "aiops-verdict", false),
        ("AIOPS-VERDICT", "aiops-verdict", false),
        (" aiops-verdict", "aiops-verdict", false),
    ] {
        assert_eq!(is_listed(name, list), want, "{list:?} {name:?}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _read = Signers::read(&bytes);
    }

    #[test]
    fn reading_near_misses_never_panics(text in "[-a\" =,\\\\Zvalidbeforut0-9]{0,60}") {
        let key = key(1).public_key().to_openssh().unwrap();
        let read = Signers::read(format!("a {text} {key}").as_bytes());
        prop_assert_eq!(read.entries.len() + read.refused.len(), 1);
    }

    #[test]
    fn a_pattern_is_matched_as_a_regular_expression_would(name in "[ab]{0,8}", pattern in "[ab*?]{0,8}") {
        let expression: String = pattern.chars().map(|it| match it {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            other => other.to_string(),
        }).collect();
        let want = simple_match(&name, &expression);
        prop_assert_eq!(is_match(name.as_bytes(), pattern.as_bytes()), want);
    }
}

/// Matches by plain recursion: slow, and plainly right.
fn simple_match(name: &str, expression: &str) -> bool {
    let rest = |text: &str| text.get(1..).unwrap_or_default().to_owned();
    if let Some(more) = expression.strip_prefix(".*") {
        return simple_match(name, more)
            || (!name.is_empty() && simple_match(&rest(name), expression));
    }
    match (name.chars().next(), expression.chars().next()) {
        (None, None) => true,
        (Some(_), Some('.')) => simple_match(&rest(name), &rest(expression)),
        (Some(a), Some(b)) if a == b => simple_match(&rest(name), &rest(expression)),
        _ => false,
    }
}
