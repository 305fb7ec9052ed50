//! What tests ask of a bus and its keyring.

use std::collections::HashMap;

use serde::Serialize;
use zbus::wire::{DynamicType, Type};
use zbus::{Connection, Message, OwnedObjectPath, Variant, block_on};

pub(crate) const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";

/// The collection that a keyring keeps in memory only.
pub(crate) const ASIDE: &str = "/org/freedesktop/secrets/collection/session";

pub(crate) async fn connection(address: &str) -> zbus::Result<Connection> {
    zbus::connection::Builder::address(address).build().await
}

fn call<B: Serialize + DynamicType>(
    address: &str,
    to: (&str, &str, &str),
    method: &str,
    body: &B,
) -> zbus::Result<Message> {
    let (name, path, interface) = to;
    block_on(async {
        connection(address)
            .await?
            .call_method(Some(name), path, Some(interface), method, body)
            .await
    })
}

const BUS: (&str, &str, &str) =
    ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus");

pub(crate) fn answers(address: &str) -> bool {
    call(address, BUS, "GetId", &()).is_ok()
}

pub(crate) fn reload(address: &str) {
    call(address, BUS, "ReloadConfig", &()).expect("the bus reads its services");
}

pub(crate) fn has_service(address: &str) -> bool {
    call(address, BUS, "NameHasOwner", &NAME)
        .and_then(|reply| reply.body().deserialize())
        .expect("the bus answers")
}

fn default_collection(address: &str) -> Option<OwnedObjectPath> {
    let reply = call(address, (NAME, ROOT, SERVICE), "ReadAlias", &"default").ok()?;
    let path: OwnedObjectPath = reply.body().deserialize().ok()?;
    (path.as_str() != "/").then_some(path)
}

/// Whether there is a default collection that is unlocked.
pub(crate) fn is_open(address: &str) -> bool {
    if !has_service(address) {
        return false;
    }
    let Some(collection) = default_collection(address) else { return false };
    let to = (NAME, collection.as_str(), "org.freedesktop.DBus.Properties");
    let asked = ("org.freedesktop.Secret.Collection", "Locked");
    let Ok(reply) = call(address, to, "Get", &asked) else { return false };
    let body = reply.body();
    matches!(body.deserialize(), Ok(Variant::Bool(false)))
}

pub(crate) fn lock(address: &str) {
    let collection = default_collection(address).expect("there is a default collection");
    let reply = call(address, (NAME, ROOT, SERVICE), "Lock", &vec![collection]);
    let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) =
        reply.and_then(|reply| reply.body().deserialize()).expect("it can be locked");
    assert_eq!(locked.len(), 1);
}

/// Asks for a dialog. Its connection stays, because a prompt ends with who asked for it.
pub(crate) fn prompt(address: &str) {
    let collection = default_collection(address).expect("there is a default collection");
    block_on(async {
        let bus = connection(address).await?;
        let reply =
            bus.call_method(Some(NAME), ROOT, Some(SERVICE), "Unlock", &vec![collection]).await?;
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = reply.body().deserialize()?;
        let interface = Some("org.freedesktop.Secret.Prompt");
        bus.call_method(Some(NAME), prompt.as_str(), interface, "Prompt", &"").await
    })
    .expect("the keyring asks for a dialog");
}

/// A secret as it travels: session, parameters, value, content type.
#[derive(Serialize, Type)]
struct Secret<'a>(&'a zbus::ObjectPath<'a>, &'a [u8], &'a [u8], &'a str);

pub(crate) fn store(
    address: &str,
    aside: Option<&str>,
    service: &str,
    account: &str,
    value: &[u8],
) {
    let default =
        || default_collection(address).expect("there is a default collection").to_string();
    let collection = aside.map_or_else(default, ToOwned::to_owned);
    let attributes = HashMap::from([("service", service), ("account", account)]);
    block_on(async {
        let bus = connection(address).await?;
        let asked = ("plain", Variant::new(""));
        let reply = bus.call_method(Some(NAME), ROOT, Some(SERVICE), "OpenSession", &asked).await?;
        let body = reply.body();
        let (_, session): (Variant<'_>, OwnedObjectPath) = body.deserialize()?;
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::new("stored by a test")),
            ("org.freedesktop.Secret.Item.Attributes", Variant::new(attributes)),
        ]);
        let asked = (properties, Secret(&session, &[], value, "text/plain"), false);
        let interface = Some("org.freedesktop.Secret.Collection");
        bus.call_method(Some(NAME), collection.as_str(), interface, "CreateItem", &asked).await
    })
    .expect("the keyring stores");
}

pub(crate) fn count(address: &str, service: &str, account: &str) -> usize {
    let attributes = HashMap::from([("service", service), ("account", account)]);
    let reply = call(address, (NAME, ROOT, SERVICE), "SearchItems", &attributes);
    let (unlocked, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
        reply.and_then(|reply| reply.body().deserialize()).expect("the keyring searches");
    unlocked.len() + locked.len()
}
