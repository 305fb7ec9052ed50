//! The signature layer against fixed vectors and against stock `ssh-keygen`.

use super::*;

const SECRET: &str = "c2VjcmV0LW9mLXRoZS1leGFtcGxl";

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn keys() -> Keyring {
    Keyring::for_tests(SECRET, Some("the-next-secret"))
}

/// What `hmac.new(SECRET.encode(), json.dumps(doc, separators=(",",":"), sort_keys=True).encode(),
/// "sha256")` gives in Python 3.11 for the document below.
const PYTHON: &str = r#"{"b": [1.0, 1e16, -0.0, "\u00e9\ud83d\ude00\u007f"], "a": {"z": null, "y": 18446744073709551616}, "hmac": "@"}"#;
const PYTHON_TAG: &str = "BKsoXaUXGbfi9xgLnx0m1Rr5Xu/KpeTsnOTlpSXbVG0=";

#[test]
fn pythons_tag_over_the_same_document_is_accepted_and_nothing_near_it() {
    let text = PYTHON.replace('@', PYTHON_TAG);
    let verified = verify(&read(text.as_bytes()).unwrap(), &keys(), NOW).unwrap();
    assert_eq!(verified.signer, Signer::Secret(Slot::Current));
    for tampered in [
        text.replace("1e16", "1e17"),
        text.replace("-0.0", "0.0"),
        text.replace("\"z\"", "\"Z\""),
        text.replace(PYTHON_TAG, PYTHON_TAG.trim_end_matches('=')),
        text.replace(PYTHON_TAG, ""),
        text.replace("\"hmac\"", "\"mac\""),
        text.replace(&format!("\"{PYTHON_TAG}\""), "null"),
    ] {
        let refused = verify(&read(tampered.as_bytes()).unwrap(), &keys(), NOW).unwrap_err();
        assert_eq!(refused.reason, Reason::BadHmac, "{tampered}");
    }
    let other = Keyring::for_tests("another", None);
    assert!(verify(&read(text.as_bytes()).unwrap(), &other, NOW).is_err());
}

#[test]
fn the_matching_slot_is_told() {
    let next = Keyring::for_tests("current", Some(SECRET));
    let text = PYTHON.replace('@', PYTHON_TAG);
    let verified = verify(&read(text.as_bytes()).unwrap(), &next, NOW).unwrap();
    assert_eq!(verified.signer.name(), "next");
    // The window of 100 seconds ends by itself.
    let over = Timestamp::from_second(100).unwrap();
    assert!(verify(&read(text.as_bytes()).unwrap(), &next, over).is_err());
}

#[test]
fn roots_that_are_no_object_are_unsigned_not_malformed() {
    for text in ["[]", "1", "\"x\"", "null"] {
        let refused = verify(&read(text.as_bytes()).unwrap(), &keys(), NOW).unwrap_err();
        assert_eq!(refused.reason, Reason::BadHmac, "{text}");
    }
    for text in ["", "{", "{\"a\":1,\"a\":1}", "NaN", "{} {}"] {
        assert_eq!(read(text.as_bytes()).unwrap_err().reason, Reason::NotJson, "{text}");
    }
}

#[test]
fn an_envelope_has_exactly_its_three_fields_and_the_right_type() {
    let payload = STANDARD.encode("{}");
    let sig = STANDARD.encode([0; 64]);
    for (text, reason) in [
        (
            format!(
                r#"{{"payloadType":"x","payload":"{payload}","signatures":[{{"sig":"{sig}"}}]}}"#
            ),
            Reason::BadHmac,
        ),
        (
            format!(r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[]}}"#),
            Reason::BadHmac,
        ),
        (
            format!(
                r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{{"sig":"{sig}"}}],"x":1}}"#
            ),
            Reason::BadHmac,
        ),
        (
            format!(
                r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"!","signatures":[{{"sig":"{sig}"}}]}}"#
            ),
            Reason::BadHmac,
        ),
        (
            format!(
                r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{}","signatures":[{{"sig":"{sig}"}}]}}"#,
                STANDARD.encode("{")
            ),
            Reason::NotJson,
        ),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err().reason, reason, "{text}");
    }
    let unlisted = format!(
        r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{{"sig":"{sig}"}}]}}"#
    );
    let refused = verify(&read(unlisted.as_bytes()).unwrap(), &keys(), NOW).unwrap_err();
    assert_eq!(refused.reason, Reason::BadHmac);
}
