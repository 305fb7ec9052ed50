//! Finds secrets and keeps them: never prompts, never shows a value.
//!
//! [`registry`] says which names exist, [`resolve`] looks in the documented order, [`store`] writes,
//! [`rotation`] is the two-slot window of the bridge secret. What a text or file must be like is
//! judged in `decide`.

mod decide;
pub mod fingerprint;
pub mod keychain;
pub mod registry;
pub mod resolve;
pub mod rotation;
pub mod store;

use std::fmt;
use std::path::{Path, PathBuf};

use ops_core::host::Host;
use ops_core::time::Timestamp;
use zeroize::Zeroizing;

pub use registry::{Format, Key, Registry};
pub use resolve::Resolver;

/// Where secrets are kept as files unless told otherwise.
pub const SYSTEM_FOLDER: &str = "/etc/ai-ops-runner/secrets";

/// The largest secret that is read, in bytes.
pub const LARGEST: u64 = 64 * 1024;

/// A secret's text: wiped from memory on drop, with neither `Debug` nor `Display` of the value.
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    source: Source,
    since: Option<Timestamp>,
}

/// Where a secret was found, in the order in which they are asked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// An environment variable.
    Environment,
    /// `$CREDENTIALS_DIRECTORY`, which systemd fills.
    Credential,
    /// The platform's keychain.
    Keychain,
    /// The secrets folder.
    File,
}

impl Source {
    /// All of them, in the order in which they are asked.
    pub const ORDER: [Self; 4] = [Self::Environment, Self::Credential, Self::Keychain, Self::File];

    /// What `key print-source` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "env",
            Self::Credential => "credential",
            Self::Keychain => "keychain",
            Self::File => "file",
        }
    }
}

impl Secret {
    /// A secret from bytes that a person or a generator gave, held to the rules of its format.
    ///
    /// # Errors
    /// What is wrong with it; never the value.
    pub fn new(bytes: &[u8], format: Format) -> Result<Self, &'static str> {
        let text = decide::text(bytes, format)?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), source: Source::File, since: None })
    }

    /// A secret that came in by the environment, already read.
    pub fn from_environment(text: &str) -> Self {
        let text = Zeroizing::new(text.to_owned());
        Self { text, source: Source::Environment, since: None }
    }

    /// The value. Whoever calls this must not let it reach argv, a log, a message or a file.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Where it was found.
    pub fn source(&self) -> Source {
        self.source
    }

    /// When it was last written, where its source tells.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether two secrets are the same, told in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(*** from {:?})", self.source)
    }
}

/// The folder of secret files: what was asked for, `AIOPS_SECRETS_DIR`, or the system's.
pub fn folder(host: &Host, asked: Option<&Path>) -> PathBuf {
    let named = host.env("AIOPS_SECRETS_DIR").map(PathBuf::from);
    asked.map(Path::to_path_buf).or(named).unwrap_or_else(|| SYSTEM_FOLDER.into())
}
