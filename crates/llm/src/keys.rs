//! The providers' keys: found once each, made known to the redactor, never shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::Failure;
use secrets::{Registry, Resolver, Secret};

use crate::settings::Provider;

/// Finds keys.
#[derive(Debug)]
pub struct Keys<'a> {
    context: &'a Context,
    registry: Registry,
    folder: PathBuf,
    found: BTreeMap<Provider, Option<Secret>>,
}

impl<'a> Keys<'a> {
    /// Reads the registry of secrets; looks for none yet. `secrets_dir` is what the command line
    /// named.
    ///
    /// # Errors
    /// Exit 78 when the registry is missing or wrong.
    pub fn load(context: &'a Context, secrets_dir: Option<&Path>) -> Result<Self, Failure> {
        let registry = Registry::load(context)?;
        let folder = secrets::folder(&context.host, secrets_dir);
        Ok(Self { context, registry, folder, found: BTreeMap::new() })
    }

    /// The key of a provider, if there is one.
    ///
    /// # Errors
    /// Exit 77 when one is there and must not be used, or a source cannot tell.
    pub fn find(&mut self, provider: Provider) -> Result<Option<&Secret>, Failure> {
        if !self.found.contains_key(&provider) {
            let found = self.look_for(provider, false)?;
            self.found.insert(provider, found);
        }
        Ok(self.found.get(&provider).and_then(Option::as_ref))
    }

    /// The key of a provider that cannot be used without: `None` only for one that needs none.
    ///
    /// # Errors
    /// Exit 77 when it is nowhere, or as [`Keys::find`].
    pub fn need(&mut self, provider: Provider) -> Result<Option<&Secret>, Failure> {
        if provider.secret().is_some() && self.find(provider)?.is_none() {
            // Again, for the words that say where it was looked for.
            let found = self.look_for(provider, true)?;
            self.found.insert(provider, found);
        }
        self.find(provider)
    }

    /// With `must`, one that is nowhere is an error.
    fn look_for(&self, provider: Provider, must: bool) -> Result<Option<Secret>, Failure> {
        let Some(name) = provider.secret() else { return Ok(None) };
        let key = self.registry.key(name)?;
        let keychain = keychain::platform(&self.context.host);
        let resolver = Resolver::new(&self.context.host, &self.registry, self.folder.clone());
        let resolver = match &keychain {
            Some(keychain) => resolver.with_keychain(&self.registry, keychain.as_ref()),
            None => resolver,
        };
        let found = if must { Some(resolver.need(key)?) } else { resolver.find(key)? };
        if let Some(secret) = &found {
            self.context.learn_secret(secret.expose());
        }
        Ok(found)
    }
}
