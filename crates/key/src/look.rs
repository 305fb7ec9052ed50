//! Looks at secrets: where from, masked, fingerprint, age. Changes nothing but the first pepper.

use ops_core::failure::Failure;
use ops_core::host::Host;
use ops_core::time;
use secrets::fingerprint::Pepper;
use secrets::{Format, Key, Resolver, Secret};

use crate::desk::Desk;
use crate::documents::{Listing, Origin, Standing, Status, Where};

/// Every registered name.
pub(crate) fn list(desk: &Desk<'_>) -> Listing {
    let (resolver, pepper) = (desk.resolver(), desk.pepper());
    tell_missing_pepper(desk, &pepper);
    let keys =
        desk.registry.keys.iter().map(|key| standing(desk, &resolver, key, &pepper)).collect();
    Listing::new(keys)
}

/// One name.
pub(crate) fn status(desk: &Desk<'_>, name: &str) -> Result<Status, Failure> {
    let key = desk.registry.key(name)?;
    let pepper = desk.pepper();
    tell_missing_pepper(desk, &pepper);
    Ok(Status::new(standing(desk, &desk.resolver(), key, &pepper)))
}

/// Where one comes from.
pub(crate) fn source(desk: &Desk<'_>, name: &str) -> Result<Origin, Failure> {
    let key = desk.registry.key(name)?;
    let found = desk.learn(desk.resolver().find(key)?);
    Ok(Origin::new(name, found.map_or(Where::None, |secret| secret.source().into())))
}

fn standing(
    desk: &Desk<'_>,
    resolver: &Resolver<'_>,
    key: &Key,
    pepper: &Result<Pepper, Failure>,
) -> Standing {
    let blank = Standing {
        name: key.name.clone(),
        source: Where::None,
        masked: None,
        fingerprint: None,
        since: None,
        age_seconds: None,
        required: key.required,
        hint: key.hint.clone(),
        trouble: None,
    };
    match resolver.find(key).map(|found| desk.learn(found)) {
        Ok(None) => blank,
        Ok(Some(secret)) => Standing {
            source: secret.source().into(),
            masked: Some(masked(&secret, key)),
            fingerprint: pepper.as_ref().ok().map(|pepper| pepper.fingerprint(&secret)),
            since: secret.since().map(time::rfc3339_seconds),
            age_seconds: age(&desk.context.host, &secret),
            ..blank
        },
        Err(failure) => Standing { trouble: Some(failure.to_string()), ..blank },
    }
}

/// The form in which people see a secret; of armoured text nothing is shown.
pub(crate) fn masked(secret: &Secret, key: &Key) -> String {
    match key.format {
        Format::Token => key_shapes::mask(secret.expose()),
        Format::Pem => key_shapes::ELLIPSIS.to_owned(),
    }
}

fn age(host: &Host, secret: &Secret) -> Option<u64> {
    let seconds = host.now().duration_since(secret.since()?).as_secs();
    Some(u64::try_from(seconds).unwrap_or(0))
}

fn tell_missing_pepper(desk: &Desk<'_>, pepper: &Result<Pepper, Failure>) {
    if let Err(failure) = pepper {
        desk.context.say("no fingerprints are shown:");
        failure.lines().iter().for_each(|line| desk.context.say(line));
    }
}
