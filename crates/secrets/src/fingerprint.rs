//! Fingerprints by which two hosts' keys can be compared without showing anything of them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Secret;

/// The key of every fingerprint: short secrets cannot be guessed from a fingerprint without it.
/// Hosts whose fingerprints are to be compared share it: copy the file.
pub struct Pepper(Zeroizing<Vec<u8>>);

impl Pepper {
    /// Where it lies: `<home>/state/keys/pepper`, mode 0600.
    pub fn path(home: &Path) -> PathBuf {
        home.join("state/keys/pepper")
    }

    /// Reads it, or makes it on first use.
    ///
    /// # Errors
    /// Exit 69 when it can be neither read nor made, 77 when it is not a regular file of this user.
    pub fn load(host: &Host, home: &Path) -> Result<Self, Failure> {
        let path = Self::path(home);
        let doing = || format!("use the pepper of fingerprints {}", path.display());
        for _ in 0..2 {
            match host.read_plain(&path, 4096) {
                Ok((about, bytes)) => {
                    let bytes = Zeroizing::new(bytes);
                    if about.mode & 0o077 != 0 || bytes.len() < 32 {
                        return Err(Failure::new(Exit::NotPermitted, doing())
                            .because("it is shorter than 32 bytes, or others may read it")
                            .hint(format!("chmod 0600 {}", path.display())));
                    }
                    return Ok(Self(bytes));
                }
                Err(err) if err.kind() == ErrorKind::NotFound => {
                    let folder = path.parent().unwrap_or(home);
                    host.make_dir(folder, 0o700).or_fail(Exit::Unavailable, doing())?;
                    let fresh = Zeroizing::new(host.random::<32>());
                    // Whoever made it in the meantime is first: it is read then.
                    match host.create_file(&path, fresh.as_slice(), 0o600) {
                        Err(err) if err.kind() != ErrorKind::AlreadyExists => {
                            return Err(err).or_fail(Exit::Unavailable, doing());
                        }
                        _ => {}
                    }
                }
                Err(err) => return Err(err).or_fail(Exit::Unavailable, doing()),
            }
        }
        Err(Failure::new(Exit::Unavailable, doing()).because("it comes and goes"))
    }

    /// The first 8 hexadecimal digits of HMAC-SHA-256 over the value.
    ///
    /// # Panics
    /// Never: HMAC takes keys of every length.
    pub fn fingerprint(&self, secret: &Secret) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes every key");
        mac.update(secret.expose().as_bytes());
        let tag = mac.finalize().into_bytes();
        audit_chain::hex(tag.get(..4).unwrap_or_default())
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pepper_is_made_once_and_other_peppers_give_other_fingerprints() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let host = Host::real();
        let secret = Secret::from_environment("canary");
        let print = |home: &Path| Pepper::load(&host, home).unwrap().fingerprint(&secret);
        let first = print(one.path());
        assert_eq!(first.len(), 8);
        assert_eq!(print(one.path()), first);
        assert_ne!(print(two.path()), first);
        std::os::unix::fs::symlink("/dev/zero", two.path().join("x")).unwrap();
        let link = Pepper::path(two.path());
        host.remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(Pepper::load(&host, two.path()).is_err());
    }
}
