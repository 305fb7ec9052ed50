//! What every call works with: the registry, the sources, the lock, the audit log.

use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Kind, Lock};
use secrets::fingerprint::Pepper;
use secrets::keychain::Keychain;
use secrets::{Key, Registry, Resolver, Secret};

/// The surroundings of one call.
pub(crate) struct Desk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) registry: Registry,
    folder: PathBuf,
    keychain: Option<Box<dyn Keychain>>,
}

/// What an acting call holds while it acts: nobody else changes secrets meanwhile.
pub(crate) struct Held {
    _home: Lock,
    _folder: Option<Lock>,
}

impl<'a> Desk<'a> {
    /// Reads the registry; asks no source yet.
    pub(crate) fn open(context: &'a Context, folder: Option<&Path>) -> Result<Self, Failure> {
        let registry = Registry::load(context)?;
        let folder = secrets::folder(&context.host, folder);
        Ok(Self { context, registry, folder, keychain: keychain::platform(&context.host) })
    }

    /// The sources. A keychain that does not answer is asked once by each resolver.
    pub(crate) fn resolver(&self) -> Resolver<'_> {
        let folder = self.folder.clone();
        let resolver = Resolver::new(&self.context.host, &self.registry, folder);
        match &self.keychain {
            Some(keychain) => resolver.with_keychain(&self.registry, keychain.as_ref()),
            None => resolver,
        }
    }

    /// The folder of secret files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of this program's own state.
    pub(crate) fn state(&self) -> PathBuf {
        self.context.home.join("state/keys")
    }

    /// Makes the folder of this program's own state, for nobody else to read.
    pub(crate) fn make_state(&self) -> Result<PathBuf, Failure> {
        let state = self.state();
        let host = &self.context.host;
        let made = host
            .make_dir(&self.context.home.join("state"), 0o750)
            .and_then(|()| host.make_dir(&state, 0o700));
        made.or_fail(Exit::Unavailable, format!("make the folder {}", state.display()))?;
        Ok(state)
    }

    /// Takes the lock of every call that changes secrets, and tidies up after one that was killed.
    ///
    /// # Errors
    /// Exit 75 while another one runs.
    pub(crate) fn hold(&self) -> Result<Held, Failure> {
        let host = &self.context.host;
        let lock = self.make_state()?.join("key.lock");
        let home = host.lock(&lock)?.map_err(|busy| busy.failure("key"))?;
        let there = host.look(&self.folder).ok().flatten();
        let folder = match there.filter(|it| it.kind == Kind::Folder) {
            // Other homes may share the folder. One that cannot even be opened is not written to.
            Some(_) => match host.lock_folder(&self.folder) {
                Ok(lock) => Some(lock.map_err(|busy| busy.failure("key"))?),
                Err(_) => None,
            },
            None => None,
        };
        if folder.is_some() {
            self.resolver().sweep();
        }
        Ok(Held { _home: home, _folder: folder })
    }

    /// The secret of this name; everything that is said masks it from now on.
    pub(crate) fn learn(&self, secret: Option<Secret>) -> Option<Secret> {
        if let Some(secret) = &secret {
            self.context.learn_secret(secret.expose());
        }
        secret
    }

    /// Finds a secret that must be there.
    pub(crate) fn need(&self, resolver: &Resolver<'_>, key: &Key) -> Result<Secret, Failure> {
        let secret = resolver.need(key)?;
        self.context.learn_secret(secret.expose());
        Ok(secret)
    }

    /// What fingerprints are made with.
    pub(crate) fn pepper(&self) -> Result<Pepper, Failure> {
        self.make_state()?;
        Pepper::load(&self.context.host, &self.context.home)
    }
}
