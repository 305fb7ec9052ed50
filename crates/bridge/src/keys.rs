//! The keys of a bridge: the shared secret's two slots, and the clients' public keys.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use secrets::Secret;
use sha2::Sha256;
use ssh_key::PublicKey;

use crate::settings::{Capability, Settings};

/// Which slot of the shared secret signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Slot {
    /// `bridge_hmac`.
    Current,
    /// `bridge_hmac_next`, accepted while a rotation is under way.
    Next,
}

impl Slot {
    /// The name that evidence carries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
        }
    }
}

/// Whatever may have signed a document.
#[derive(Debug, Default)]
pub struct Keyring {
    current: Option<Secret>,
    next: Option<Secret>,
    clients: Vec<ClientKey>,
}

/// A client of version 2 documents.
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// The targets it may name.
    pub targets: Vec<String>,
    /// What it may do there.
    pub actions: Vec<Capability>,
}

impl Keyring {
    /// Resolves the secrets and reads the clients' keys; every secret is made known to the redactor.
    ///
    /// # Errors
    /// Exit 77 when a secret is there but unusable or when nothing could sign at all, 78 when a
    /// client's key does not parse.
    pub fn load(
        context: &Context,
        settings: &Settings,
        secrets_folder: Option<&Path>,
    ) -> Result<Self, Failure> {
        let folder = secrets::folder(&context.host, secrets_folder);
        let find = |name: &str, environment: &[&str]| {
            let found = secrets::resolve(&context.host, name, environment, &folder)?;
            if let Some(secret) = &found {
                context.learn_secret(secret.expose());
            }
            Ok::<_, Failure>(found)
        };
        let ring = Self {
            current: find("bridge_hmac", &["BRIDGE_HMAC", "GPT_BRIDGE_HMAC_SECRET"])?,
            next: find("bridge_hmac_next", &["BRIDGE_HMAC_NEXT"])?,
            clients: settings.clients.iter().map(client_key).collect::<Result<_, _>>()?,
        };
        if ring.current.is_none() && ring.next.is_none() && ring.clients.is_empty() {
            return Err(Failure::new(
                Exit::NotPermitted,
                "sign or verify commands: no key is known",
            )
            .because(format!(
                "bridge_hmac is neither in the environment nor in {}",
                folder.display()
            ))
            .hint(format!(
                "store the shared secret in {}/bridge_hmac with mode 0600, or set BRIDGE_HMAC",
                folder.display()
            )));
        }
        Ok(ring)
    }

    /// A ring of two given secrets, without clients.
    #[cfg(test)]
    pub(crate) fn for_tests(current: &str, next: Option<&str>) -> Self {
        Self {
            current: Some(Secret::from_environment(current)),
            next: next.map(Secret::from_environment),
            clients: vec![],
        }
    }

    /// A ring of clients' keys alone.
    ///
    /// # Errors
    /// Exit 78 when a key does not parse.
    pub fn of_clients(clients: &[crate::settings::Client]) -> Result<Self, Failure> {
        let clients = clients.iter().map(client_key).collect::<Result<_, _>>()?;
        Ok(Self { clients, ..Self::default() })
    }

    /// The secret that writers sign with: the current one.
    pub fn signing(&self) -> Option<&Secret> {
        self.current.as_ref().or(self.next.as_ref())
    }

    /// Which slots hold a secret, and how many clients there are, for the banner.
    pub fn summary(&self) -> Vec<String> {
        let slots = [("current", &self.current), ("next", &self.next)];
        let mut told: Vec<String> = slots
            .into_iter()
            .filter_map(|(name, slot)| Some((name, slot.as_ref()?)))
            .map(|(name, secret)| format!("{name} (from {:?})", secret.source()).to_lowercase())
            .collect();
        if !self.clients.is_empty() {
            told.push(format!("{} client keys", self.clients.len()));
        }
        told
    }

    /// The slot whose secret made this tag over `message`, if any. Constant time.
    pub fn slot(&self, message: &[u8], tag: &[u8]) -> Option<Slot> {
        let slots = [(Slot::Current, &self.current), (Slot::Next, &self.next)];
        let matches = |secret: &Secret| mac(secret.expose(), message).verify_slice(tag).is_ok();
        slots.into_iter().find(|(_, secret)| secret.as_ref().is_some_and(matches)).map(|it| it.0)
    }

    /// The client of this name.
    pub fn client(&self, name: &str) -> Option<&ClientKey> {
        self.clients.iter().find(|client| client.name == name)
    }
}

/// The base64 tag that version 1 documents carry: the key is the text's own bytes.
pub fn tag(secret: &Secret, message: &[u8]) -> String {
    STANDARD.encode(mac(secret.expose(), message).finalize().into_bytes())
}

fn mac(secret: &str, message: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(message);
    mac
}

fn client_key(client: &crate::settings::Client) -> Result<ClientKey, Failure> {
    let refuse = |why: String| {
        Failure::new(Exit::Config, format!("use the public key of client {:?}", client.name))
            .because(why)
            .hint("an OpenSSH line is wanted: ssh-ed25519 AAAA…")
    };
    let key = PublicKey::from_openssh(&client.public_key).map_err(|err| refuse(err.to_string()))?;
    if key.algorithm() != ssh_key::Algorithm::Ed25519 {
        return Err(refuse(format!("it is {}, not ssh-ed25519", key.algorithm())));
    }
    Ok(ClientKey {
        name: client.name.clone(),
        key,
        targets: client.targets.clone(),
        actions: client.actions.clone(),
    })
}
