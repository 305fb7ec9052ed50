//! Who signs, and how a document gets its signature.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::command::{Command, Version};
use bridge::document::{NAMESPACE, PAYLOAD_TYPE, pre_authentication, signed_bytes};
use bridge::keys::{Keyring, tag};
use bridge::settings::{Capability, Settings};
use canonical_json::Value;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use secrets::Secret;
use ssh_encoding::Encode;
use ssh_key::{Algorithm, HashAlg, PrivateKey};
use zeroize::Zeroizing;

use crate::args::Args;

/// The largest private key file, bytes.
const LARGEST_KEY: u64 = 64 * 1024;

/// A shorter secret, in bytes, is found in any text by accident.
const TELLING: usize = 8;

/// Who signs.
#[derive(Debug)]
pub(crate) enum Signer {
    /// The bridge's shared secret: version 1.
    Secret(Secret),
    /// A client's own key: version 2.
    Client { name: String, bridge: String, key: Box<PrivateKey> },
}

impl Signer {
    /// The key the command line names, else the shared secret (77 when there is none).
    pub(crate) fn load(
        context: &Context,
        settings: &Settings,
        args: &Args,
    ) -> Result<Self, Failure> {
        if let (Some(file), Some(name)) = (&args.keys.ssh_key, &args.keys.client) {
            let key = Box::new(private_key(&context.host, file)?);
            let bridge = settings.bridge_id.clone();
            return Ok(Self::Client { name: name.clone(), bridge, key });
        }
        // Whose keys the policy lists is nothing to a writer, and no stand-in for its own secret.
        let settings = Settings { clients: vec![], ..settings.clone() };
        let ring = Keyring::load(context, &settings, args.keys.secrets_dir.as_deref())?;
        ring.signing(context.host.now())
            .cloned()
            .map(Self::Secret)
            .ok_or_else(|| Failure::new(Exit::NotPermitted, "sign: no secret is known"))
    }

    /// The unsigned document, with what this signer adds to it.
    pub(crate) fn body(&self, mut command: Command) -> Value {
        if let Self::Client { name, bridge, .. } = self {
            command.schema_version = Version::V2;
            command.client = Some(name.clone());
            command.bridge = Some(bridge.clone());
        }
        let body = serde_json::to_value(command).unwrap_or_default();
        Value::from_serde(&body)
    }

    /// What this signer adds to a document that somebody else wrote, where it says nothing.
    pub(crate) fn marks(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Secret(_) => vec![],
            Self::Client { name, bridge, .. } => vec![
                ("schemaVersion", "2.0".to_owned()),
                ("bridge", bridge.clone()),
                ("client", name.clone()),
            ],
        }
    }

    /// Something a no-op may name in `allowedActions`, which must not be empty.
    pub(crate) fn some_capability(&self, settings: &Settings) -> Capability {
        let own = match self {
            Self::Secret(_) => None,
            Self::Client { name, .. } => settings.clients.iter().find(|it| it.name == *name),
        };
        let list = own.map_or(&settings.capabilities, |client| &client.actions);
        list.first().copied().unwrap_or(Capability::WriteFile)
    }

    /// The document's bytes: `body` with a signature that covers `signed`, which is the body too
    /// unless the signature is meant to be a bad one. An hmac that is there stays.
    ///
    /// # Errors
    /// Exit 77 when the secret itself is in the document, or the key cannot sign.
    pub(crate) fn seal(&self, body: &Value, signed: &Value) -> Result<Vec<u8>, Failure> {
        let sealed = match self {
            Self::Secret(secret) => {
                let mut members = body.as_object().cloned().unwrap_or_default();
                members
                    .entry("hmac".to_owned())
                    .or_insert_with(|| Value::Str(tag(secret, &signed_bytes(signed))));
                Value::Object(members)
            }
            Self::Client { key, .. } => envelope(key, &body.canonical(), &signed.canonical())?,
        };
        let mut bytes = sealed.canonical();
        bytes.push(b'\n');
        if let Self::Secret(secret) = self
            && secret.expose().len() >= TELLING
            && contains(&bytes, secret.expose())
        {
            return Err(Failure::new(Exit::NotPermitted, "sign the document")
                .because("it holds the secret it is to be signed with")
                .hint("leave it out: commands are archived and published"));
        }
        Ok(bytes)
    }

    /// Whether an hmac that a document brought along is one this signer would have made.
    pub(crate) fn vouches_for(&self, body: &Value) -> bool {
        match (self, body.get("hmac")) {
            (Self::Secret(secret), Some(hmac)) => {
                hmac.as_str() == Some(tag(secret, &signed_bytes(body)).as_str())
            }
            _ => true,
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn envelope(key: &PrivateKey, payload: &[u8], signed: &[u8]) -> Result<Value, Failure> {
    let doing = "sign with the SSH key";
    let signature = key
        .sign(NAMESPACE, HashAlg::Sha512, &pre_authentication(signed))
        .or_fail(Exit::NotPermitted, doing)?;
    let mut blob = Vec::new();
    signature.encode(&mut blob).or_fail(Exit::Internal, doing)?;
    let text = |text: String| Value::Str(text);
    let object = |members: Vec<(&str, Value)>| {
        Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    Ok(object(vec![
        ("payloadType", text(PAYLOAD_TYPE.to_owned())),
        ("payload", text(STANDARD.encode(payload))),
        ("signatures", Value::Array(vec![object(vec![("sig", text(STANDARD.encode(blob)))])])),
    ]))
}

/// Reads a private key that only its owner can read, and that needs no passphrase (77).
fn private_key(host: &Host, file: &Path) -> Result<PrivateKey, Failure> {
    let doing = || format!("use the SSH key {}", file.display());
    let (about, bytes) = host.read_plain(file, LARGEST_KEY).or_fail(Exit::NotPermitted, doing())?;
    let bytes = Zeroizing::new(bytes);
    let refuse = |why: String, hint: String| {
        Err(Failure::new(Exit::NotPermitted, doing()).because(why).hint(hint))
    };
    if about.mode & 0o077 != 0 {
        let why = format!("its mode is {:04o}; nobody but its owner may read it", about.mode);
        return refuse(why, format!("chmod 0600 {}", file.display()));
    }
    let make = "ssh-keygen -t ed25519 -N '' makes one".to_owned();
    match PrivateKey::from_openssh(bytes.as_slice()) {
        Err(err) => refuse(format!("it is no OpenSSH private key: {err}"), make),
        Ok(key) if key.algorithm() != Algorithm::Ed25519 => {
            refuse(format!("it is {}, not ssh-ed25519", key.algorithm()), make)
        }
        Ok(key) if key.is_encrypted() => {
            let hint = "nothing here asks for one: use a key without";
            refuse("it needs a passphrase".to_owned(), hint.to_owned())
        }
        Ok(key) => Ok(key),
    }
}
