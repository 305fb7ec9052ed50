//! The answers as data. None holds a value but the one that `emit-env` prints.

mod changed;
mod examined;
mod rotated;
mod standing;

use schemars::JsonSchema;
use secrets::Source;
use serde::{Deserialize, Serialize};

pub use changed::{Deletion, Gone, Migrated, MovedFile, PlaceLeft, Public, Stored, Took};
pub use examined::{Examination, Examined, Found, Passed, Scanned, Verdict};
pub use rotated::{Rotated, Turn};
pub use standing::{Listing, Origin, Standing, Status};

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// An environment variable.
    Env,
    /// systemd's credentials.
    Credential,
    /// The platform's keychain.
    Keychain,
    /// The secrets folder.
    File,
    /// Nowhere.
    None,
}

impl Where {
    /// Its name, as `key print-source` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Env => Source::Environment.name(),
            Self::Credential => Source::Credential.name(),
            Self::Keychain => Source::Keychain.name(),
            Self::File => Source::File.name(),
            Self::None => "none",
        }
    }
}

impl From<Source> for Where {
    fn from(source: Source) -> Self {
        match source {
            Source::Environment => Self::Env,
            Source::Credential => Self::Credential,
            Source::Keychain => Self::Keychain,
            Source::File => Self::File,
        }
    }
}
