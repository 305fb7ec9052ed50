//! What the redactor masks, by example and by property.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use proptest::prelude::*;

use super::*;

fn knowing(secrets: &[&str]) -> Redactor {
    let mut redactor = Redactor::default();
    for secret in secrets {
        redactor.learn(secret);
    }
    redactor
}

/// Escapes every byte that `keeps` does not keep.
fn percent(text: &str, upper: bool, keeps: fn(u8) -> bool) -> String {
    let escaped = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
    let kept = |byte: u8| if keeps(byte) { char::from(byte).to_string() } else { escaped(byte) };
    text.bytes().map(kept).collect()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Every form in which a secret must not survive, by name.
fn leaks(secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(secret).expect("text");
    let ascii: Vec<_> = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    vec![
        ("plain", secret.to_owned()),
        ("percent", percent(secret, true, is_unreserved)),
        ("percent, lower case", percent(secret, false, is_unreserved)),
        ("percent, every byte", percent(secret, true, |_| false)),
        (
            "percent, like a browser",
            percent(secret, true, |it| is_unreserved(it) || b"!'()*".contains(&it)),
        ),
        ("form", percent(&secret.replace(' ', "+"), true, |it| is_unreserved(it) || it == b'+')),
        ("json", json[1..json.len() - 1].to_owned()),
        ("json, escaped", ascii.concat()),
        ("json in json", serde_json::to_string(&json).expect("text")),
        ("debug", format!("{secret:?}")),
        ("base64", BASE64_STANDARD.encode(secret)),
        ("base64 without padding", BASE64_STANDARD_NO_PAD.encode(secret)),
        ("base64 for urls", BASE64_URL_SAFE.encode(secret)),
        ("hex", hex(secret)),
        ("HEX", hex(secret).to_uppercase()),
    ]
}

#[test]
fn known_secrets_and_key_shapes_are_masked() {
    let redactor = knowing(&["canary", "canary-long"]);
    let key =
        format!("-----BEGIN OPENSSH {0} KEY-----\nabc\n-----END OPENSSH {0} KEY-----", "PRIVATE");
    let token = format!("{}-{}", "sk", "proj_0123456789abcdef");
    for (text, want) in [
        ("a canary sang", "a [redacted] sang".to_owned()),
        ("canary-long", "[redacted]".to_owned()),
        (&token, "[redacted]".to_owned()),
        (&format!("x {key} y"), "x [redacted] y".to_owned()),
        ("task-list and skein", "task-list and skein".to_owned()),
        ("task-20250809T062451Z-a1b2c3", "task-20250809T062451Z-a1b2c3".to_owned()),
        ("", String::new()),
    ] {
        assert_eq!(redactor.clean(text), want);
    }
    assert!(!format!("{redactor:?}").contains("canary"));
}

#[test]
fn a_short_secret_is_masked_as_a_word() {
    let redactor = knowing(&["12345", "ab1", "x"]);
    for (text, want) in [
        ("pin=12345.", "pin=[redacted]."),
        ("0123456 and 12345_", "0123456 and 12345_"),
        ("user:ab1@host", "user:[redacted]@host"),
        ("slab1 tab1", "slab1 tab1"),
        ("x=x-ray of a box", "[redacted]=[redacted]-ray of a box"),
        ("pin=%3112345 %31%32345", "pin=%3112345 [redacted]"),
        ("\"pin\":\"\\u00312345\"", "\"pin\":\"[redacted]\""),
    ] {
        assert_eq!(redactor.clean(text), want, "{text}");
    }
}

#[test]
fn overlapping_secrets_leave_nothing_over() {
    let redactor = knowing(&["abcdefgh", "efghijkl", "cdefgh"]);
    assert_eq!(redactor.clean("xabcdefghijklx"), "x[redacted]x");
    assert_eq!(redactor.clean("xcdefghx efghijklabcdefgh"), "x[redacted]x [redacted]");
}

#[test]
fn a_secret_of_several_lines_is_masked_line_by_line() {
    let lines = [
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE",
        "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi",
        "c2hvcnQ=",
    ];
    let begin = format!("-----BEGIN OPENSSH {} KEY-----", "PRIVATE");
    let end = begin.replace("BEGIN", "END");
    let redactor = knowing(&[&format!("{begin}\n{}\n{end}\n", lines.join("\n"))]);
    assert_eq!(redactor.clean(&format!("at {}!", lines[1])), "at [redacted]!");
    assert_eq!(redactor.clean(&format!("{}\\n{}", lines[0], lines[1])), "[redacted]\\n[redacted]");
    assert_eq!(redactor.clean(&lines[1].replace('Z', "%5A")), "[redacted]");
    assert_eq!(redactor.clean("-----BEGIN CERTIFICATE-----"), "-----BEGIN CERTIFICATE-----");
}

#[test]
fn a_token_in_basic_authorization_is_masked_at_every_place() {
    let redactor = knowing(&["tok-q7Zk2mXw9RtB?>~"]);
    for user in ["", "a", "ab", "abc", "abcd"] {
        for after in ["", "1", "12", "123"] {
            let plain = format!("{user}:tok-q7Zk2mXw9RtB?>~{after}");
            for encoded in [BASE64_STANDARD.encode(&plain), BASE64_URL_SAFE.encode(&plain)] {
                let clean = redactor.clean(&format!("Authorization: Basic {encoded}"));
                assert!(clean.contains("Basic ") && clean.contains(MASK), "{clean}");
                // What is left decodes to nothing of the token.
                for part in clean.replace("Authorization: Basic ", "").split(MASK) {
                    assert!(part.len() <= user.len() * 4 / 3 + 6, "{clean}");
                }
            }
        }
    }
}

#[test]
fn a_secret_that_is_part_of_the_mask_changes_no_mask() {
    let redactor = knowing(&["redacted", "[redacted]", "ed]abc", "a[redacted]bcdefgh"]);
    for text in ["[redacted]", "redacted", "[redacted]abc", "x[redacted]bcdefgh", "[[redacted]]"] {
        let clean = redactor.clean(text);
        assert_eq!(redactor.clean(&clean), clean);
        assert!(!clean.replace(MASK, "").contains("redacted"), "{clean}");
        assert!(!clean.contains("bcdefgh"), "{clean}");
    }
    assert_eq!(redactor.clean("say redacted, [redacted]"), "say [redacted], [redacted]");
}

#[test]
fn many_secrets_in_a_long_text_are_all_found() {
    let secrets: Vec<String> = (0..200).map(|n| format!("secret-number-{n:03}-of-many")).collect();
    let redactor = knowing(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
    let text: Vec<_> =
        secrets.iter().map(|secret| format!("some words, then {secret}.\n")).collect();
    assert_eq!(redactor.clean(&text.concat()), "some words, then [redacted].\n".repeat(200));
}

#[test]
fn a_text_without_secrets_is_returned_as_it_is() {
    let redactor = knowing(&["q7Zk2mXw9RtB4vNc"]);
    for text in ["100% of %41 and \\u00e9 \\x41", "\\", "%", "{\"a\":\"\\n\"}", "ünï¢ödé"] {
        assert_eq!(redactor.clean(text), text);
    }
}

proptest! {
    #[test]
    fn no_form_of_a_secret_survives(
        secret in r"[!-~ äß€😀]{6,40}",
        before in r"\PC{0,20}",
        after in r"\PC{0,20}",
    ) {
        let secret = secret.trim();
        prop_assume!(secret.chars().count() >= 6 && !secret.contains(MASK) && !MASK.contains(secret));
        let redactor = knowing(&[secret]);
        for (name, leak) in leaks(secret) {
            // The secret must not be there by chance, in a form in which it is not masked.
            let clean = redactor.clean(&format!("{before} {leak} {after}"));
            prop_assert!(!clean.contains(&leak), "{}: {:?}", name, clean);
            prop_assert!(clean.contains(MASK), "{}: {:?}", name, clean);
            prop_assert_eq!(redactor.clean(&clean), clean);
        }
    }

    #[test]
    fn base64_of_a_longer_text_shows_no_bit_of_the_secret_and_all_of_the_rest(
        secret in "[!-~]{8,40}",
        before in " {0,9}",
        after in " {0,9}",
    ) {
        prop_assume!(!MASK.contains(&secret) && !secret.contains(MASK));
        let encoded = BASE64_STANDARD_NO_PAD.encode(format!("{before}{secret}{after}"));
        let (start, end) = (before.len() * 8 / 6, ((before.len() + secret.len()) * 8).div_ceil(6));
        let want = format!("<{}{MASK}{}>", &encoded[..start], &encoded[end..]);
        prop_assert_eq!(knowing(&[&secret]).clean(&format!("<{encoded}>")), want);
    }

    #[test]
    fn cleaning_is_stable_and_keeps_text_without_secrets(
        secrets in prop::collection::vec("[ab%4\\]\\[\\\\redct]{1,9}", 0..6),
        text in r"[ab%4\]\[\\redct sk_-]{0,80}",
    ) {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let redactor = knowing(&secrets);
        let clean = redactor.clean(&text);
        prop_assert_eq!(redactor.clean(&clean), clean.clone());
        for secret in secrets.iter().map(|it| it.trim()).filter(|it| it.len() >= 6) {
            for left in clean.split(MASK) {
                prop_assert!(secret.contains(MASK) || !left.contains(secret), "{}", clean);
            }
        }
    }
}
