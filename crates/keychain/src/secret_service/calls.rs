//! The few calls of the Secret Service that are used. `Unlock` and `Prompt` are not among them:
//! whatever would need a dialog is dismissed.
//!
//! Names and signatures: freedesktop.org, "Secret Service API Draft", version 0.2.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;

use secrets::keychain::SERVICE;
use zbus::connection::{AuthMechanism, Builder};
use zbus::message::Body;
use zbus::wire::{DynamicDeserialize, DynamicType};
use zbus::{Array, Connection, DBusError, Message, ObjectPath, OwnedObjectPath, Variant, fdo};
use zeroize::Zeroizing;

use super::cipher::{ALGORITHM, Key, Offer};
use crate::limit::Trouble;

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE_INTERFACE: &str = "org.freedesktop.Secret.Service";
const COLLECTION_INTERFACE: &str = "org.freedesktop.Secret.Collection";
const ITEM_INTERFACE: &str = "org.freedesktop.Secret.Item";
const PROMPT_INTERFACE: &str = "org.freedesktop.Secret.Prompt";
const IS_LOCKED: &str = "org.freedesktop.Secret.Error.IsLocked";
const PROPERTIES_INTERFACE: &str = "org.freedesktop.DBus.Properties";

/// Where the specification says "no object".
const NO_OBJECT: &str = "/";

/// A session with the service.
pub(crate) struct Service {
    bus: Connection,
    session: OwnedObjectPath,
    key: Key,
}

/// What a search found.
pub(crate) struct Matches {
    /// Entries that can be read, newest first.
    pub(crate) unlocked: Vec<OwnedObjectPath>,
    /// Entries that are there and cannot.
    pub(crate) locked: Vec<OwnedObjectPath>,
}

/// The collection that new entries go to.
pub(crate) enum Default {
    /// There is none.
    None,
    /// It is locked.
    Locked,
    /// It takes entries.
    Open(OwnedObjectPath),
}

impl Service {
    /// Opens a session over a connected socket. The bus may start the service for this.
    pub(crate) async fn open(socket: UnixStream) -> Result<Self, Trouble> {
        let bus = Builder::unix_stream(socket)
            .auth_mechanism(AuthMechanism::External)
            .build()
            .await
            .map_err(|err| trouble(&err, "connecting to the session bus"))?;
        let offer = Offer::new(&random()?);
        let asked = (ALGORITHM, Variant::new(Array::from(offer.public())));
        let call = send(&bus, ROOT, SERVICE_INTERFACE, "OpenSession", &asked).await;
        let reply = call.map_err(|err| {
            absent(&err)
                .unwrap_or_else(|| trouble(&err, "opening a session with the Secret Service"))
        })?;
        let body = reply.body();
        let (theirs, session): (Variant<'_>, OwnedObjectPath) =
            body.deserialize().map_err(|_| nonsense())?;
        let theirs: Vec<u8> = bare(theirs)?;
        let key = offer.key(&theirs).ok_or_else(nonsense)?;
        Ok(Self { bus, session, key })
    }

    /// The entries of an account under a service name.
    pub(crate) async fn search(&self, service: &str, account: &str) -> Result<Matches, Trouble> {
        let wanted = attributes(service, account);
        let reply = self.call(ROOT, SERVICE_INTERFACE, "SearchItems", &wanted).await?;
        let (paths, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = read(&reply.body())?;
        let mut dated = Vec::with_capacity(paths.len());
        let alone = paths.len() == 1;
        for path in paths {
            // Whole seconds since the epoch.
            let modified: u64 =
                if alone { 0 } else { self.property(&path, ITEM_INTERFACE, "Modified").await? };
            dated.push((modified, path));
        }
        // Within one second the later name counts as newer: services number their items.
        dated.sort_by(|(at, path), (other_at, other)| {
            let rank = |path: &OwnedObjectPath| (path.as_str().len(), path.as_str().to_owned());
            other_at.cmp(at).then_with(|| rank(other).cmp(&rank(path)))
        });
        let unlocked = dated.into_iter().map(|(_, path)| path).collect();
        Ok(Matches { unlocked, locked })
    }

    /// The value of an unlocked entry.
    pub(crate) async fn secret(
        &self,
        item: &ObjectPath<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let reply = self.call(item.as_str(), ITEM_INTERFACE, "GetSecret", &self.session).await?;
        let body = reply.body();
        // The session needs no look: nothing of another one opens with this key.
        let (_session, start, sealed, _kind): (ObjectPath<'_>, Vec<u8>, Vec<u8>, &str) =
            body.deserialize().map_err(|_| nonsense())?;
        self.key.open(&start, &sealed).ok_or_else(nonsense)
    }

    /// The collection for new entries, and whether it takes any.
    pub(crate) async fn default_collection(&self) -> Result<Default, Trouble> {
        let reply = self.call(ROOT, SERVICE_INTERFACE, "ReadAlias", &"default").await?;
        let path: OwnedObjectPath = read(&reply.body())?;
        if path.as_str() == NO_OBJECT {
            return Ok(Default::None);
        }
        let locked: bool = self.property(&path, COLLECTION_INTERFACE, "Locked").await?;
        Ok(if locked { Default::Locked } else { Default::Open(path) })
    }

    /// Makes a new entry beside any older one.
    pub(crate) async fn create(
        &self,
        collection: &ObjectPath<'_>,
        account: &str,
        value: &[u8],
    ) -> Result<OwnedObjectPath, Trouble> {
        let start = *random()?;
        let sealed = self.key.seal(&start, value);
        let label = format!("{SERVICE}: {account}");
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::new(label.as_str())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::new(attributes(SERVICE, account))),
        ]);
        let kind = match std::str::from_utf8(value) {
            Ok(_) => "text/plain; charset=utf8",
            Err(_) => "application/octet-stream",
        };
        let secret = (&self.session, &start[..], &sealed[..], kind);
        let asked = (properties, secret, false);
        let reply =
            self.call(collection.as_str(), COLLECTION_INTERFACE, "CreateItem", &asked).await?;
        let (item, prompt): (OwnedObjectPath, OwnedObjectPath) = read(&reply.body())?;
        self.refuse(&prompt).await?;
        if item.as_str() == NO_OBJECT {
            return Err(nonsense());
        }
        Ok(item)
    }

