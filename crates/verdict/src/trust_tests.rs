use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::document::Waived;
use crate::dsse;
use crate::sample::{SINCE, TO, TREE, approved, blocked, key, meta, now, policy, signer};

fn digests() -> RuleDigests {
    let it = meta().digests;
    RuleDigests {
        prompt: it.prompt,
        policy: it.policy,
        configuration: it.configuration,
        signers: it.signers,
    }
}

/// The names of all reasons against a verdict that key 1 signed.
fn reasons(verdict: Verdict, signers: &str) -> Vec<&'static str> {
    let signed = Signed::sign(verdict, &key(1)).unwrap();
    names(&signed, signers)
}

fn names(signed: &Signed, signers: &str) -> Vec<&'static str> {
    names_of(signed, signers, false)
}

fn names_of(signed: &Signed, signers: &str, is_published: bool) -> Vec<&'static str> {
    let (signers, digests, policy) = (Signers::read(signers.as_bytes()), digests(), policy());
    let expected = Expected {
        to: TO,
        tree: TREE,
        since: SINCE,
        signers: &signers,
        digests: &digests,
        policy: &policy,
        now: now(),
        is_published,
    };
    match judge(signed, &expected) {
        Ok(_) => vec![],
        Err(reasons) => {
            assert!(reasons.iter().all(|it| it.to_string().len() > it.name().len() / 2));
            reasons.iter().map(Distrust::name).collect()
        }
    }
}

fn known() -> String {
    signer("a@example", "namespaces=\"aiops-verdict\"", 1)
}

#[test]
fn an_approval_by_a_known_signer_counts() {
    assert_eq!(reasons(approved(), &known()), Vec::<&str>::new());
}

#[test]
fn every_reason_is_found_and_all_of_them_are_told() {
    type Change = fn(&mut Verdict);
    let rows: &[(&str, Change)] = &[
        ("simulated", |it| it.meta.simulated = true),
        ("not_approved", |it| it.verdict = Decision::Blocked),
        ("not_approved", |it| it.gates.public_binds = crate::document::Outcome::Fail),
        ("not_approved", |it| it.manifest.complete = false),
        ("not_approved", |it| it.manifest.packets = 0),
        ("not_approved", |it| it.manifest.paths.push(it.manifest.paths[0].clone())),
        ("no_reviewer_version", |it| it.meta.reviewer.version.clear()),
        ("wrong_tree", |it| it.meta.tree_oid = "4".repeat(40)),
        ("re_ranged", |it| it.range.to_sha = "4".repeat(40)),
        ("re_ranged", |it| it.range.since_sha = "4".repeat(40)),
        ("wrong_digest", |it| it.meta.digests.prompt = "4".repeat(64)),
        ("wrong_digest", |it| it.meta.digests.policy = "4".repeat(64)),
        ("wrong_digest", |it| it.meta.digests.configuration = "4".repeat(64)),
        ("wrong_digest", |it| it.meta.digests.signers = "4".repeat(64)),
        ("wrong_endpoint", |it| it.meta.endpoint_host = None),
        // The last: of a simulated one, no host is no reason of its own.
        ("wrong_endpoint", |it| it.meta.endpoint_host = Some("other.example".into())),
    ];
    for (reason, change) in rows {
        let mut verdict = approved();
        change(&mut verdict);
        assert_eq!(reasons(verdict, &known()), [*reason]);
    }
    let mut verdict = approved();
    for (_, change) in rows {
        change(&mut verdict);
    }
    let all = reasons(verdict, "");
    for (reason, _) in rows {
        assert!(all.contains(reason), "{reason} in {all:?}");
    }
    assert_eq!(all[0], "unknown_signer");
}

