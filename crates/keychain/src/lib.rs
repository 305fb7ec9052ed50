//! Asks the platform's keychain: the Secret Service on Linux, the Keychain on macOS.
//!
//! No call opens a dialog, unlocks anything or takes longer than [`LIMIT`]. A crate of its own, so
//! that what only reads files (a server) links none of it.

#[cfg(all(feature = "store", any(target_os = "linux", target_os = "macos")))]
mod limit;
#[cfg(all(feature = "store", target_os = "macos"))]
mod macos;
#[cfg(all(feature = "store", target_os = "linux"))]
mod secret_service;

use std::time::Duration;

use ops_host::host::Host;
use secrets::keychain::Keychain;

/// How long one call may take, from connecting to the answer.
pub const LIMIT: Duration = Duration::from_secs(2);

/// The keychain of this platform; `None` where none is known, and in a build without the feature
/// `store`. Connects to nothing; each call does so for itself.
///
/// Linux: the Secret Service on the bus that `DBUS_SESSION_BUS_ADDRESS` names, else on
/// `$XDG_RUNTIME_DIR/bus`. macOS: the user's default keychain.
#[cfg(all(feature = "store", target_os = "linux"))]
pub fn platform(host: &Host) -> Option<Box<dyn Keychain>> {
    let bus = host.env("DBUS_SESSION_BUS_ADDRESS");
    Some(Box::new(secret_service::SecretService::new(bus, host.env("XDG_RUNTIME_DIR"))))
}

/// The user's default keychain.
#[cfg(all(feature = "store", target_os = "macos"))]
pub fn platform(_host: &Host) -> Option<Box<dyn Keychain>> {
    Some(Box::new(macos::LoginKeychain))
}

/// None is known here.
#[cfg(not(all(feature = "store", any(target_os = "linux", target_os = "macos"))))]
pub fn platform(_host: &Host) -> Option<Box<dyn Keychain>> {
    None
}
