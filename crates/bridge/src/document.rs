//! Inbound bytes as a document, and the signature layer. Nothing in a document but its size and
//! syntax is acted on before [`verify`] accepted it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use canonical_json::Value;
use ops_core::time::Timestamp;
use sha2::{Digest, Sha256};
use signature::Verifier;
use ssh_encoding::Decode;
use ssh_key::{Algorithm, PublicKey, Signature, SshSig};

use crate::keys::{Keyring, Slot};
use crate::reason::{Reason, Refusal};

/// The payload type of version 2 envelopes.
pub const PAYLOAD_TYPE: &str = "application/vnd.aiops.command+json";

/// The namespace of SSH signatures over commands.
pub const NAMESPACE: &str = "aiops-command";

/// A document whose syntax is sound and whose signature was not yet looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// HMAC inside.
    V1(Value),
    /// A DSSE envelope.
    V2(Envelope),
}

impl Document {
    /// What it says, vouched for by nobody yet.
    pub fn body(&self) -> &Value {
        match self {
            Self::V1(value) => value,
            Self::V2(envelope) => &envelope.body,
        }
    }

    /// The exact bytes that its signature covers.
    pub fn signed(&self) -> Vec<u8> {
        match self {
            Self::V1(value) => signed_bytes(value),
            Self::V2(envelope) => pre_authentication(&envelope.payload),
        }
    }

    /// SHA-256 of what makes a replay one: the canonical text, or the payload of an envelope.
    pub fn content(&self) -> [u8; 32] {
        match self {
            Self::V1(value) => Sha256::digest(signed_bytes(value)).into(),
            Self::V2(envelope) => Sha256::digest(&envelope.payload).into(),
        }
    }
}

/// A DSSE envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    payload: Vec<u8>,
    body: Value,
    signatures: Vec<Vec<u8>>,
}

/// Who signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signer {
    /// The shared secret in this slot.
    Secret(Slot),
    /// This client's SSH key.
    Client(String),
}

impl Signer {
    /// The name that evidence carries: `current`, `next` or `ssh:<client>`.
    pub fn name(&self) -> String {
        match self {
            Self::Secret(slot) => slot.name().to_owned(),
            Self::Client(name) => format!("ssh:{name}"),
        }
    }
}

/// A document that an accepted key signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Who signed it.
    pub signer: Signer,
    /// What was signed (for version 1 with its `hmac`).
    pub body: Value,
    /// SHA-256 of the exact bytes that were signed: what makes a replay one.
    pub content: [u8; 32],
}

/// Reads the syntax layer.
///
/// # Errors
/// `not_json` for whatever two readers could read differently, or an envelope whose payload is.
pub fn read(bytes: &[u8]) -> Result<Document, Refusal> {
    let not_json = |why: String| Refusal::new(Reason::NotJson, why);
    let value = canonical_json::parse(bytes).map_err(|err| not_json(err.to_string()))?;
    let Some(map) = value.as_object().filter(|map| map.contains_key("payloadType")) else {
        return Ok(Document::V1(value));
    };
    envelope(map).map(Document::V2)
}

fn envelope(map: &BTreeMap<String, Value>) -> Result<Envelope, Refusal> {
    let bad = |why: &str| Refusal::new(Reason::BadHmac, format!("envelope: {why}"));
    if map.keys().map(String::as_str).ne(["payload", "payloadType", "signatures"]) {
        return Err(bad("exactly payload, payloadType and signatures are wanted"));
    }
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    if text("payloadType") != Some(PAYLOAD_TYPE) {
        return Err(bad(&format!("the payload type is not {PAYLOAD_TYPE}")));
    }
    let payload = text("payload").and_then(|it| STANDARD.decode(it).ok());
    let payload = payload.ok_or_else(|| bad("the payload is not base64"))?;
    let Some(Value::Array(list)) = map.get("signatures") else {
        return Err(bad("signatures is not a list"));
    };
    if list.is_empty() || list.len() > 8 {
        return Err(bad("one to eight signatures are wanted"));
    }
    let signature = |it: &Value| STANDARD.decode(it.get("sig")?.as_str()?).ok();
    let signatures: Option<Vec<_>> = list.iter().map(signature).collect();
    let signatures = signatures.ok_or_else(|| bad("a signature has no base64 sig"))?;
    let body = canonical_json::parse(&payload)
        .map_err(|err| Refusal::new(Reason::NotJson, format!("payload: {err}")))?;
    Ok(Envelope { payload, body, signatures })
}

/// The signature layer.
///
/// # Errors
/// `bad_hmac` when no accepted key signed it.
pub fn verify(document: &Document, keys: &Keyring, now: Timestamp) -> Result<Verified, Refusal> {
    match document {
        Document::V1(value) => verify_hmac(value, keys, now),
        Document::V2(envelope) => verify_ssh(envelope, keys),
    }
}

/// The exact bytes that the HMAC of a version 1 document covers: the canonical text without `hmac`.
pub fn signed_bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Object(map) if map.contains_key("hmac") => {
            let mut rest = map.clone();
            rest.remove("hmac");
            Value::Object(rest).canonical()
        }
        other => other.canonical(),
    }
}

fn verify_hmac(value: &Value, keys: &Keyring, now: Timestamp) -> Result<Verified, Refusal> {
    let bad = |why: &str| Refusal::new(Reason::BadHmac, why);
    let text = value.get("hmac").and_then(Value::as_str);
    let text = text.ok_or_else(|| bad("the document has no hmac"))?;
    let tag = STANDARD.decode(text).map_err(|_| bad("hmac is not base64"))?;
    if tag.len() != 32 {
        return Err(bad("hmac is not 32 bytes long"));
    }
    let message = signed_bytes(value);
    let slot = keys.slot(&message, &tag, now).ok_or_else(|| {
        bad("no accepted key made this hmac; `bridge-submit canonical` prints the bytes it must cover")
    })?;
    let content = Sha256::digest(&message).into();
    Ok(Verified { signer: Signer::Secret(slot), body: value.clone(), content })
}

fn verify_ssh(envelope: &Envelope, keys: &Keyring) -> Result<Verified, Refusal> {
    let bad = |why: String| Refusal::new(Reason::BadHmac, why);
    // The claim picks the one key that is tried; it is believed only if that key signed it.
    let name = envelope.body.get("client").and_then(Value::as_str);
    let name = name.ok_or_else(|| bad("the payload names no client".to_owned()))?;
    let client = keys.client(name).ok_or_else(|| bad(format!("client {name:?} is not listed")))?;
    let message = pre_authentication(&envelope.payload);
    if !envelope.signatures.iter().any(|it| signed_by(&client.key, &message, it)) {
        return Err(bad(format!("no signature is by the key of client {name:?}")));
    }
    Ok(Verified {
        signer: Signer::Client(name.to_owned()),
        body: envelope.body.clone(),
        content: Sha256::digest(&envelope.payload).into(),
    })
}

/// DSSE's pre-authentication encoding of a command payload.
/// Source: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>.
pub fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Accepts an SSHSIG blob (what `ssh-keygen -Y sign` makes, without its armour) or 64 raw bytes.
fn signed_by(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    if signature.len() == 64 {
        let raw = Signature::new(Algorithm::Ed25519, signature);
        return raw.is_ok_and(|raw| Verifier::verify(key, message, &raw).is_ok());
    }
    let mut rest = signature;
    let parsed = SshSig::decode(&mut rest).ok().filter(|_| rest.is_empty());
    parsed.is_some_and(|it| key.verify(NAMESPACE, message, &it).is_ok())
}

#[cfg(test)]
mod tests;
