//! The user's default keychain (`login`), with dialogs switched off.
//!
//! Never run on a Mac so far; docs/keychain.md lists what that leaves open.

use std::sync::{Mutex, PoisonError};

use secrets::keychain::{Answer, Change, Keychain, OLDER_SERVICE, SERVICE};
use security_framework::base::Error;
use security_framework::os::macos::keychain::SecKeychain;
use zeroize::Zeroizing;

use crate::limit::{Trouble, within};

/// Codes of `SecBase.h`.
const ITEM_NOT_FOUND: i32 = -25300;
const INTERACTION_NOT_ALLOWED: i32 = -25308;
const INTERACTION_REQUIRED: i32 = -25315;
const AUTH_FAILED: i32 = -25293;
const USER_CANCELED: i32 = -128;
const NO_SUCH_KEYCHAIN: i32 = -25294;
const NO_DEFAULT_KEYCHAIN: i32 = -25307;

/// Dialogs are switched off and on for the whole process, so one call at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The default keychain of the user.
#[derive(Debug)]
pub(crate) struct LoginKeychain;

type Value = Zeroizing<Vec<u8>>;

impl LoginKeychain {
    fn ask<T: Send + 'static>(
        work: impl FnOnce(&SecKeychain) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let guarded = move || {
            let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            let _silent = SecKeychain::disable_user_interaction().map_err(trouble)?;
            work(&SecKeychain::default().map_err(trouble)?)
        };
        // Nothing can end a call into the system; its thread ends when the system answers.
        within("the macOS Keychain", guarded, || {})
    }
}

impl Keychain for LoginKeychain {
    fn name(&self) -> &'static str {
        "macOS Keychain"
    }

    fn get(&self, account: &str) -> Answer {
        let account = account.to_owned();
        Self::ask(move |keychain| {
            if let Some(value) = find(keychain, SERVICE, &account)? {
                return Ok(Answer::Found(value));
            }
            let Some(value) = find(keychain, OLDER_SERVICE, &account)? else {
                return Ok(Answer::Missing);
            };
            // A value that cannot be moved today is still the value; the next call tries again.
            let moved = store(keychain, &account, &value)
                .and_then(|()| remove(keychain, OLDER_SERVICE, &account));
            let _stays = moved.is_err();
            Ok(Answer::Found(value))
        })
        .unwrap_or_else(Answer::from)
    }

    fn set(&self, account: &str, value: &[u8]) -> Change {
        let account = account.to_owned();
        let value = Zeroizing::new(value.to_vec());
        Self::ask(move |keychain| store(keychain, &account, &value).map(|()| Change::Done))
            .unwrap_or_else(Change::from)
    }

    fn delete(&self, account: &str) -> Change {
        let account = account.to_owned();
        Self::ask(move |keychain| {
            let mut change = Change::Nothing;
            for service in [SERVICE, OLDER_SERVICE] {
                if find(keychain, service, &account)?.is_some() {
                    remove(keychain, service, &account)?;
                    change = Change::Done;
                }
            }
            Ok(change)
        })
        .unwrap_or_else(Trouble::on_delete)
    }
}

fn find(keychain: &SecKeychain, service: &str, account: &str) -> Result<Option<Value>, Trouble> {
    match keychain.find_generic_password(service, account) {
        Ok((password, _)) => Ok(Some(Zeroizing::new(password.to_vec()))),
        Err(err) if err.code() == ITEM_NOT_FOUND => Ok(None),
        Err(err) => Err(trouble(err)),
    }
}

/// Writes a value and reads it back; one that reads back otherwise gives way to the old one.
fn store(keychain: &SecKeychain, account: &str, value: &Value) -> Result<(), Trouble> {
    let old = find(keychain, SERVICE, account)?;
    let written = keychain.set_generic_password(SERVICE, account, value).map_err(trouble);
    let back = written.and_then(|()| find(keychain, SERVICE, account));
    if back.as_ref().is_ok_and(|back| back.as_ref() == Some(value)) {
        return Ok(());
    }
    let _left = match old {
        Some(old) => keychain.set_generic_password(SERVICE, account, &old).is_err(),
        None => remove(keychain, SERVICE, account).is_err(),
    };
    Err(back.err().unwrap_or_else(|| {
        Trouble::Failed("the macOS Keychain does not give back what was stored".to_owned())
    }))
}

fn remove(keychain: &SecKeychain, service: &str, account: &str) -> Result<(), Trouble> {
    match keychain.find_generic_password(service, account) {
        Ok((_, item)) => item.delete(),
        Err(err) if err.code() == ITEM_NOT_FOUND => return Ok(()),
        Err(err) => return Err(trouble(err)),
    }
    // The library tells nothing about a deletion that failed.
    if find(keychain, service, account)?.is_some() {
        return Err(Trouble::Failed("the macOS Keychain still holds what it deleted".to_owned()));
    }
    Ok(())
}

fn trouble(err: Error) -> Trouble {
    match err.code() {
        code @ (INTERACTION_NOT_ALLOWED | INTERACTION_REQUIRED | AUTH_FAILED | USER_CANCELED) => {
            Trouble::Locked(format!(
                "the macOS Keychain would open a dialog for this ({code}): it is locked, or the \
                 entry belongs to another program"
            ))
        }
        NO_SUCH_KEYCHAIN | NO_DEFAULT_KEYCHAIN => {
            Trouble::Absent("this user has no default keychain".to_owned())
        }
        code => Trouble::Failed(format!("the macOS Keychain answered {code}")),
    }
}
