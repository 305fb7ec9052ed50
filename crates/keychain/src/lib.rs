//! Asks the platform's keychain: the Secret Service on Linux, the Keychain on macOS.
//!
//! No call opens a dialog, unlocks anything or takes longer than [`LIMIT`]. A crate of its own, so
//! that what only reads files (a server) links none of it.

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod limit;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod nothing;
#[cfg(target_os = "linux")]
mod secret_service;

use std::time::Duration;

use ops_host::host::Host;
use secrets::keychain::Keychain;

/// How long one call may take, from connecting to the answer.
pub const LIMIT: Duration = Duration::from_secs(2);

/// The keychain of this platform. Connects to nothing; each call does so for itself.
///
/// Linux: the Secret Service on the bus that `DBUS_SESSION_BUS_ADDRESS` names, else on
/// `$XDG_RUNTIME_DIR/bus`; with neither there is none. macOS: the user's default keychain.
/// Elsewhere: one that is always absent.
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_variables, reason = "only a bus has an address")
)]
pub fn platform(host: &Host) -> Box<dyn Keychain> {
    #[cfg(target_os = "linux")]
    return Box::new(secret_service::SecretService::new(
        host.env("DBUS_SESSION_BUS_ADDRESS"),
        host.env("XDG_RUNTIME_DIR"),
    ));
    #[cfg(target_os = "macos")]
    return Box::new(macos::LoginKeychain);
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    return Box::new(nothing::NoKeychain);
}