#[test]
fn codex_needs_no_endpoint_and_the_policy_must_take_it() {
    let mut verdict = approved();
    verdict.meta.reviewer.kind = ReviewerKind::CodexCli;
    verdict.meta.endpoint_host = None;
    assert_eq!(reasons(verdict.clone(), &known()), Vec::<&str>::new());
    let signed = Signed::sign(verdict, &key(1)).unwrap();
    let (signers, digests) = (Signers::read(known().as_bytes()), digests());
    let mut policy = policy();
    policy.reviewer_kinds = vec![ReviewerKind::Api];
    let expected = Expected {
        to: TO,
        tree: TREE,
        since: SINCE,
        signers: &signers,
        digests: &digests,
        policy: &policy,
        now: now(),
        is_published: false,
    };
    let told = judge(&signed, &expected).unwrap_err();
    assert_eq!(told.iter().map(Distrust::name).collect::<Vec<_>>(), ["wrong_reviewer"]);
}

#[test]
fn a_waiver_that_has_ended_lets_nothing_new_in() {
    // The clock stands at 12:00:00.
    for (end, want) in [
        ("2026-11-21T12:00:01Z", None),
        ("2026-11-21T12:00:00Z", Some("waiver_expired")),
        ("2026-11-20T12:00:00Z", Some("waiver_expired")),
        ("some day", Some("waiver_expired")),
    ] {
        let waived =
            Waived { by: "a@example".into(), reason: "why".into(), expires_at: end.into() };
        let mut verdict = blocked();
        verdict.verdict = Decision::Approved;
        verdict.because.clear();
        verdict.blockers[0].waived = Some(waived);
        let signed = Signed::sign(verdict, &key(1)).unwrap();
        assert_eq!(names(&signed, &known()).first().copied(), want, "{end}");
        assert_eq!(names_of(&signed, &known(), true), Vec::<&str>::new(), "{end}");
    }
}

#[test]
fn a_signer_counts_when_it_was_made_and_now() {
    for (options, want) in [
        ("", None),
        ("valid-after=\"20261121110000Z\",valid-before=\"20261121120000Z\"", None),
        ("valid-after=\"20261121110001Z\"", Some("signer_not_yet_valid")),
        ("valid-before=\"20261121115959Z\"", Some("signer_expired")),
        ("valid-before=\"20261121105959Z\"", Some("signer_expired")),
        ("namespaces=\"git\"", Some("wrong_namespace")),
    ] {
        let found = reasons(approved(), &signer("a@example", options, 1));
        assert_eq!(found.first().copied(), want, "{options}");
    }
    // Of several lines any that allows it is enough, wherever it stands.
    let old = signer("old", "valid-before=\"20200101Z\"", 1);
    for lines in [format!("{old}{}", known()), format!("{}{old}", known())] {
        assert_eq!(reasons(approved(), &lines), Vec::<&str>::new());
    }
}

fn json(signed: &Signed) -> Value {
    serde_json::from_slice(&signed.envelope().to_bytes()).unwrap()
}

fn read(value: &Value) -> Result<Signed, Distrust> {
    Signed::read(value.to_string().as_bytes())
}

#[test]
fn of_several_signatures_one_good_one_is_enough_and_none_is_unsigned() {
    let own = Signed::sign(approved(), &key(1)).unwrap();
    let foreign = Signed::sign(approved(), &key(2)).unwrap();
    let (good, other) =
        (json(&own)["signatures"][0].clone(), json(&foreign)["signatures"][0].clone());
    let mut it = json(&own);
    for list in [vec![good.clone(), other.clone()], vec![other.clone(), good.clone()]] {
        it["signatures"] = Value::Array(list);
        assert_eq!(names(&read(&it).unwrap(), &known()), Vec::<&str>::new());
    }
    it["signatures"] = Value::Array(vec![other]);
    assert_eq!(names(&read(&it).unwrap(), &known()), ["unknown_signer"]);
    it["signatures"] = Value::Array(vec![]);
    assert_eq!(names(&read(&it).unwrap(), &known()), ["unsigned"]);
    it["signatures"] = Value::Array(vec![good; dsse::MOST_SIGNATURES + 1]);
    assert_eq!(read(&it).unwrap_err().name(), "malformed");
}

