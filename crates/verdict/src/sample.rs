//! A verdict, a key and a clock for unit tests.

use ops_core::time::Timestamp;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;

use crate::answer::{Answer, Proposed};
use crate::derive::{Changed, Inputs};
use crate::document::{
    Coverage, Decision, Digests, Gate, Gates, Meta, Outcome, Path, Range, Reviewer, ReviewerKind,
    Severity, Tool, Usage, Verdict,
};
use crate::policy::Policy;

pub(crate) const TO: &str = "2222222222222222222222222222222222222222";
pub(crate) const SINCE: &str = "1111111111111111111111111111111111111111";
pub(crate) const TREE: &str = "3333333333333333333333333333333333333333";

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

pub(crate) fn signer(name: &str, options: &str, seed: u8) -> String {
    format!("{name} {options} {}\n", key(seed).public_key().to_openssh().unwrap())
}

pub(crate) fn policy() -> Policy {
    use ops_core::config::Settings;
    let mut policy = Policy::read(Policy::SHIPPED.as_bytes()).unwrap();
    policy.endpoint_hosts = vec!["api.openai.com".into(), "api.mistral.ai".into()];
    policy
}

pub(crate) fn meta() -> Meta {
    let digest = |digit: &str| digit.repeat(64);
    Meta {
        simulated: false,
        tool: Tool { name: "review-gate".into(), version: "0.1.0".into() },
        reviewer: Reviewer {
            kind: ReviewerKind::Api,
            provider: "openai".into(),
            model: "gpt-4o-mini".into(),
            version: "1".into(),
        },
        requested_model: "gpt-4o-mini".into(),
        replied_models: vec!["gpt-4o-mini-2024-07-18".into()],
        endpoint_host: Some("api.openai.com".into()),
        fallback_used: false,
        transient_class: None,
        cost_usd: 0.0123,
        usage: Usage::default(),
        created_at: "2026-11-21T11:00:00Z".into(),
        tree_oid: TREE.into(),
        digests: Digests {
            bundle: digest("a"),
            prompt: digest("b"),
            policy: digest("c"),
            configuration: digest("d"),
            signers: digest("e"),
        },
    }
}

pub(crate) fn range() -> Range {
    Range { since_sha: SINCE.into(), to_sha: TO.into() }
}

pub(crate) fn answer(verdict: Decision, blockers: Vec<Proposed>) -> Answer {
    let gates = Gates::all(Outcome::Pass);
    Answer { verdict, summary: "fine".into(), gates, blockers, non_blocking: vec![] }
}

pub(crate) fn proposed(file: Option<&str>, line: Option<u32>) -> Proposed {
    Proposed {
        file: file.map(str::to_owned),
        line,
        gate: Some(Gate::KeyHandling),
        severity: Severity::High,
        title: "a key is logged".into(),
        detail: "the token reaches the log".into(),
        suggestion: "mask it".into(),
    }
}

pub(crate) fn changed(path: &str, coverage: Coverage, hunks: &[(u32, u32)]) -> Changed {
    Changed { path: Path { path: path.into(), coverage }, hunks: hunks.to_vec() }
}

pub(crate) fn inputs<'a>(
    answers: &'a [Answer],
    changed: &'a [Changed],
    policy: &'a Policy,
) -> Inputs<'a> {
    let (rules, waivers) = (&[], &[]);
    Inputs { range: range(), answers, rules, changed, policy, waivers, now: now(), meta: meta() }
}

pub(crate) fn approved() -> Verdict {
    answered(answer(Decision::Approved, vec![]))
}

pub(crate) fn blocked() -> Verdict {
    answered(answer(Decision::Blocked, vec![proposed(Some("src/a.rs"), Some(1))]))
}

fn answered(answer: Answer) -> Verdict {
    let (policy, answers) = (policy(), [answer]);
    let changed = [changed("src/a.rs", Coverage::Packet(1), &[(1, 9)])];
    crate::derive(inputs(&answers, &changed, &policy))
}
