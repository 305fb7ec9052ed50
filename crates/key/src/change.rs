//! Stores, makes and deletes secrets. What goes where is judged in `decide`.

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use secrets::store::Deleted;
use secrets::{Format, Key, LARGEST, Resolver, Secret, Source};

use crate::args::{Place, To};
use crate::audit::{Audit, Outcome};
use crate::decide::{self, Holds};
use crate::desk::Desk;
use crate::documents::{Deletion, Gone, PlaceLeft, Public, Stored};
use crate::look::masked;
use crate::make;

/// Stores what standard input brings.
pub(crate) fn set(desk: &Desk<'_>, name: &str, place: Place) -> Result<Stored, Failure> {
    // What was typed for a name may be the value: it is not repeated.
    let key = desk.registry.keys.iter().find(|key| key.name == name).ok_or_else(|| {
        let known: Vec<&str> = desk.registry.keys.iter().map(|key| key.name.as_str()).collect();
        Failure::new(Exit::Usage, "store a secret under that name")
            .because("it is not registered in keys.yaml")
            .hint(format!("known: {}", known.join(" ")))
    })?;
    let secret = read(desk, key)?;
    desk.context.learn_secret(secret.expose());
    let _held = desk.hold()?;
    store(desk, key, place, "set", &secret, None)
}

/// Makes a new secret and stores it.
pub(crate) fn generate(
    desk: &Desk<'_>,
    name: &str,
    place: Place,
    force: bool,
) -> Result<Stored, Failure> {
    let key = desk.registry.key(name)?;
    let made = make::make(&desk.context.host, key)?;
    desk.context.learn_secret(made.secret.expose());
    let _held = desk.hold()?;
    let resolver = desk.resolver();
    let there = !matches!(resolver.find(key), Ok(None));
    if there && !force {
        let instead = match &key.next {
            Some(_) => format!("key rotate {name} begin changes it without a gap"),
            None => "--force replaces it".to_owned(),
        };
        return Err(Failure::new(Exit::No, format!("make a new {name}"))
            .because("there is one already")
            .hint(instead));
    }
    let public = made.public.map(|line| Public { allowed_signers: allowed_signers(&line), line });
    store(desk, key, place, "generate", &made.secret, public)
}

/// Deletes a secret wherever this program may write.
pub(crate) fn delete(desk: &Desk<'_>, name: &str) -> Result<Deletion, Failure> {
    let key = desk.registry.key(name)?;
    let _held = desk.hold()?;
    let resolver = desk.resolver();
    let given_up = give_up_rotation(desk, &resolver, key)?;
    let old = resolver.find(key).ok().flatten();
    let old = desk.learn(old);
    let audit = Audit::of(desk, "delete")?;
    let of = [("old", old.as_ref())];
    audit.line(name, Outcome::Begun, None, &of)?;
    if let Some(rotated) = given_up {
        audit.ended(name, Some("lapsed"), &of, resolver.end_rotation(rotated))?;
    }
    let places: Vec<PlaceLeft> = resolver.delete(key).into_iter().map(left).collect();
    let deletion = Deletion::new(name, places);
    let outcome = if deletion.is_gone() { Outcome::Done } else { Outcome::Failed };
    audit.line(name, outcome, None, &of)?;
    Ok(deletion)
}

fn left((source, deleted): (Source, Deleted)) -> PlaceLeft {
    let (outcome, why) = match deleted {
        Deleted::Gone => (Gone::Deleted, None),
        Deleted::NotThere => (Gone::NotThere, None),
        Deleted::Still(why) => (Gone::Still, Some(why)),
    };
    PlaceLeft { source: source.into(), outcome, why }
}

fn store(
    desk: &Desk<'_>,
    key: &Key,
    place: Place,
    action: &str,
    secret: &Secret,
    public: Option<Public>,
) -> Result<Stored, Failure> {
    let resolver = desk.resolver();
    refuse_during_rotation(desk, &resolver, key)?;
    let places = Source::ORDER.map(|source| (source, holds(desk, &resolver, source, key)));
    let to = decide::target(place.to, &places).map_err(|why| {
        Failure::new(Exit::NotPermitted, format!("choose a place for {}", key.name))
            .because(why)
            .hint("--to file or --to keychain chooses one")
    })?;
    let old = resolver.look_in(decide::source(to), key).ok().flatten();
    let old = desk.learn(old);
    let audit = Audit::of(desk, action)?;
    let of = [("old", old.as_ref()), ("new", Some(secret))];
    audit.line(&key.name, Outcome::Begun, None, &of)?;
    let stored = write(&resolver, key, to, secret, place.shared);
    audit.ended(&key.name, None, &of, stored)?;
    Ok(Stored::new(
        &key.name,
        decide::source(to).into(),
        masked(secret, key),
        audit.fingerprint(secret),
        old.is_some(),
        decide::hidden_by(to, &places).into_iter().map(Into::into).collect(),
        public,
    ))
}