#[test]
fn a_signature_in_another_namespace_or_of_nothing_is_named() {
    let own = Signed::sign(approved(), &key(1)).unwrap();
    let sign = |namespace: &str, bytes: &[u8]| {
        let signature = key(1).sign(namespace, ssh_key::HashAlg::Sha512, bytes).unwrap();
        signature.to_pem(ssh_key::LineEnding::LF).unwrap().into_bytes()
    };
    for (armoured, want) in [
        (sign("git", &own.envelope().signed_bytes()), "wrong_namespace"),
        (sign("aiops-waiver", &own.envelope().signed_bytes()), "wrong_namespace"),
        (sign("aiops-verdict", own.envelope().payload()), "edited"),
        (b"no signature".to_vec(), "forged"),
        (vec![], "forged"),
    ] {
        let mut it = json(&own);
        it["signatures"][0]["sig"] = STANDARD.encode(&armoured).into();
        assert_eq!(names(&read(&it).unwrap(), &known()), [want]);
    }
}

#[test]
fn an_envelope_or_statement_of_another_shape_is_malformed() {
    let own = Signed::sign(approved(), &key(1)).unwrap();
    let payload: Value = serde_json::from_slice(own.envelope().payload()).unwrap();
    let mut cases = Vec::new();
    let mut outer = |change: fn(&mut Value)| {
        let mut it = json(&own);
        change(&mut it);
        cases.push(it.to_string().into_bytes());
    };
    outer(|it| it["payloadType"] = "application/json".into());
    outer(|it| it["payload"] = "not base64".into());
    outer(|it| it["more"] = 1.into());
    outer(|it| it["signatures"] = 1.into());
    outer(|it| it["signatures"][0]["more"] = 1.into());
    outer(|it| it["signatures"][0]["sig"] = 1.into());
    outer(|it| drop(it.as_object_mut().unwrap().remove("signatures")));
    let mut inner = |pointer: &str, value: Option<Value>| {
        let mut changed = payload.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(name.to_owned(), value)),
            None => drop(parent.remove(name)),
        }
        let mut it = json(&own);
        it["payload"] = STANDARD.encode(changed.to_string()).into();
        cases.push(it.to_string().into_bytes());
    };
    inner("/_type", Some("https://in-toto.io/Statement/v0.1".into()));
    inner("/predicateType", Some("https://other.example/".into()));
    inner("/predicate/schema", Some("aiops.verdict/2".into()));
    inner("/predicate/more", Some(1.into()));
    inner("/predicate/verdict", Some("approved".into()));
    inner("/predicate/meta/simulated", None);
    inner("/predicate/meta/created_at", Some("yesterday".into()));
    inner("/predicate/bundle_sha256", Some("5".repeat(64).into()));
    inner("/predicate/range/since_sha", Some("5".repeat(64).into()));
    inner("/predicate/range/since_sha", Some("main".into()));
    inner("/predicate/meta/digests/policy", Some("x".into()));
    inner("/more", Some(1.into()));
    inner("/subject", None);
    for bytes in cases {
        let told = Signed::read(&bytes).unwrap_err();
        assert_eq!(told.name(), "malformed", "{}", String::from_utf8_lossy(&bytes));
    }
    let mut it = json(&own);
    let mut changed = payload.clone();
    changed["subject"][0]["digest"]["gitCommit"] = "5".repeat(40).into();
    it["payload"] = STANDARD.encode(changed.to_string()).into();
    assert_eq!(read(&it).unwrap_err().name(), "re_ranged");
    let huge = vec![b' '; dsse::LARGEST + 1];
    assert_eq!(Signed::read(&huge).unwrap_err().name(), "malformed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_bit_of_an_envelope_is_trusted(at in 0_usize..4000, bit in 0_u8..8) {
        let own = Signed::sign(approved(), &key(1)).unwrap();
        let mut bytes = own.envelope().to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(read) = Signed::read(&bytes)
            // The keyid is a hint that nothing is decided by.
            && read.envelope().payload() != own.envelope().payload()
        {
            prop_assert!(!names(&read, &known()).is_empty());
        }
    }

    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Signed::read(&bytes).is_err());
    }
}
