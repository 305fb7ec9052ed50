//! What the three calls do, in which order. Nothing is read, written or deleted that is locked.

use secrets::keychain::{Answer, Change, OLDER_SERVICE, SERVICE};
use zbus::OwnedObjectPath;
use zeroize::Zeroizing;

use super::calls::{Default, Service};
use crate::limit::Trouble;

/// Looks an account up; an entry of the older service is moved over.
pub(crate) async fn get(service: &Service, account: &str) -> Result<Answer, Trouble> {
    if let Some(item) = only_unlocked(service, SERVICE, account).await?.first() {
        return Ok(Answer::Found(service.secret(item).await?));
    }
    if let Some(older) = only_unlocked(service, OLDER_SERVICE, account).await?.first() {
        let value = service.secret(older).await?;
        // A value that cannot be moved today is still the value; the next call tries again.
        let _stays = move_over(service, account, older, &value).await.is_err();
        return Ok(Answer::Found(value));
    }
    match service.default_collection().await? {
        // It could hold entries that a search does not tell while it is locked.
        Default::Locked => Err(locked("the default collection")),
        Default::None | Default::Open(_) => Ok(Answer::Missing),
    }
}

/// Stores a value beside the older ones, and deletes those once it reads back.
pub(crate) async fn set(service: &Service, account: &str, value: &[u8]) -> Result<Change, Trouble> {
    let found = service.search(SERVICE, account).await?;
    if !found.locked.is_empty() {
        return Err(locked("the entry"));
    }
    let new = store(service, account, value).await?;
    for old in &found.unlocked {
        if let Err(why) = service.delete(old).await {
            let _left = service.delete(&new).await.is_err();
            return Err(why);
        }
    }
    Ok(Change::Done)
}

/// Deletes every entry of an account, under either service.
pub(crate) async fn delete(service: &Service, account: &str) -> Result<Change, Trouble> {
    let items = everywhere(service, account).await?;
    if matches!(service.default_collection().await?, Default::Locked) {
        return Err(locked("the default collection"));
    }
    if items.is_empty() {
        return Ok(Change::Nothing);
    }
    for item in &items {
        service.delete(item).await?;
    }
    if everywhere(service, account).await?.is_empty() {
        Ok(Change::Done)
    } else {
        Err(Trouble::Failed("the Secret Service still finds what it deleted".to_owned()))
    }
}

async fn everywhere(service: &Service, account: &str) -> Result<Vec<OwnedObjectPath>, Trouble> {
    let mut items = Vec::new();
    for name in [SERVICE, OLDER_SERVICE] {
        let found = service.search(name, account).await?;
        if !found.locked.is_empty() {
            return Err(locked("the entry"));
        }
        items.extend(found.unlocked);
    }
    Ok(items)
}

async fn only_unlocked(
    service: &Service,
    name: &str,
    account: &str,
) -> Result<Vec<OwnedObjectPath>, Trouble> {
    let found = service.search(name, account).await?;
    if found.unlocked.is_empty() && !found.locked.is_empty() {
        return Err(locked("the entry"));
    }
    Ok(found.unlocked)
}

async fn move_over(
    service: &Service,
    account: &str,
    older: &OwnedObjectPath,
    value: &Zeroizing<Vec<u8>>,
) -> Result<(), Trouble> {
    store(service, account, value).await?;
    service.delete(older).await
}

/// Makes a new entry and reads it back; one that reads back otherwise is deleted again.
async fn store(service: &Service, account: &str, value: &[u8]) -> Result<OwnedObjectPath, Trouble> {
    let collection = match service.default_collection().await? {
        Default::Open(path) => path,
        Default::Locked => return Err(locked("the default collection")),
        Default::None => {
            return Err(Trouble::Failed(
                "the Secret Service has no default collection: a desktop's keyring program makes one"
                    .to_owned(),
            ));
        }
    };
    let new = service.create(&collection, account, value).await?;
    let back = service.secret(&new).await;
    if back.as_ref().is_ok_and(|back| **back == value) {
        return Ok(new);
    }
    let _left = service.delete(&new).await.is_err();
    Err(back.err().unwrap_or_else(|| {
        Trouble::Failed("the Secret Service does not give back what was stored".to_owned())
    }))
}

fn locked(what: &str) -> Trouble {
    Trouble::Locked(format!(
        "{what} of the Secret Service is locked; it is never unlocked from here"
    ))
}
