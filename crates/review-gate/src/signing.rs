//! The key that signs verdicts and waivers: the secret `verdict_signing_key`.

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use secrets::{Registry, Resolver, Secret};
use ssh_key::{Algorithm, PrivateKey};

/// The secret's name in configs/keys.yaml.
pub const NAME: &str = "verdict_signing_key";

/// A secret by its registered name; `None` when it is nowhere.
///
/// # Errors
/// Exit 77 when it is there but must not be used, 78 when the registry does not know it.
fn secret(context: &Context, name: &str) -> Result<Option<Secret>, Failure> {
    let registry = Registry::load(context)?;
    let folder = secrets::folder(&context.host, None);
    let keychain = keychain::platform(&context.host);
    let resolver = Resolver::new(&context.host, &registry, folder);
    let resolver = match &keychain {
        Some(keychain) => resolver.with_keychain(&registry, keychain.as_ref()),
        None => resolver,
    };
    let found = resolver.find(registry.key(name)?)?;
    if let Some(found) = &found {
        context.learn_secret(found.expose());
    }
    Ok(found)
}

/// The signing key; `None` when there is none here.
///
/// # Errors
/// Exit 77 when it is there but cannot be used.
pub fn find(context: &Context) -> Result<Option<PrivateKey>, Failure> {
    let Some(secret) = secret(context, NAME)? else { return Ok(None) };
    let doing = || format!("use the secret {NAME}");
    // The library's error could quote the key: its text stays here.
    let key = PrivateKey::from_openssh(secret.expose()).map_err(|_| {
        Failure::new(Exit::NotPermitted, doing())
            .because("it is no OpenSSH private key of the kind ssh-ed25519")
            .hint(format!("key set {NAME} stores one; key generate {NAME} makes one"))
    })?;
    if key.is_encrypted() {
        return Err(Failure::new(Exit::NotPermitted, doing())
            .because("it has a passphrase, and nothing here prompts")
            .hint("store a key without a passphrase of its own"));
    }
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(Failure::new(Exit::NotPermitted, doing())
            .because(format!("it is {}, and verdicts are signed with ssh-ed25519", key.algorithm()))
            .hint(format!("key generate {NAME} makes one")));
    }
    Ok(Some(key))
}

/// The signing key, which must be there.
///
/// # Errors
/// Exit 77 when it is not, or cannot be used.
pub fn need(context: &Context) -> Result<PrivateKey, Failure> {
    find(context)?.ok_or_else(|| {
        Failure::new(Exit::NotPermitted, format!("sign: the secret {NAME} is nowhere"))
            .hint(format!("key generate {NAME} makes one, key set {NAME} stores one"))
    })
}