/// Stores a secret in one place, and reads it back from there. A file that the policy's group could
/// read stays so.
pub(crate) fn write(
    resolver: &Resolver<'_>,
    key: &Key,
    to: To,
    secret: &Secret,
    shared: bool,
) -> Result<(), Failure> {
    match to {
        To::Keychain => resolver.store_keychain(key, secret)?,
        To::File => resolver.store_file(key, secret, shared || resolver.is_shared(key))?,
    }
    let read = resolver.look_in(decide::source(to), key)?;
    if read.is_some_and(|read| read.is_same(secret)) {
        return Ok(());
    }
    Err(Failure::new(Exit::Unavailable, format!("store {}", key.name))
        .because("another value reads back: somebody else changed it meanwhile"))
}

fn holds(desk: &Desk<'_>, resolver: &Resolver<'_>, source: Source, key: &Key) -> Holds {
    match resolver.look_in(source, key).map(|found| desk.learn(found)) {
        Ok(None) => Holds::Nothing,
        Ok(Some(_)) => Holds::Usable,
        Err(failure) => Holds::Unusable(failure.to_string()),
    }
}

/// The secret that standard input brings.
fn read(desk: &Desk<'_>, key: &Key) -> Result<Secret, Failure> {
    let host: &Host = &desk.context.host;
    let doing = || format!("read a value for {}", key.name);
    let ready = || {
        let what = match key.format {
            Format::Token => format!("value of {} (it is not shown), then Enter:", key.name),
            Format::Pem => format!("text of {} (it is not shown), then Ctrl-D:", key.name),
        };
        desk.context.tell(0, &what);
    };
    let limit = usize::try_from(LARGEST).unwrap_or(usize::MAX).saturating_add(1);
    let bytes = host.read_secret(limit, key.format == Format::Pem, ready).map_err(|err| {
        let exit = match err.kind() {
            std::io::ErrorKind::Interrupted => Exit::TryLater,
            std::io::ErrorKind::InvalidInput => Exit::Malformed,
            _ => Exit::Unavailable,
        };
        Failure::new(exit, doing()).because(err).hint("nothing was changed")
    })?;
    if bytes.len() >= limit {
        return Err(Failure::new(Exit::Malformed, doing())
            .because(format!("it is longer than {LARGEST} bytes"))
            .hint("a secret is a key, not a document"));
    }
    Secret::new(&bytes, key.format)
        .or_fail(Exit::Malformed, doing())
        .map_err(|failure| failure.hint("give the bare value; one newline at its end is fine"))
}

/// While two slots are in use, changing one by hand would cut off who signs with it.
fn refuse_during_rotation(
    desk: &Desk<'_>,
    resolver: &Resolver<'_>,
    key: &Key,
) -> Result<(), Failure> {
    for rotated in rotated_with(desk, key) {
        if resolver.rotation(rotated)?.is_some() {
            return Err(Failure::new(Exit::No, format!("change {}", key.name))
                .because(format!("a rotation of {} is under way", rotated.name))
                .hint(format!("key rotate {} status says how far it is", rotated.name)));
        }
    }
    Ok(())
}

/// Deleting the second slot before anybody signs with it gives a rotation up: returns whose.
fn give_up_rotation<'a>(
    desk: &'a Desk<'_>,
    resolver: &Resolver<'_>,
    key: &Key,
) -> Result<Option<&'a Key>, Failure> {
    for rotated in rotated_with(desk, key) {
        let Some(rotation) = resolver.rotation(rotated)? else { continue };
        let is_next = rotated.next.as_deref() == Some(key.name.as_str());
        if is_next && rotation.promoted_at.is_none() {
            return Ok(Some(rotated));
        }
        return Err(Failure::new(Exit::No, format!("delete {}", key.name))
            .because(format!("a rotation of {} is under way", rotated.name))
            .hint(format!("end it first: key rotate {} retire", rotated.name)));
    }
    Ok(None)
}

/// The keys whose rotation this key is a slot of.
fn rotated_with<'a>(desk: &'a Desk<'_>, key: &Key) -> impl Iterator<Item = &'a Key> {
    let name = key.name.clone();
    desk.registry.keys.iter().filter(move |it| {
        it.next.is_some() && (it.name == name || it.next.as_deref() == Some(name.as_str()))
    })
}

/// The line by which `ssh-keygen -Y verify` and review-gate know the key's owner.
fn allowed_signers(public: &str) -> String {
    let mut words = public.split(' ');
    let (kind, body) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let who = words.next().unwrap_or("reviewer");
    format!("{who} {kind} {body}")
}
