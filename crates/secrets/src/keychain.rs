//! What a platform's keychain can answer. The implementations live in the `keychain` crate, so that
//! a binary which only reads files links none of them.

use std::fmt::Debug;

use zeroize::Zeroizing;

/// The service under which secrets are stored; the account is the environment name.
pub const SERVICE: &str = "ai-ops-runner";

/// The service of older installs; its entries are moved over on first access.
pub const OLDER_SERVICE: &str = "ai-ops-runner-openai";

/// What a keychain said.
#[derive(Clone)]
pub enum Answer {
    /// The value.
    Found(Zeroizing<Vec<u8>>),
    /// It was asked and holds no such entry.
    Missing,
    /// There is no keychain here: no bus, no service, a platform without one. Why.
    Absent(String),
    /// It holds the entry, or may hold it, but is locked. Never a reason to look further. Why.
    Locked(String),
    /// It is there and did not answer as it should, or not in time. Never a reason to look
    /// further. Why.
    Failed(String),
}

impl Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(_) => f.write_str("Found(***)"),
            Self::Missing => f.write_str("Missing"),
            Self::Absent(why) => write!(f, "Absent({why})"),
            Self::Locked(why) => write!(f, "Locked({why})"),
            Self::Failed(why) => write!(f, "Failed({why})"),
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// It was made, and read back.
    Done,
    /// Nothing was there to delete.
    Nothing,
    /// It is not known to be made. Why. The old value is as it was, unless time ran out: then the
    /// keychain may still have made it.
    Refused(String),
}

/// A keychain. No call prompts, and none takes longer than two seconds.
pub trait Keychain: Debug {
    /// Its name for people: `Secret Service`, `macOS Keychain`.
    fn name(&self) -> &'static str;

    /// Looks an account up under [`SERVICE`]; an entry of [`OLDER_SERVICE`] is moved over first:
    /// written, read back, and only then deleted there.
    fn get(&self, account: &str) -> Answer;

    /// Stores a value, replacing an older one only when the new one reads back.
    fn set(&self, account: &str, value: &[u8]) -> Change;

    /// Deletes the entry under either service.
    fn delete(&self, account: &str) -> Change;
}
