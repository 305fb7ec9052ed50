//! Tables: every row of facts/bridge-and-jobs.md 3.1, and what else is accepted or refused.

use std::collections::BTreeMap;

use canonical_json::{DEPTH_CEILING, Fault, Integer, Value, parse, parse_with_depth};

fn canonical(document: &str) -> String {
    let value = parse(document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"));
    String::from_utf8(value.canonical()).expect("canonical text is ASCII")
}

fn refusal(document: &[u8]) -> (usize, Fault) {
    match parse(document) {
        Ok(value) => panic!("{:?} read as {value:?}", String::from_utf8_lossy(document)),
        Err(error) => (error.offset, error.fault),
    }
}

#[test]
fn canonical_text_is_what_python_prints() {
    for (document, expected) in [
        // Strings: lower-case hex, pairs, the short forms, DEL, and a slash left alone.
        (r#""é""#, r#""\u00e9""#),
        (r#""😀""#, r#""\ud83d\ude00""#),
        (r#""\uD83D\uDE00""#, r#""\ud83d\ude00""#),
        (r#""\b\f\n\r\t\"\\\/""#, r#""\b\f\n\r\t\"\\/""#),
        ("\"\u{7f}\"", r#""\u007f""#),
        (r#""\u0000\u001F\u0041 ~""#, r#""\u0000\u001fA ~""#),
        ("\"\u{ffff}\u{10000}\u{10ffff}\"", r#""\uffff\ud800\udc00\udbff\udfff""#),
        // Keys by code point, not by UTF-16 unit, and at every level.
        (
            "{\"😀\":1,\"\u{fb33}\":2,\"€\":{\"b\":1,\"a\":2,\"\":3}}",
            r#"{"\u20ac":{"":3,"a":2,"b":1},"\ufb33":2,"\ud83d\ude00":1}"#,
        ),
        // Floats.
        ("1.0", "1.0"),
        ("1e-7", "1e-07"),
        ("0.00001", "1e-05"),
        ("0.0001", "0.0001"),
        ("0.00012345", "0.00012345"),
        ("1E15", "1000000000000000.0"),
        ("1e16", "1e+16"),
        ("12345678901234567.0", "1.2345678901234568e+16"),
        ("1234567890123456.0", "1234567890123456.0"),
        ("1.5e+300", "1.5e+300"),
        ("5e-324", "5e-324"),
        ("1e23", "1e+23"),
        ("9007199254740993.0", "9007199254740992.0"),
        ("123456789012345678.5", "1.2345678901234568e+17"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5.684341886080802e-14", "5.684341886080802e-14"),
        // Two shortest texts are equally near: the even one, as Ryu and not as std has it.
        ("2.98023223876953125e-8", "2.9802322387695312e-08"),
        ("708905069203235.25", "708905069203235.2"),
        ("708905069203235.75", "708905069203235.8"),
        // Signs, and what is too small for a float.
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("0e0", "0.0"),
        ("-0e5", "-0.0"),
        ("1e-400", "0.0"),
        ("-1e-400", "-0.0"),
        ("-1.5", "-1.5"),
        ("0e99999999999999999999", "0.0"),
        ("1e-99999999999999999999", "0.0"),
        // Integers of any size.
        ("18446744073709551616", "18446744073709551616"),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775809", "-9223372036854775809"),
        // Separators and whitespace.
        (" \t\r\n[ 1 , {\n} , [ ] , null,true ,false ] ", "[1,{},[],null,true,false]"),
    ] {
        assert_eq!(canonical(document), expected, "{document}");
    }
}

#[test]
fn a_huge_integer_keeps_every_digit() {
    let digits = "1234567890".repeat(1_000);
    assert_eq!(canonical(&digits), digits);
    assert_eq!(canonical(&format!("-{digits}")), format!("-{digits}"));
}

#[test]
fn an_exponent_beyond_what_the_standard_library_reads_is_still_right() {
    // str::parse::<f64> gives 1e6, 0.0 and inf for the last of each.
    for (zeros, exponent, expected) in
        [(65_600, "65601", "1.0"), (655_400, "655401", "1.0"), (700_000, "0000700001", "1.0")]
    {
        let small = format!("0.{}1e{exponent}", "0".repeat(zeros));
        assert_eq!(canonical(&small), expected, "{zeros} zeros");
        let large = format!("1{}e-{exponent}", "0".repeat(zeros));
        assert_eq!(canonical(&large), "0.1", "{zeros} zeros");
    }
    let infinite = format!("0.{}1e655371", "0".repeat(65_530));
    assert_eq!(refusal(infinite.as_bytes()), (0, Fault::FloatOverflow));
}

#[test]
fn what_two_readers_could_disagree_about_is_refused() {
    for (document, offset, fault) in [
        (r#"{"a":1,"a":1}"#, 7, Fault::DuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, 7, Fault::DuplicateKey),
        (r#"[{"x":{"b":1,"c":2, "b":3}}]"#, 20, Fault::DuplicateKey),
        (r#""\ud800""#, 1, Fault::LoneSurrogate),
        (r#""\udc00x""#, 1, Fault::LoneSurrogate),
        (r#""\ud800\ud800\udc00""#, 1, Fault::LoneSurrogate),
        (r#""\ud83d\n""#, 1, Fault::LoneSurrogate),
        (r#""\ude00\ud83d""#, 1, Fault::LoneSurrogate),
        (r#"{"\udbff":1}"#, 2, Fault::LoneSurrogate),
        ("NaN", 0, Fault::NotFinite),
        ("[Infinity]", 1, Fault::NotFinite),
        ("-Infinity", 0, Fault::NotFinite),
        ("1E400", 0, Fault::FloatOverflow),
        ("[-1e309]", 1, Fault::FloatOverflow),
        ("1.7976931348623159e308", 0, Fault::FloatOverflow),
        ("1e99999999999999999999", 0, Fault::FloatOverflow),
        ("\u{feff}1", 0, Fault::ByteOrderMark),
        ("1 2", 2, Fault::TrailingText),
        ("{}\0", 2, Fault::TrailingText),
        ("1 // c", 2, Fault::TrailingText),
        ("0x1", 1, Fault::TrailingText),
        ("1_0", 1, Fault::TrailingText),
        ("nullx", 4, Fault::TrailingText),
    ] {
        assert_eq!(refusal(document.as_bytes()), (offset, fault), "{document}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for (document, offset, fault) in [
        ("", 0, Fault::UnexpectedEnd),
        (" \n", 2, Fault::UnexpectedEnd),
        ("[", 1, Fault::UnexpectedEnd),
        ("{\"a\"", 4, Fault::UnexpectedEnd),
        ("\"a", 2, Fault::UnexpectedEnd),
        ("-", 1, Fault::UnexpectedEnd),
        ("1.", 2, Fault::UnexpectedEnd),
        ("1e", 2, Fault::UnexpectedEnd),
        ("1e+", 3, Fault::UnexpectedEnd),
        ("01", 0, Fault::LeadingZero),
        ("-00.5", 1, Fault::LeadingZero),
        ("+1", 0, Fault::Unexpected('+')),
        (".5", 0, Fault::Unexpected('.')),
        ("-.5", 1, Fault::Unexpected('.')),
        ("[1.]", 3, Fault::Unexpected(']')),
        ("[1.e5]", 3, Fault::Unexpected('e')),
        ("--1", 1, Fault::Unexpected('-')),
        ("-NaN", 1, Fault::Unexpected('N')),
        ("١", 0, Fault::Unexpected('١')),
        ("1.١", 2, Fault::Unexpected('١')),
        ("[1,]", 3, Fault::Unexpected(']')),
        ("[,1]", 1, Fault::Unexpected(',')),
        ("[1 2]", 3, Fault::Unexpected('2')),
        ("[1}", 2, Fault::Unexpected('}')),
        (r#"{"a":1,}"#, 7, Fault::Unexpected('}')),
        (r#"{"a" 1}"#, 5, Fault::Unexpected('1')),
        ("{1:2}", 1, Fault::Unexpected('1')),
        ("{'a':1}", 1, Fault::Unexpected('\'')),
        ("/* c */ 1", 0, Fault::Unexpected('/')),
        ("True", 0, Fault::Unexpected('T')),
        ("nul", 0, Fault::Unexpected('n')),
        ("\u{a0}1", 0, Fault::Unexpected('\u{a0}')),
        ("\u{c}1", 0, Fault::Unexpected('\u{c}')),
        ("\"\n\"", 1, Fault::ControlCharacter('\n')),
        ("\"a\u{1f}\"", 2, Fault::ControlCharacter('\u{1f}')),
        ("\"\0\"", 1, Fault::ControlCharacter('\0')),
        (r#""\x41""#, 1, Fault::BadEscape),
        (r#""\U0041""#, 1, Fault::BadEscape),
        (r#""\u+041""#, 1, Fault::BadEscape),
        (r#""\u00""#, 1, Fault::BadEscape),
        (r#""\u00€€""#, 1, Fault::BadEscape),
        (r#""\"#, 1, Fault::BadEscape),
    ] {
        assert_eq!(refusal(document.as_bytes()), (offset, fault), "{document:?}");
    }
    for (document, offset) in [
        (&b"\"\xff\""[..], 1),
        (b"\"ok\xed\xa0\x80\"", 3),
        (b"\"\xc0\x80\"", 1),
        (b"1\xe2\x82", 1),
        (b"\xff\xfe1\0", 0),
    ] {
        assert_eq!(refusal(document), (offset, Fault::NotUtf8), "{document:?}");
    }
    assert_eq!(refusal(b"1\0"), (1, Fault::TrailingText), "UTF-16 is not guessed at");
}

#[test]
fn depth_64_is_read_and_65_is_not() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let objects = |levels: usize| r#"{"a":"#.repeat(levels) + "1" + &"}".repeat(levels);
    assert_eq!(canonical(&nested(64)), nested(64));
    assert_eq!(canonical(&objects(64)), objects(64));
    assert_eq!(refusal(nested(65).as_bytes()), (64, Fault::TooDeep(64)));
    assert_eq!(refusal(objects(65).as_bytes()), (64 * 5, Fault::TooDeep(64)));
    // What cannot end is refused at the same place, without reading on.
    assert_eq!(refusal("[".repeat(1_000_000).as_bytes()), (64, Fault::TooDeep(64)));
    // Siblings do not add up.
    assert_eq!(canonical(&format!("[{0},{0}]", nested(63))), format!("[{0},{0}]", nested(63)));

    assert!(parse_with_depth(b"1", 0).is_ok());
    assert!(parse_with_depth(b"[]", 0).is_err());
    assert!(parse_with_depth(b"[[]]", 2).is_ok());
    assert!(parse_with_depth(nested(DEPTH_CEILING).as_bytes(), usize::MAX).is_ok());
    let error = parse_with_depth(nested(DEPTH_CEILING + 1).as_bytes(), usize::MAX).unwrap_err();
    assert_eq!(error.fault, Fault::TooDeep(DEPTH_CEILING));
}

#[test]
fn an_error_says_what_and_where() {
    for (document, message) in [
        (r#"{"a":1,"a":2}"#, "duplicate key at byte 7"),
        ("[1 2]", "unexpected '2' at byte 3"),
        ("[\"\u{1}\"]", "unescaped control character U+0001 at byte 2"),
        ("[NaN]", "NaN or Infinity, which JSON does not have, at byte 1"),
        ("\"\\ud800\"", "half a surrogate pair at byte 1"),
    ] {
        assert_eq!(parse(document.as_bytes()).unwrap_err().to_string(), message);
    }
}

#[test]
fn integers_say_whether_they_fit() {
    for (document, signed, unsigned) in [
        ("0", Some(0), Some(0)),
        ("-0", Some(0), Some(0)),
        ("-1", Some(-1), None),
        ("9223372036854775807", Some(i64::MAX), Some(9_223_372_036_854_775_807)),
        ("9223372036854775808", None, Some(9_223_372_036_854_775_808)),
        ("-9223372036854775808", Some(i64::MIN), None),
        ("18446744073709551615", None, Some(u64::MAX)),
        ("18446744073709551616", None, None),
    ] {
        let Value::Int(number) = parse(document.as_bytes()).unwrap() else {
            panic!("{document} is an integer")
        };
        assert_eq!((number.as_i64(), number.as_u64()), (signed, unsigned), "{document}");
        assert_eq!(number.to_string(), if document == "-0" { "0" } else { document });
    }
    assert_eq!(Integer::from(i64::MIN).to_string(), "-9223372036854775808");
    assert_eq!(Integer::from(u64::MAX).to_string(), "18446744073709551615");
}

#[test]
fn members_and_text_can_be_looked_up() {
    let value = parse(br#"{"id":"x","n":1}"#).unwrap();
    assert_eq!(value.get("id").and_then(Value::as_str), Some("x"));
    assert_eq!(value.get("n").and_then(Value::as_str), None);
    assert_eq!(value.get("none"), None);
    assert_eq!(value.as_object().map(BTreeMap::len), Some(2));
    assert_eq!(Value::Null.get("id"), None);
}

#[test]
fn a_float_made_by_hand_that_is_not_finite_prints_what_is_refused() {
    for (number, text) in
        [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")]
    {
        let printed = Value::Float(number).canonical();
        assert_eq!(printed, text.as_bytes());
        assert_eq!(refusal(&printed), (0, Fault::NotFinite));
    }
}

#[test]
fn integers_beyond_64_bits_become_floats_for_serde() {
    for (document, expected) in [
        ("-9223372036854775808", serde_json::json!(i64::MIN)),
        ("18446744073709551615", serde_json::json!(u64::MAX)),
        ("18446744073709551616", serde_json::json!(18_446_744_073_709_551_616.0)),
        ("-9223372036854775809", serde_json::json!(-9_223_372_036_854_775_808.0)),
        (r#"[-0.0,1e16,"é",{"a":null}]"#, serde_json::json!([-0.0, 1e16, "é", {"a": null}])),
    ] {
        assert_eq!(parse(document.as_bytes()).unwrap().to_serde(), expected, "{document}");
    }
    let immense = "9".repeat(400);
    assert_eq!(parse(immense.as_bytes()).unwrap().to_serde(), serde_json::json!(f64::MAX));
    let immense = format!("-{immense}");
    assert_eq!(parse(immense.as_bytes()).unwrap().to_serde(), serde_json::json!(f64::MIN));
    assert_eq!(Value::Float(f64::NAN).to_serde(), serde_json::Value::Null);
}
