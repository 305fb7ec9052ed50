//! Vectors of twilio-python, and what must never pass.

use super::*;
use proptest::prelude::*;

const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const SETTINGS: &str = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256";

/// The token of the official vectors.
fn token() -> String {
    (1..=5).map(|digit| digit.to_string()).collect()
}

fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn call_params() -> Vec<(String, String)> {
    form(&[
        ("CallSid", "CA1234567890ABCDE"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
        ("Caller", "+14158675309"),
    ])
}

fn repeated() -> Vec<(String, String)> {
    form(&[
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ])
}

fn check(
    url: &str,
    body: Body<'_>,
    signature: Option<&str>,
    settings: Option<&str>,
) -> Result<(), Refused> {
    let token = token();
    let shared = [("webhooks_sharedkey_1", token.as_str())];
    let keys = Keys { auth_token: Some(&token), shared: &shared };
    verify(&keys, url, body, signature, settings)
}

/// The official vectors (`tests/unit/test_request_validator.py`; the one with a body's hash is in
/// the next test), then three that were computed with the same code.
#[test]
fn the_vectors_of_the_official_library_pass() {
    let plain = call_params();
    let sms = form(&[
        ("AccountSid", &format!("AC{:032}", 1)),
        ("Body", "approve 42 & go"),
        ("From", "+14155550100"),
        ("MessageSid", &format!("SM{:032}", 1)),
        ("NumMedia", "0"),
        ("To", "+14155550199"),
    ]);
    for (url, params, signature) in [
        (U, &plain, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (U, &repeated(), "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        (
            "https://mycompany.com:1234/myapp.php?foo=1&bar=2",
            &plain,
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", &plain, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (U, &plain, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", &plain, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (U, &form(&[("Body", ""), ("From", "+1")]), "PKkL783JzJidCLAVMHZLGGtjU1g="),
        (
            "https://example.com/sms",
            &form(&[("Body", "héllo ✓"), ("From", "+14155550100")]),
            "bcaLiAmF2lU7ZjD+8uDtD3m/FeI=",
        ),
        ("https://ops.example.com/twilio/sms", &sms, "dvn3/+hMrXHiAUYDNKKuDVPDl+0="),
    ] {
        assert_eq!(check(url, Body::Form(params), Some(signature), None), Ok(()), "{url}");
        let mut changed = params.clone();
        changed.push(("Extra".to_owned(), String::new()));
        let refused = check(url, Body::Form(&changed), Some(signature), None);
        assert_eq!(refused, Err(Refused::Mismatch), "{url}");
    }
}

#[test]
fn a_body_that_is_not_a_form_is_tied_by_its_hash() {
    let url = format!("{U}&bodySHA256={HASH}");
    let signature = Some("a9nBmqA0ju/hNViExpshrM61xv4=");
    let body = br#"{"property": "value", "boolean": true}"#;
    assert_eq!(check(&url, Body::Raw(body), signature, None), Ok(()));
    // Computed with twilio-python 9.13.0.
    let sha256 = Some("+UOCWf84gdgo/5Hpg4m5/EgKnJA2/TbOw5sPNVr3bPk=");
    assert_eq!(check(&url, Body::Raw(body), sha256, Some(SETTINGS)), Ok(()));
    let hash = Err(Refused::BodyHash);
    assert_eq!(check(&url, Body::Raw(b"{}"), signature, None), hash);
    assert_eq!(check(U, Body::Raw(body), signature, None), hash);
    assert_eq!(check(&format!("{url}&bodySHA256={HASH}"), Body::Raw(body), signature, None), hash);
    let upper = format!("{U}&bodySHA256={}", HASH.to_uppercase());
    assert_eq!(check(&upper, Body::Raw(body), signature, None), hash);
    assert_eq!(check(U, Body::Raw(b""), signature, None), hash);
}

/// Computed with `RequestValidator.compute_signature(…, "HMAC_SHA256")` of twilio-python 9.13.0.
#[test]
fn shared_keys_sign_with_sha_256() {
    let plain = call_params();
    let http = "http://mycompany.com/myapp.php?foo=1&bar=2";
    let unicode = form(&[("Body", "héllo ✓"), ("From", "+14155550100")]);
    for (url, params, signature) in [
        (U, &plain, "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="),
        (U, &plain, "grxRoa/VNtXxd524NGLxIdev83nh23xhrRUVm50Umq4="),
        (http, &plain, "ODeP/nQxuJxUFE1ZQI8xHKjbKi73mCWdY4em0wBbj/k="),
        (U, &repeated(), "jco7II1lvHpqANwxYMpqhOGVonnkKyDh1cL2ZUBvMDs="),
        ("https://example.com/sms", &unicode, "eqXgcoLdAwXrycFnK6yZQe7dr9MRbuYzs8H5CD9k0Ds="),
    ] {
        let body = Body::Form(params);
        assert_eq!(check(url, body, Some(signature), Some(SETTINGS)), Ok(()), "{url}");
        assert_eq!(check(url, body, Some(signature), None), Err(Refused::Mismatch), "{url}");
    }
}

#[test]
fn settings_that_are_not_understood_are_refused() {
    let params = call_params();
    let body = Body::Form(&params);
    let sha1 = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    let sha256 = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=";
    for (signature, settings, result) in [
        (sha1, "", Ok(())),
        (sha1, "algorithm=HMAC_SHA1", Ok(())),
        (sha256, " key = webhooks_sharedkey_1 , algorithm = hmac_sha256 , new=1", Ok(())),
        (sha256, "algorithm=HMAC_SHA256", Err(Refused::Malformed)),
        (sha1, "key=webhooks_sharedkey_1", Err(Refused::Malformed)),
        (sha1, "key=webhooks_sharedkey_1,algorithm=HMAC_SHA1", Err(Refused::Malformed)),
        (sha256, "key=other,algorithm=HMAC_SHA256", Err(Refused::UnknownKey)),
        (sha256, "key=,algorithm=HMAC_SHA256", Err(Refused::UnknownKey)),
        (sha1, "key=webhooks_sharedkey_1,algorithm=HMAC_MD5", Err(Refused::UnknownAlgorithm)),
        (sha1, "algorithm=none", Err(Refused::UnknownAlgorithm)),
        (sha1, "algorithm=", Err(Refused::UnknownAlgorithm)),
        (sha1, "algorithm=HMAC_SHA1,algorithm=HMAC_SHA1", Err(Refused::Malformed)),
        (sha1, "nonsense", Err(Refused::Malformed)),
    ] {
        assert_eq!(check(U, body, Some(signature), Some(settings)), result, "{settings}");
    }
}

#[test]
fn without_a_usable_signature_or_secret_nothing_passes() {
    let params = call_params();
    let body = Body::Form(&params);
    let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    for (signature, result) in [
        (None, Refused::Missing),
        (Some(""), Refused::Missing),
        (Some("RSOYDt4T1cUTdK1PDd93/VVr8B8"), Refused::Malformed),
        (Some("RSOYDt4T1cUTdK1PDd93/VVr8B9="), Refused::Malformed),
        (Some(" RSOYDt4T1cUTdK1PDd93/VVr8B8="), Refused::Malformed),
        (Some("é"), Refused::Malformed),
        (Some("AAAA"), Refused::Mismatch),
        (Some("RSOYDt4T1cUTdK1PDd93/VVr8A8="), Refused::Mismatch),
    ] {
        assert_eq!(check(U, body, signature, None), Err(result), "{signature:?}");
    }
    for auth_token in [None, Some("")] {
        let keys = Keys { auth_token, shared: &[] };
        assert_eq!(verify(&keys, U, body, Some(good), None), Err(Refused::UnknownKey));
    }
}

#[test]
fn ports_are_taken_off_and_put_on() {
    for (url, without, with) in [
        ("https://a.example/x", "https://a.example/x", "https://a.example:443/x"),
        ("http://a.example", "http://a.example", "http://a.example:80"),
        ("https://a.example:8443?q=a:1", "https://a.example?q=a:1", "https://a.example:8443?q=a:1"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
        ("https://[2001:db8::1]:1/x", "https://[2001:db8::1]/x", "https://[2001:db8::1]:1/x"),
        ("nonsense", "nonsense", "nonsense"),
    ] {
        assert_eq!(by_port(url), [without, with]);
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_noise_never_passes(
        url in "\\PC{0,40}", name in "\\PC{0,8}", value in "\\PC{0,8}",
        signature in "\\PC{0,40}", settings in "\\PC{0,40}", raw in any::<Vec<u8>>(),
    ) {
        let pairs = [(name, value)];
        for body in [Body::Form(&pairs), Body::Raw(&raw)] {
            prop_assert!(check(&url, body, Some(&signature), Some(&settings)).is_err());
            prop_assert!(check(&url, body, Some(&signature), None).is_err());
        }
    }
}
