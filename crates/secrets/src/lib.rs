//! Finds secrets: environment, systemd credential, file. Never prompts, never shows a value.
//!
//! Observing is [`resolve`]; what a found text or file must be like is judged in `decide`.

mod decide;
pub mod keychain;

use std::fmt;
use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use zeroize::Zeroizing;

/// Where secrets are kept as files unless told otherwise.
pub const SYSTEM_FOLDER: &str = "/etc/ai-ops-runner/secrets";

/// The largest secret that is read, in bytes.
const LARGEST: u64 = 64 * 1024;

/// A secret's text: wiped from memory on drop, with neither `Debug` nor `Display` of the value.
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    source: Source,
}

/// Where a secret was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// An environment variable.
    Environment,
    /// `$CREDENTIALS_DIRECTORY`, which systemd fills.
    Credential,
    /// The secrets folder.
    File,
}

impl Secret {
    /// A secret that came in by the environment, already read.
    pub fn from_environment(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), source: Source::Environment }
    }

    /// The value. Whoever calls this must not let it reach argv, a log, a message or a file.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Where it was found.
    pub fn source(&self) -> Source {
        self.source
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

/// Finds a secret by name, in the documented order. An empty value counts as missing.
///
/// # Errors
/// Exit 77 when one is there but must not be used: unreadable, wrong owner, mode or characters.
pub fn resolve(
    host: &Host,
    name: &str,
    environment: &[&str],
    folder: &Path,
) -> Result<Option<Secret>, Failure> {
    for variable in environment {
        if let Some(value) = host.env(variable) {
            let bytes = Zeroizing::new(value.as_encoded_bytes().to_vec());
            let place = format!("the environment variable {variable}");
            return found(&bytes, Source::Environment, &place).map(Some);
        }
    }
    if let Some(credentials) = host.env("CREDENTIALS_DIRECTORY") {
        let path = Path::new(credentials).join(name);
        if let Some(secret) = from_file(host, &path, Source::Credential)? {
            return Ok(Some(secret));
        }
    }
    from_file(host, &folder.join(name), Source::File)
}

fn from_file(host: &Host, path: &Path, source: Source) -> Result<Option<Secret>, Failure> {
    let doing = || format!("use the secret file {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let (about, bytes) = match host.read_plain(path, LARGEST) {
        Ok(read) => read,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => {
            return Err(err).or_fail(Exit::NotPermitted, doing()).map_err(|failure| {
                failure.hint("it must be a regular file that this user may read")
            });
        }
    };
    let bytes = Zeroizing::new(bytes);
    if bytes.is_empty() {
        return Ok(None);
    }
    let around = host.look(folder).or_fail(Exit::NotPermitted, doing())?;
    decide::file(&about, around.as_ref(), host.user(), source, path)
        .map_err(|(why, mend)| Failure::new(Exit::NotPermitted, doing()).because(why).hint(mend))?;
    found(&bytes, source, &path.display().to_string()).map(Some)
}

fn found(bytes: &[u8], source: Source, place: &str) -> Result<Secret, Failure> {
    let text = decide::text(bytes).map_err(|why| {
        Failure::new(Exit::NotPermitted, format!("use the secret in {place}"))
            .because(why)
            .hint("store the bare value; one newline at its end is fine")
    })?;
    Ok(Secret { text: Zeroizing::new(text.to_owned()), source })
}