    /// Deletes an unlocked entry.
    pub(crate) async fn delete(&self, item: &ObjectPath<'_>) -> Result<(), Trouble> {
        let reply = self.call(item.as_str(), ITEM_INTERFACE, "Delete", &()).await?;
        let prompt: OwnedObjectPath = read(&reply.body())?;
        self.refuse(&prompt).await
    }

    /// Dismisses a dialog that the service would like to open.
    async fn refuse(&self, prompt: &ObjectPath<'_>) -> Result<(), Trouble> {
        if prompt.as_str() == NO_OBJECT {
            return Ok(());
        }
        self.call(prompt.as_str(), PROMPT_INTERFACE, "Dismiss", &()).await?;
        Err(Trouble::Locked("the Secret Service wanted to open a dialog for this".to_owned()))
    }

    async fn property<T>(
        &self,
        path: &ObjectPath<'_>,
        interface: &str,
        name: &str,
    ) -> Result<T, Trouble>
    where
        T: for<'v> TryFrom<Variant<'v>>,
    {
        let asked = (interface, name);
        let reply = self.call(path.as_str(), PROPERTIES_INTERFACE, "Get", &asked).await?;
        let body = reply.body();
        let value: Variant<'_> = body.deserialize().map_err(|_| nonsense())?;
        bare(value)
    }

    async fn call<B>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<Message, Trouble>
    where
        B: serde::Serialize + DynamicType,
    {
        let sent = send(&self.bus, path, interface, method, body).await;
        sent.map_err(|err| trouble(&err, &format!("{method} of the Secret Service")))
    }
}

async fn send<B>(
    bus: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    body: &B,
) -> Result<Message, zbus::Error>
where
    B: serde::Serialize + DynamicType,
{
    bus.call_method(Some(NAME), path, Some(interface), method, body).await
}

/// Reads a reply's body, which must be exactly of this shape.
fn read<T>(body: &Body) -> Result<T, Trouble>
where
    T: for<'b> DynamicDeserialize<'b>,
{
    body.deserialize().map_err(|_| nonsense())
}

fn bare<'v, T: TryFrom<Variant<'v>>>(value: Variant<'v>) -> Result<T, Trouble> {
    T::try_from(value).map_err(|_| nonsense())
}

fn nonsense() -> Trouble {
    Trouble::Failed("the Secret Service answered with something else than it should".to_owned())
}

/// Whether a failure to reach the service means that there is none, and none can be started.
fn absent(err: &zbus::Error) -> Option<Trouble> {
    let zbus::Error::FDO(named) = err else { return None };
    matches!(**named, fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_))
        .then(|| Trouble::Absent("the session bus has no Secret Service".to_owned()))
}

/// What a failed call means. Only the error's name is told: its text comes from the service.
fn trouble(err: &zbus::Error, doing: &str) -> Trouble {
    let name = match err {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(named) => named.name().to_string(),
        zbus::Error::InputOutput(err) => err.kind().to_string(),
        zbus::Error::Handshake(_) => "the bus did not let us in".to_owned(),
        _ => "no valid D-Bus".to_owned(),
    };
    if name == IS_LOCKED {
        return Trouble::Locked("the Secret Service says that it is locked".to_owned());
    }
    Trouble::Failed(format!("{doing} failed: {name}"))
}

fn attributes<'a>(service: &'a str, account: &'a str) -> HashMap<&'a str, &'a str> {
    HashMap::from([("service", service), ("account", account)])
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Trouble> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..])
        .map_err(|_| Trouble::Failed("the kernel gave no random bytes".to_owned()))?;
    Ok(bytes)
}
