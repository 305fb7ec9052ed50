//! What the tests of the Secret Service share.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part of this")]

use jiff::Timestamp;
use ops_host::host::Host;
use secrets::keychain::{Answer, Change, Keychain};
use session_bus::SessionBus;

/// The keychain of a host with this environment.
pub(crate) fn nowhere(env: &[(&str, &str)]) -> Box<dyn Keychain> {
    let host = Host::with(env.iter().copied(), Timestamp::UNIX_EPOCH);
    keychain::platform(&host).expect("this platform has one")
}

/// The keychain on a bus.
pub(crate) fn at(bus: &SessionBus) -> Box<dyn Keychain> {
    nowhere(&[("DBUS_SESSION_BUS_ADDRESS", &bus.address())])
}

/// A bus with an unlocked keyring, unless that cannot be had here.
pub(crate) fn keyring() -> Option<SessionBus> {
    told(SessionBus::with_keyring())
}

/// A bus without any service, unless that cannot be had here.
pub(crate) fn empty() -> Option<SessionBus> {
    told(SessionBus::start())
}

fn told(bus: Result<SessionBus, String>) -> Option<SessionBus> {
    bus.inspect_err(|why| skipped::told(skipped::this_test(), why)).ok()
}

/// The value that was found.
#[track_caller]
pub(crate) fn found(answer: &Answer) -> &[u8] {
    match answer {
        Answer::Found(value) => value,
        other => panic!("not found: {other:?}"),
    }
}

/// Why a change was refused.
#[track_caller]
pub(crate) fn refused(change: &Change) -> &str {
    match change {
        Change::Refused(why) => why,
        other => panic!("not refused: {other:?}"),
    }
}
