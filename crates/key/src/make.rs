//! Makes new secrets.

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use secrets::registry::Generate;
use secrets::{Key, Secret};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

/// A new secret, and its public half if it has one.
pub(crate) struct Made {
    pub(crate) secret: Secret,
    /// As `.pub` files hold it: `ssh-ed25519 AAAA… comment`.
    pub(crate) public: Option<String>,
}

/// Makes a secret of the kind that the registry names.
///
/// # Errors
/// Exit 2 when somebody else issues this one.
pub(crate) fn make(host: &Host, key: &Key) -> Result<Made, Failure> {
    let doing = || format!("make a new {}", key.name);
    let (text, public) = match key.generate {
        None => {
            return Err(Failure::new(Exit::Usage, doing())
                .because(format!("it is issued by somebody else: {}", key.hint))
                .hint(format!("store what you were given: key set {}", key.name)));
        }
        Some(Generate::Hex256) => (hex(&Zeroizing::new(host.random())), None),
        Some(Generate::Ed25519) => ed25519(host, key).or_fail(Exit::Internal, doing())?,
    };
    let secret = Secret::new(text.as_bytes(), key.format).or_fail(Exit::Internal, doing())?;
    Ok(Made { secret, public })
}

fn hex(bytes: &[u8; 32]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Reserved at once: a growing text would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(64));
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(DIGITS.get(usize::from(nibble)).map(|digit| char::from(*digit)));
    }
    text
}

fn ed25519(host: &Host, key: &Key) -> ssh_key::Result<(Zeroizing<String>, Option<String>)> {
    let seed = Zeroizing::new(host.random::<32>());
    let mut private = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    private.set_comment(format!("{}@{}", key.name, host.name()));
    let public = private.public_key().to_openssh()?;
    Ok((private.to_openssh(LineEnding::LF)?, Some(public)))
}

/// Whether a text is an OpenSSH private key that works without a passphrase; else why not. The
/// library's own words could quote the key, so they are not repeated.
pub(crate) fn is_ssh_key(text: &str) -> Result<(), &'static str> {
    match PrivateKey::from_openssh(text) {
        Err(_) => Err("it does not parse as an OpenSSH private key"),
        Ok(key) if key.is_encrypted() => Err("it needs a passphrase, and nobody is asked here"),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ops_core::config::{self, Source};
    use secrets::{Format, Registry};

    use super::*;

    #[test]
    fn every_kind_is_made_anew_each_time_and_passes_its_own_check() {
        let host = Host::real();
        let registry: Registry = config::load(&host, &Source::Shipped).unwrap();
        let made = |name: &str| make(&host, registry.key(name).unwrap());
        let token = made("console_token").unwrap();
        let text = token.secret.expose().to_owned();
        assert!(text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit()), "{text}");
        assert!(!token.secret.is_same(&made("console_token").unwrap().secret));
        let signing = made("verdict_signing_key").unwrap();
        assert_eq!(is_ssh_key(signing.secret.expose()), Ok(()));
        let public = signing.public.unwrap();
        assert!(public.starts_with("ssh-ed25519 AAAA"), "{public}");
        assert!(public.contains(" verdict_signing_key@"), "{public}");
        assert_eq!(made("openai_api_key").err().unwrap().exit, Exit::Usage);
        assert!(is_ssh_key("-----BEGIN NONSENSE-----").is_err());
        assert_eq!(registry.key("verdict_signing_key").unwrap().format, Format::Pem);
    }
}
