//! Platforms without a keychain that is known here.

use secrets::keychain::{Answer, Change, Keychain};

/// Always absent.
#[derive(Debug)]
pub(crate) struct NoKeychain;

const WHY: &str = "this platform has no keychain that is known here";

impl Keychain for NoKeychain {
    fn name(&self) -> &'static str {
        "keychain"
    }

    fn get(&self, _account: &str) -> Answer {
        Answer::Absent(WHY.to_owned())
    }

    fn set(&self, _account: &str, _value: &[u8]) -> Change {
        Change::Refused(WHY.to_owned())
    }

    fn delete(&self, _account: &str) -> Change {
        Change::Nothing
    }
}
