//! The keys of a bridge: the shared secret's two slots, and the clients' public keys.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::Timestamp;
use secrets::rotation::{Phase, Rotation};
use secrets::{Key, Registry, Resolver, Secret};
use sha2::Sha256;
use ssh_key::PublicKey;

use crate::settings::{Capability, Settings};

pub use secrets::rotation::Slot;

/// The secret that writers sign with.
const CURRENT: &str = "bridge_hmac";

/// Whatever may have signed a document.
#[derive(Debug, Default)]
pub struct Keyring {
    current: Option<Secret>,
    next: Option<Secret>,
    rotation: Option<Rotation>,
    clients: Vec<ClientKey>,
    /// The secrets folder that was asked for.
    folder: Option<PathBuf>,
    /// The files that the secrets may come from, as they were when they were read.
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

/// What tells whether a file was replaced or written: its inode and its change time.
type Stamp = (u64, i128);

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
        let registry = Registry::load(context)?;
        let resolver = Resolver::new(&context.host, &registry, folder);
        let current = registry.key(CURRENT)?;
        let next = current.next.as_deref().map(|next| registry.key(next)).transpose()?;
        let seen = stamps(&context.host, &resolver, current, next);
        let find = |key: &Key| {
            let found = resolver.find(key)?;
            if let Some(secret) = &found {
                context.learn_secret(secret.expose());
            }
            Ok::<_, Failure>(found)
        };
        let ring = Self {
            current: find(current)?,
            next: next.map(find).transpose()?.flatten(),
            rotation: resolver.rotation(current)?,
            clients: settings.clients.iter().map(client_key).collect::<Result<_, _>>()?,
            folder: secrets_folder.map(Path::to_path_buf),
            seen,
        };
        ring.phase(context.host.now()).or_fail(
            Exit::NotPermitted,
            format!("use the record {}", resolver.rotation_path(current).display()),
        )?;
        if ring.current.is_none() && ring.next.is_none() && ring.clients.is_empty() {
            let folder = resolver.folder().display();
            return Err(Failure::new(
                Exit::NotPermitted,
                "sign or verify commands: no key is known",
            )
            .because(format!("bridge_hmac is nowhere: {}", resolver.places(current).join(", ")))
            .hint(format!(
                "store the shared secret in {folder}/bridge_hmac with mode 0600, or set BRIDGE_HMAC"
            )));
        }
        Ok(ring)
    }

    /// Loads everything anew when a file that the secrets come from changed since they were read.
    ///
    /// # Errors
    /// As [`Keyring::load`]; the ring is then as it was.
    pub fn refresh(&mut self, context: &Context, settings: &Settings) -> Result<(), Failure> {
        if self.seen.iter().any(|(path, then)| stamp(&context.host, path) != *then) {
            *self = Self::load(context, settings, self.folder.clone().as_deref())?;
        }
        Ok(())
    }

    /// A ring of two given secrets, without clients.
    #[cfg(test)]
    pub(crate) fn for_tests(current: &str, next: Option<&str>) -> Self {
        Self {
            current: Some(Secret::from_environment(current)),
            next: next.map(Secret::from_environment),
            rotation: next.map(|_| Rotation::begin(CURRENT, Timestamp::UNIX_EPOCH, 100)),
            ..Self::default()
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

    /// How far the rotation of the shared secret is. Without a record none is under way, and what
    /// lies in the second slot counts for nothing.
    fn phase(&self, now: Timestamp) -> Result<Phase, String> {
        self.rotation.as_ref().map_or(Ok(Phase::Idle), |rotation| rotation.phase(now))
    }

    fn held(&self, slot: Slot) -> Option<&Secret> {
        match slot {
            Slot::Current => self.current.as_ref(),
            Slot::Next => self.next.as_ref(),
        }
    }

    /// The secret that writers sign with: the current one, and the next one once it is promoted.
    pub fn signing(&self, now: Timestamp) -> Option<&Secret> {
        self.held(self.phase(now).ok()?.signs())
    }

    /// Which slots hold a secret, what counts of them now, and how many clients there are: for the
    /// banner.
    pub fn summary(&self, now: Timestamp) -> Vec<String> {
        let phase = self.phase(now);
        let mut told: Vec<String> = [Slot::Current, Slot::Next]
            .into_iter()
            .filter_map(|slot| Some((slot, self.held(slot)?)))
            .map(|(slot, secret)| {
                let accepted = phase.as_ref().is_ok_and(|phase| phase.accepts(slot));
                let counts = if accepted { "" } else { ", not accepted now" };
                format!("{} (from {}{counts})", slot.name(), secret.source().name())
            })
            .collect();
        if !self.clients.is_empty() {
            told.push(format!("{} client keys", self.clients.len()));
        }
        told
    }

    /// The slot whose secret made this tag over `message`, if any that is accepted now. Constant
    /// time.
    pub fn slot(&self, message: &[u8], tag: &[u8], now: Timestamp) -> Option<Slot> {
        let phase = self.phase(now).ok()?;
        let matches = |secret: &Secret| mac(secret.expose(), message).verify_slice(tag).is_ok();
        [Slot::Current, Slot::Next]
            .into_iter()
            .filter(|slot| phase.accepts(*slot))
            .find(|slot| self.held(*slot).is_some_and(matches))
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

/// Taken before the files are read: what changes in between is read anew, not missed.
fn stamps(
    host: &Host,
    resolver: &Resolver<'_>,
    current: &Key,
    next: Option<&Key>,
) -> Vec<(PathBuf, Option<Stamp>)> {
    let secrets = [Some(current), next].into_iter().flatten();
    let files = secrets.map(|key| resolver.folder().join(key.file()));
    let files = files.chain([resolver.rotation_path(current)]);
    files.map(|path| (path.clone(), stamp(host, &path))).collect()
}

fn stamp(host: &Host, path: &Path) -> Option<Stamp> {
    host.look(path).ok().flatten().map(|entry| (entry.inode, entry.changed_ns))
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
