//! Properties of reading and printing that need no second implementation.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use canonical_json::{Fault, MAX_DEPTH, Value, parse};
use proptest::prelude::*;

proptest! {
    #[test]
    fn canonical_text_reads_back_as_the_same_value(value in common::document()) {
        let printed = value.canonical();
        prop_assert!(printed.iter().all(|byte| (b' '..=b'~').contains(byte)));
        let read = parse(&printed).unwrap();
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(read.canonical(), printed, "0.0 equals -0.0, their texts do not");
    }

    #[test]
    fn every_spelling_of_a_value_has_one_canonical_text(
        value in common::document(),
        random in any::<u64>().prop_perturb(|_, random| random),
    ) {
        let mut spelled = String::new();
        common::spell(&value, &mut random.clone(), &mut spelled);
        let read = parse(spelled.as_bytes());
        prop_assert_eq!(read.map(|read| read.canonical()), Ok(value.canonical()), "{}", spelled);
    }

    #[test]
    fn any_bytes_are_read_or_refused_within_bounds(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        match parse(&bytes) {
            Ok(value) => prop_assert_eq!(parse(&value.canonical()), Ok(value)),
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }

    #[test]
    fn json_like_text_is_read_or_refused_within_bounds(
        text in r#"([\[\]{}:,"\\ eE+.0-9-]|\\u[dD][89a-fA-F][0-9]{2}|true|null|NaN|é){0,40}"#,
    ) {
        match parse(text.as_bytes()) {
            Ok(value) => prop_assert_eq!(parse(&value.canonical()), Ok(value)),
            Err(error) => {
                prop_assert!(error.offset <= text.len() && text.is_char_boundary(error.offset));
            }
        }
    }

    #[test]
    fn a_truncated_document_is_never_read(value in common::document(), cut in any::<prop::sample::Index>()) {
        let printed = Value::Array(vec![value]).canonical();
        let cut = cut.index(printed.len());
        let error = parse(&printed[..cut]).unwrap_err();
        prop_assert!(error.offset <= cut);
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_level(
        key in common::text(),
        value in common::document(),
        outer in 0..MAX_DEPTH - 8,
        random in any::<u64>().prop_perturb(|_, random| random),
    ) {
        let mut random = random.clone();
        let mut document = "[".repeat(outer) + "{";
        common::spell(&Value::Str(key.clone()), &mut random, &mut document);
        document.push(':');
        common::spell(&value, &mut random, &mut document);
        document.push(',');
        common::spell(&Value::Str(key), &mut random, &mut document);
        document = document + ":null}" + &"]".repeat(outer);
        let error = parse(document.as_bytes()).unwrap_err();
        prop_assert_eq!(error.fault, Fault::DuplicateKey);
    }

    #[test]
    fn serde_values_come_back_unchanged(value in common::document()) {
        let over = value.to_serde();
        prop_assert_eq!(Value::from_serde(&over).to_serde(), over);
    }

    #[test]
    fn serde_keeps_all_but_the_largest_integers(value in common::document()) {
        prop_assume!(!holds_an_integer_beyond_64_bits(&value));
        prop_assert_eq!(Value::from_serde(&value.to_serde()).canonical(), value.canonical());
    }
}

fn holds_an_integer_beyond_64_bits(value: &Value) -> bool {
    match value {
        Value::Int(number) => number.as_i64().is_none() && number.as_u64().is_none(),
        Value::Array(items) => items.iter().any(holds_an_integer_beyond_64_bits),
        Value::Object(members) => members.values().any(holds_an_integer_beyond_64_bits),
        _ => false,
    }
}
