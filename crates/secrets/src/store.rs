//! Writes and deletes secrets. Chooses nothing: where to is the caller's decision.

use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Kind;
use zeroize::Zeroizing;

use crate::keychain::Change;
use crate::rotation::Rotation;
use crate::{Key, Resolver, Secret, Source};

/// What became of one place on deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deleted {
    /// It held the secret and does not any more.
    Gone,
    /// It did not hold it.
    NotThere,
    /// It holds it, or may hold it, still. Why.
    Still(String),
}

impl Resolver<'_> {
    /// Stores a secret as a file of mode 0600, or 0640 with the policy's group when `shared`. The
    /// old value stays in place until the new one reads back from a name beside it.
    ///
    /// # Errors
    /// Exit 69 when it cannot be written, 77 when it would not be believed; the old value stays.
    pub fn store_file(&self, key: &Key, secret: &Secret, shared: bool) -> Result<(), Failure> {
        let path = self.folder.join(key.file());
        let doing = || format!("store {} in {}", key.name, path.display());
        self.make_folder(shared)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(secret.expose().len() + 1));
        bytes.extend_from_slice(secret.expose().as_bytes());
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let fresh = self.folder.join(format!(".aiops-new-{}", key.file()));
        let written = self.write(&fresh, &bytes, shared).and_then(|()| {
            let read = self.read(&fresh, Source::File, key)?;
            if read.is_some_and(|read| read.is_same(secret)) {
                return Ok(());
            }
            Err(Failure::new(Exit::Unavailable, doing()).because("it does not read back"))
        });
        written
            .and_then(|()| {
                self.host.rename_durable(&fresh, &path).or_fail(Exit::Unavailable, doing())
            })
            .inspect_err(|_| {
                let _left = self.host.remove_file(&fresh).is_err();
            })
    }

    /// Stores a secret in the keychain, which reads it back before the old value goes.
    ///
    /// # Errors
    /// Exit 77 when there is no keychain or it refuses.
    pub fn store_keychain(&self, key: &Key, secret: &Secret) -> Result<(), Failure> {
        let doing = || format!("store {} in the keychain", key.name);
        let keychain = self.keychain.ok_or_else(|| {
            Failure::new(Exit::NotPermitted, doing())
                .because("no keychain is used here")
                .hint("--to file stores it in the secrets folder")
        })?;
        match keychain.set(&key.env(), secret.expose().as_bytes()) {
            Change::Done => Ok(()),
            Change::Nothing => Err(Failure::new(Exit::Internal, doing())),
            Change::Refused(why) => Err(Failure::new(Exit::NotPermitted, doing())
                .because(why)
                .hint("unlock it, or use --to file")),
        }
    }

    /// Deletes a secret wherever this program may write, and says of each place what became of it.
    pub fn delete(&self, key: &Key) -> Vec<(Source, Deleted)> {
        let delete = |source| match source {
            Source::Environment | Source::Credential => match self.look_in(source, key) {
                Ok(None) => Deleted::NotThere,
                Ok(Some(_)) if source == Source::Environment => {
                    Deleted::Still(format!("unset {} where it is set", key.env()))
                }
                Ok(Some(_)) => Deleted::Still("remove it from the unit that loads it".into()),
                Err(failure) => Deleted::Still(failure.to_string()),
            },
            Source::Keychain => match self.keychain.map(|it| it.delete(&key.env())) {
                None | Some(Change::Nothing) => Deleted::NotThere,
                Some(Change::Done) => Deleted::Gone,
                Some(Change::Refused(why)) => Deleted::Still(why),
            },
            Source::File => self.delete_file(&self.folder.join(key.file())),
        };
        Source::ORDER.into_iter().map(|source| (source, delete(source))).collect()
    }

    /// Deletes a file of the secrets folder, durably.
    pub fn delete_file(&self, path: &Path) -> Deleted {
        match self.host.look(path) {
            Ok(None) => Deleted::NotThere,
            Ok(Some(_)) => match self.host.remove_file_durable(path) {
                Ok(()) => Deleted::Gone,
                Err(err) => Deleted::Still(format!("{}: {err}", path.display())),
            },
            Err(err) => Deleted::Still(format!("{}: {err}", path.display())),
        }
    }

    /// Where the record of a secret's rotation lies.
    pub fn rotation_path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.rotation.json", key.file()))
    }

    /// The rotation that is recorded for a secret.
    ///
    /// # Errors
    /// Exit 77 when there is a record that cannot be believed.
    pub fn rotation(&self, key: &Key) -> Result<Option<Rotation>, Failure> {
        let path = self.rotation_path(key);
        let Some((_, bytes)) = self.read_file(&path, Source::File)? else { return Ok(None) };
        let doing = || format!("use the record of a rotation {}", path.display());
        let rotation: Rotation =
            serde_json::from_slice(&bytes).or_fail(Exit::NotPermitted, doing())?;
        if rotation.key != key.name {
            return Err(Failure::new(Exit::NotPermitted, doing())
                .because(format!("it is about {:?}, not {}", rotation.key, key.name)));
        }
        Ok(Some(rotation))
    }

    /// Records a rotation.
    ///
    /// # Errors
    /// Exit 69 when it cannot be written.
    pub fn record_rotation(
        &self,
        key: &Key,
        rotation: &Rotation,
        shared: bool,
    ) -> Result<(), Failure> {
        let path = self.rotation_path(key);
        let doing = || format!("write {}", path.display());
        self.make_folder(shared)?;
        let mut bytes = serde_json::to_vec_pretty(rotation).or_fail(Exit::Internal, doing())?;
        bytes.push(b'\n');
        let fresh = self.folder.join(format!(".aiops-new-{}.rotation", key.file()));
        self.write(&fresh, &bytes, shared)?;
        self.host.rename_durable(&fresh, &path).or_fail(Exit::Unavailable, doing())
    }

    /// Removes the record of a rotation, durably; one that is not there is fine.
    ///
    /// # Errors
    /// Exit 69 when it cannot be removed.
    pub fn end_rotation(&self, key: &Key) -> Result<(), Failure> {
        let path = self.rotation_path(key);
        let doing = format!("remove {}", path.display());
        self.host.remove_file_durable(&path).or_fail(Exit::Unavailable, doing)
    }

    /// Removes what a killed call left half-written in the secrets folder. Only for whoever holds
    /// the folder's lock. What cannot be removed is tried again by the next call.
    pub fn sweep(&self) {
        for entry in self.host.list(&self.folder).unwrap_or_default() {
            let is_ours = entry.name.as_encoded_bytes().starts_with(b".aiops-");
            if is_ours && entry.kind == Kind::File {
                let _left = self.host.remove_file(&self.folder.join(&entry.name)).is_err();
            }
        }
    }

    fn write(&self, path: &Path, bytes: &[u8], shared: bool) -> Result<(), Failure> {
        let doing = || format!("write {}", path.display());
        self.host.replace_file(path, bytes, 0o600).or_fail(Exit::Unavailable, doing())?;
        match shared.then(|| self.group()) {
            None => Ok(()),
            Some(Some(group)) => {
                self.host.share(path, group, 0o640).or_fail(Exit::Unavailable, doing())
            }
            Some(None) => Err(Failure::new(Exit::Unavailable, doing())
                .because("the policy's group is not on this machine")
                .hint("make the group, or name another in keys.yaml")),
        }
    }

    fn make_folder(&self, shared: bool) -> Result<(), Failure> {
        let doing = || format!("make the folder {}", self.folder.display());
        if self.host.look(&self.folder).or_fail(Exit::Unavailable, doing())?.is_some() {
            return Ok(());
        }
        self.host.make_dir(&self.folder, 0o700).or_fail(Exit::Unavailable, doing())?;
        match shared.then(|| self.group()).flatten() {
            Some(group) => {
                self.host.share(&self.folder, group, 0o750).or_fail(Exit::Unavailable, doing())
            }
            None => Ok(()),
        }
    }
}
