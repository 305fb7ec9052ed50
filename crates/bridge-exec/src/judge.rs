//! Leads a document through the layers, from its bytes to a dry run, looking at the world only
//! where a layer asks about it. Changes nothing: `once`, `watch` and `validate` share it.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge::command::Schema;
use bridge::document;
use bridge::keys::Keyring;
use bridge::layout::Root;
use bridge::reason::{Reason, Refusal};
use bridge::settings::Settings;
use confined_fs::RelPath;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::time::Timestamp;

use crate::act::validators;
use crate::decide;
use crate::decide::outcome::{Accepted, Validated};
use crate::decide::stage::{Staged, Stop, stage};
use crate::observe::{self, OpenTarget};

/// Everything that judging needs.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    context: &'a Context,
    root: &'a Root,
    pub(crate) settings: &'a Settings,
    keys: Keyring,
    pub(crate) schema: Schema,
    targets: BTreeMap<String, Result<OpenTarget, String>>,
}

/// A no before the id counts as used: whose it is, if that is known, and why.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) id: Option<String>,
    pub(crate) refusal: Refusal,
}

/// What a dry run came to.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    pub(crate) staged: Staged,
    pub(crate) validated: Validated,
    /// Absolute path of the target.
    pub(crate) target: String,
    /// The row of the policy that wants a person to look first.
    pub(crate) hold: Option<String>,
}

impl<'a> Judge<'a> {
    /// Opens the policy's targets.
    pub(crate) fn new(
        context: &'a Context,
        root: &'a Root,
        settings: &'a Settings,
        keys: Keyring,
    ) -> Result<Self, Failure> {
        let targets = BTreeMap::new();
        let mut judge = Self { context, root, settings, keys, schema: Schema::new(), targets };
        judge.reopen()?;
        Ok(judge)
    }

    /// Opens the targets anew, in case one was replaced.
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        self.targets.clear();
        for (name, target) in &self.settings.targets {
            let host = &self.context.host;
            let open = observe::target(host, self.root, &self.context.home, name, target)?;
            self.targets.insert(name.clone(), open);
        }
        Ok(())
    }

    /// Reads the keys anew if they changed: a rotation must not need a restart.
    ///
    /// # Errors
    /// Exit 69 when they cannot be used now: nothing is judged until they can.
    pub(crate) fn refresh_keys(&mut self) -> Result<(), Failure> {
        self.keys.refresh(self.context, self.settings).map_err(|mut failure| {
            failure.exit = Exit::Unavailable;
            failure
        })
    }

    /// The keys, for people.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.summary(self.context.host.now())
    }

    /// Size, syntax, signature, schema and time: the layers that need nothing but the document.
    pub(crate) fn read(&self, bytes: &[u8], size: u64, now: Timestamp) -> Result<Accepted, Turned> {
        let unknown = |refusal| Turned { id: None, refusal };
        let cap = self.settings.max_command_bytes;
        if bytes.len() as u64 > cap || size > cap {
            let why = format!("{} bytes; the policy allows {cap}", size.max(bytes.len() as u64));
            return Err(unknown(Refusal::new(Reason::Oversize, why)));
        }
        let document = document::read(bytes).map_err(unknown)?;
        let verified = document::verify(&document, &self.keys, now).map_err(unknown)?;
        let claimed = decide::claimed_id(&verified.body).map(str::to_owned);
        let known = |refusal| Turned { id: claimed.clone(), refusal };
        let dated = self.schema.read(&verified.body).map_err(known)?;
        decide::time(&dated, now, self.settings).map_err(known)?;
        Ok(Accepted { dated, signer: verified.signer, content: verified.content, started_at: now })
    }

    /// Policy, dry run and validators. `spent` tells how long the command has taken so far.
    pub(crate) fn rehearse(
        &self,
        accepted: &Accepted,
        spent: impl Fn() -> Duration,
    ) -> Result<Rehearsed, Stop> {
        let command = &accepted.dated.command;
        decide::policy(command, &accepted.signer, self.settings, &self.keys)?;
        let target = match self.targets.get(&command.target) {
            Some(Ok(target)) => target,
            Some(Err(why)) => return Err(Stop::Transient(why.clone())),
            None => return Err(Refusal::new(Reason::UnknownTarget, "it is not open").into()),
        };
        let path = target.path.to_str();
        let path = path.ok_or_else(|| Stop::Transient("the target's path is no text".into()))?;
        let mut look = |path: &RelPath| observe::look(target, path, self.settings);
        let staged = stage(command, &target.rules, self.settings, &mut look)?;
        let most = Duration::from_millis(command.constraints.max_runtime_ms);
        let left = || most.saturating_sub(spent());
        let validated =
            validators::run(self.context, command, &staged, self.settings, &target.path, left)?;
        let spent = spent();
        if spent > most {
            let why = format!("it took {spent:?}; maxRuntimeMs allows {most:?}");
            return Err(Refusal::new(Reason::RuntimeExceeded, why).into());
        }
        let hold = decide::hold(command, &staged, self.settings);
        let hold = hold.map(|row| serde_json::to_string(row).unwrap_or_default());
        Ok(Rehearsed { staged, validated, target: path.to_owned(), hold })
    }
}
