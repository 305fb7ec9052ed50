//! DSSE envelopes whose signatures are SSH signatures (SSHSIG) over the pre-authentication encoding.
//! <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>, OpenSSH's PROTOCOL.sshsig.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use canonical_json::Value;
use serde_json::json;
use ssh_key::{HashAlg, LineEnding, PrivateKey};

/// The largest envelope that is read, bytes.
pub const LARGEST: usize = 16 << 20;

/// The most signatures an envelope may carry.
pub const MOST_SIGNATURES: usize = 8;

/// What is signed: its type, and the namespace that keeps signatures over it apart from others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kind {
    /// DSSE's `payloadType`.
    pub payload_type: &'static str,
    /// The SSH signature's namespace.
    pub namespace: &'static str,
}

/// Verdicts: in-toto statements.
pub const VERDICT: Kind =
    Kind { payload_type: "application/vnd.in-toto+json", namespace: "aiops-verdict" };

/// Waivers.
pub const WAIVER: Kind =
    Kind { payload_type: "application/vnd.aiops.waiver+json", namespace: "aiops-waiver" };

/// An envelope: bytes, and who vouches for them. That anybody does is not looked at here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    kind: Kind,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// A hint at the key, `SHA256:…`; nothing is decided by it.
    pub keyid: String,
    /// The SSH signature in its armour, as `ssh-keygen -Y verify` reads it.
    pub armoured: Vec<u8>,
}

impl Envelope {
    /// Signs a payload.
    ///
    /// # Errors
    /// When the key cannot sign: it is encrypted, or no ed25519 key.
    pub fn seal(kind: Kind, payload: Vec<u8>, key: &PrivateKey) -> Result<Self, ssh_key::Error> {
        let signed = pre_authentication(kind.payload_type, &payload);
        let signature = key.sign(kind.namespace, HashAlg::Sha512, &signed)?;
        let armoured = signature.to_pem(LineEnding::LF)?.into_bytes();
        let keyid = key.fingerprint(HashAlg::Sha256).to_string();
        Ok(Self { kind, payload, signatures: vec![Signature { keyid, armoured }] })
    }

    /// Reads an envelope strictly: bounded, no key twice, nothing but what DSSE has, standard base64.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn read(kind: Kind, bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LARGEST {
            return Err(format!("it is larger than {LARGEST} bytes"));
        }
        let value = canonical_json::parse(bytes).map_err(|err| err.to_string())?;
        let [payload, payload_type, signatures] =
            members(&value, ["payload", "payloadType", "signatures"])?;
        if payload_type.as_str() != Some(kind.payload_type) {
            return Err(format!("its payload type is not {}", kind.payload_type));
        }
        let payload = decoded(payload, "the payload")?;
        let Value::Array(list) = signatures else {
            return Err("its signatures are no list".to_owned());
        };
        if list.len() > MOST_SIGNATURES {
            return Err(format!("it has more than {MOST_SIGNATURES} signatures"));
        }
        let signatures = list.iter().map(signature).collect::<Result<_, _>>()?;
        Ok(Self { kind, payload, signatures })
    }

    /// The envelope as one line of JSON, without a line end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|it| json!({"keyid": it.keyid, "sig": STANDARD.encode(&it.armoured)}))
            .collect();
        json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": self.kind.payload_type,
            "signatures": signatures,
        })
        .to_string()
        .into_bytes()
    }

    /// What is signed.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Its signatures.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The exact bytes that the signatures cover.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication(self.kind.payload_type, &self.payload)
    }
}

/// DSSE's pre-authentication encoding.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend(payload);
    bytes
}

/// Exactly these members of an object, named in alphabetical order.
fn members<'a, const N: usize>(
    value: &'a Value,
    names: [&str; N],
) -> Result<[&'a Value; N], String> {
    let map = value.as_object().ok_or("it is no object")?;
    if !map.keys().map(String::as_str).eq(names) {
        return Err(format!("it wants exactly the members {}", names.join(", ")));
    }
    let list: Vec<&Value> = map.values().collect();
    list.try_into().map_err(|_| "it wants other members".to_owned())
}

fn signature(value: &Value) -> Result<Signature, String> {
    let [keyid, sig] =
        members(value, ["keyid", "sig"]).map_err(|why| format!("signature: {why}"))?;
    let keyid = keyid.as_str().ok_or("a keyid is no text")?.to_owned();
    Ok(Signature { keyid, armoured: decoded(sig, "a signature")? })
}

fn decoded(value: &Value, what: &str) -> Result<Vec<u8>, String> {
    let text = value.as_str().ok_or_else(|| format!("{what} is no text"))?;
    STANDARD.decode(text).map_err(|_| format!("{what} is not base64"))
}
