//! Tables over what a document is to say.

use proptest::prelude::*;

use super::*;

const SECONDS: i64 = 1_754_720_691;

fn terms() -> Terms {
    Terms {
        id: "x-1".into(),
        target: "MAIN".into(),
        issued_at: Timestamp::from_second(SECONDS).unwrap(),
        ttl_seconds: 300,
        nonce: "n".into(),
        validators: vec!["json".into()],
        allowed: Capability::WriteFile,
        constraints: Constraints { max_runtime_ms: 1, max_files_changed: 2 },
    }
}

fn wish() -> Completion {
    let now = Timestamp::from_second(SECONDS).unwrap();
    Completion { id: "fresh".into(), now, ttl_seconds: 60, nonce: "n".into() }
}

#[test]
fn each_change_becomes_the_op_and_the_kind_of_patch_that_fit_it() {
    let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    let cases = [
        (noop(), "hybrid", r#"{"op":"noop"}"#, 1),
        (
            write("a", b"h\xc3\xa9".to_vec(), None, None),
            "ops",
            r#"{"content":"hé","op":"writeFile","path":"a"}"#,
            1,
        ),
        (
            write("a", vec![0xff], Some(Mode::Executable), Some("absent".into())),
            "ops",
            r#"{"contentBase64":"/w==","expectSha256":"absent","mode":"0755","op":"writeFile","path":"a"}"#,
            1,
        ),
        (write("a", vec![], None, None), "ops", r#"{"content":"","op":"writeFile","path":"a"}"#, 1),
        (rename("a", "b"), "ops", r#"{"from":"a","op":"moveFile","to":"b"}"#, 2),
        (delete("a"), "ops", r#"{"op":"deleteFile","path":"a"}"#, 1),
        (
            patch(diff.to_owned()).unwrap(),
            "unified",
            r#"{"diff":"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n","op":"applyDiff"}"#,
            1,
        ),
    ];
    for (change, kind, op, files) in cases {
        assert_eq!(change.files(), files);
        let body = serde_json::to_value(change.into_command(terms())).unwrap();
        let want: serde_json::Value = serde_json::from_str(op).unwrap();
        assert_eq!(body["payload"]["inline"]["ops"], serde_json::json!([want]));
        assert_eq!(body["patchType"], kind);
        assert_eq!(body["issued_at"], "2025-08-09T06:24:51Z");
        assert_eq!(body["expires_at"], "2025-08-09T06:29:51Z");
        assert_eq!(body["validationPlan"], serde_json::json!(["json"]));
        for absent in ["hmac", "client", "bridge"] {
            assert_eq!(body.get(absent), None);
        }
    }
    assert_eq!(patch("no diff at all\n".into()).unwrap_err().exit, Exit::Malformed);
}

#[test]
fn what_a_partial_document_says_is_kept_and_what_it_lacks_is_added() {
    let all = r#""expires_at":"2025-08-09T06:25:51Z","id":"fresh","issued_at":"2025-08-09T06:24:51Z","nonce":"n""#;
    for (partial, want) in [
        ("{}", format!("{{{all}}}")),
        (r#"{"a":1.0,"b":1e400000}"#, String::new()),
        (
            r#"{"a":1.0,"z":18446744073709551617}"#,
            format!(r#"{{"a":1.0,{all},"z":18446744073709551617}}"#),
        ),
        (r#"{"id":"mine","nonce":"0"}"#, all.replace("fresh", "mine").replace(r#""n""#, r#""0""#)),
        (
            r#"{"issued_at":"2025-01-01T00:00:00Z"}"#,
            all.replace("2025-08-09T06:24:51Z", "2025-01-01T00:00:00Z")
                .replace("2025-08-09T06:25:51Z", "2025-01-01T00:01:00Z"),
        ),
        (
            r#"{"issued_at":"yesterday","expires_at":"tomorrow"}"#,
            all.replace("2025-08-09T06:24:51Z", "yesterday")
                .replace("2025-08-09T06:25:51Z", "tomorrow"),
        ),
        (r#"{"issued_at":"yesterday"}"#, String::new()),
        (r#"{"issued_at":1}"#, String::new()),
        (r#"{"id":1}"#, String::new()),
        (r#"{"payloadType":"x"}"#, String::new()),
        ("[]", String::new()),
        ("null", String::new()),
    ] {
        let completed = canonical_json::parse(partial.as_bytes())
            .map_err(|err| err.to_string())
            .and_then(|value| complete(&value, &wish(), &[]));
        let text = completed.map(|it| String::from_utf8(Value::Object(it).canonical()).unwrap());
        let want =
            if want.is_empty() || want.starts_with('{') { want } else { format!("{{{want}}}") };
        assert_eq!(text.unwrap_or_default(), want, "{partial}");
    }
}

#[test]
fn marks_are_added_only_where_the_document_says_nothing() {
    let value = canonical_json::parse(br#"{"bridge":"other"}"#).unwrap();
    let marks = [("bridge", "main".to_owned()), ("client", "c".to_owned())];
    let members = complete(&value, &wish(), &marks).unwrap();
    assert_eq!(members["bridge"].as_str(), Some("other"));
    assert_eq!(members["client"].as_str(), Some("c"));
}

#[test]
fn a_document_that_no_executor_would_read_is_refused_before_it_is_dropped() {
    let document = |id: &str| {
        let command = noop().into_command(Terms { id: id.into(), ..terms() });
        let command = Command { hmac: Some("x".into()), ..command };
        serde_json::to_vec(&command).unwrap()
    };
    assert!(fit(&document("a"), 100_000).is_ok());
    for (document, cap, why) in [
        (document("a"), 10, "oversize"),
        (document("../a"), 100_000, "schema: at /id"),
        (b"{".to_vec(), 100_000, "not_json"),
    ] {
        let failure = fit(&document, cap).unwrap_err();
        assert_eq!(failure.exit, Exit::Malformed);
        assert!(failure.to_string().contains(why), "{failure}");
    }
}

proptest! {
    #[test]
    fn whatever_is_written_comes_out_of_the_document_again(content: Vec<u8>, path in ".{1,40}") {
        let command = write(&path, content.clone(), None, None).into_command(terms());
        let body = Value::from_serde(&serde_json::to_value(command).unwrap());
        let read = canonical_json::parse(&body.canonical()).unwrap().to_serde();
        let op = &read["payload"]["inline"]["ops"][0];
        let back = match op["content"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD.decode(op["contentBase64"].as_str().unwrap()).unwrap(),
        };
        prop_assert_eq!(back, content);
        prop_assert_eq!(op["path"].as_str(), Some(path.as_str()));
    }
}
