//! A verdict as an in-toto Statement v1 about a commit and its tree.
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>

use serde::Deserialize;
use serde_json::{Value, json};
use ssh_key::PrivateKey;

use crate::document::{Range, Verdict};
use crate::dsse::{Envelope, VERDICT};
use crate::trust::Distrust;

/// in-toto's name of the format.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What the predicate is. The host is one of those that RFC 2606 keeps unused.
pub const PREDICATE_TYPE: &str = "https://aiops.example/verdict/v1";

/// A verdict in its envelope: its syntax is sound, and it says the same of its range everywhere.
/// Who signed it was not looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed {
    envelope: Envelope,
    verdict: Verdict,
}

impl Signed {
    /// Signs a verdict.
    ///
    /// # Errors
    /// When the key cannot sign, or the verdict contradicts itself.
    pub fn sign(verdict: Verdict, key: &PrivateKey) -> Result<Self, String> {
        inconsistency(&verdict).map_or(Ok(()), Err)?;
        let payload = statement(&verdict).to_string().into_bytes();
        let envelope = Envelope::seal(VERDICT, payload, key).map_err(|err| err.to_string())?;
        Ok(Self { envelope, verdict })
    }

    /// Reads a signed verdict strictly.
    ///
    /// # Errors
    /// [`Distrust::Malformed`] or, where its parts name different commits, [`Distrust::ReRanged`].
    pub fn read(bytes: &[u8]) -> Result<Self, Distrust> {
        let envelope = Envelope::read(VERDICT, bytes).map_err(Distrust::Malformed)?;
        let payload = canonical_json::parse(envelope.payload())
            .map_err(|err| Distrust::Malformed(format!("the statement: {err}")))?;
        let verdict = verdict_of(payload.to_serde())?;
        Ok(Self { envelope, verdict })
    }

    /// The verdict. Nobody vouches for it before [`crate::trust::judge`] accepted it.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What was reviewed.
    pub fn range(&self) -> &Range {
        &self.verdict.range
    }
}

fn statement(verdict: &Verdict) -> Value {
    json!({
        "_type": STATEMENT_TYPE,
        "subject": subjects(verdict),
        "predicateType": PREDICATE_TYPE,
        "predicate": verdict,
    })
}

fn subjects(verdict: &Verdict) -> Value {
    json!([
        {"name": "commit", "digest": {"gitCommit": verdict.range.to_sha}},
        {"name": "tree", "digest": {"gitTree": verdict.meta.tree_oid}},
    ])
}

/// The verdict of a statement; `statement` is what wrote every other part of it.
fn verdict_of(mut statement: Value) -> Result<Verdict, Distrust> {
    let malformed = |why: &str| Distrust::Malformed(format!("the statement: {why}"));
    let predicate = statement.get_mut("predicate").map(Value::take).unwrap_or_default();
    let verdict = Verdict::deserialize(predicate)
        .map_err(|err| Distrust::Malformed(format!("the verdict: {err}")))?;
    let mut want = self::statement(&verdict);
    if let Some(map) = want.as_object_mut() {
        map.insert("predicate".to_owned(), Value::Null);
    }
    if statement.get("subject") != want.get("subject") && statement.get("subject").is_some() {
        let why = "the subject and the verdict's range are not the same".to_owned();
        return Err(Distrust::ReRanged(why));
    }
    if statement != want {
        return Err(malformed("it is no statement about a verdict"));
    }
    inconsistency(&verdict).map_or(Ok(verdict), |why| Err(Distrust::Malformed(why)))
}

/// What a verdict says that its schema allows and its meaning does not.
fn inconsistency(verdict: &Verdict) -> Option<String> {
    let Range { since_sha, to_sha } = &verdict.range;
    let digests = &verdict.meta.digests;
    let oids = [since_sha, to_sha, &verdict.meta.tree_oid];
    let hashes = [
        &digests.bundle,
        &digests.prompt,
        &digests.policy,
        &digests.configuration,
        &digests.signers,
    ];
    if !oids.iter().all(|it| crate::is_oid(it) && it.len() == to_sha.len()) {
        return Some("the verdict: an object id is none".to_owned());
    }
    if !hashes.iter().all(|it| it.len() == 64 && crate::is_hex(it)) {
        return Some("the verdict: a digest is none".to_owned());
    }
    if digests.bundle != verdict.bundle_sha256 {
        return Some("the verdict: two digests of the bundle".to_owned());
    }
    if let Err(why) = ops_core::time::parse(&verdict.meta.created_at) {
        return Some(format!("the verdict: created_at: {why}"));
    }
    None
}
