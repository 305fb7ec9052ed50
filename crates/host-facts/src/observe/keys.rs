//! Which secrets resolve, shown as people may see them. No judgement here.
//!
//! The keychain is not asked: a host's secrets are files, credentials or environment, and linking
//! a D-Bus client into every binary that collects facts is not worth it. `key list` asks it.

use ops_core::host::Host;
use secrets::fingerprint::Pepper;
use secrets::{Key, Resolver};

use super::Wanted;
use crate::facts::KeyFact;

pub(super) fn keys(host: &Host, wanted: &Wanted) -> Result<Vec<KeyFact>, String> {
    let keys = wanted.keys.as_ref().map_err(Clone::clone)?;
    let resolver = Resolver::new(host, &keys.registry, keys.folder.clone());
    let pepper = Pepper::load(host, &wanted.home).ok();
    Ok(keys.registry.keys.iter().map(|key| look(&resolver, pepper.as_ref(), key)).collect())
}

fn look(resolver: &Resolver, pepper: Option<&Pepper>, key: &Key) -> KeyFact {
    let (name, required) = (key.name.clone(), key.required);
    match resolver.find(key) {
        Ok(secret) => KeyFact {
            name,
            required,
            source: secret.as_ref().map(|it| it.source().name().to_owned()),
            masked: secret.as_ref().map(|it| key_shapes::mask(it.expose())),
            fingerprint: secret.as_ref().and_then(|it| Some(pepper?.fingerprint(it))),
            problem: None,
            mend: None,
        },
        Err(failure) => {
            KeyFact {
                name,
                required,
                source: None,
                masked: None,
                fingerprint: None,
                problem: Some(failure.source.as_ref().map_or(failure.doing.clone(), |why| {
                    format!("cannot {}: {why}", failure.doing)
                })),
                mend: failure.hint,
            }
        }
    }
}
