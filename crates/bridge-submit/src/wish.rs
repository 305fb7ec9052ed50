//! What was typed, made whole: rules between options, and the defaults that need a clock, a random
//! number or the policy.

use bridge::command::Constraints;
use bridge::settings::Settings;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use ops_core::time;

use crate::args::{Args, Verb};
use crate::decide::{Change, Completion, Terms};
use crate::sign::Signer;

impl Args {
    /// Rules between options, which clap does not check for options shared by all verbs.
    ///
    /// # Errors
    /// Exit 2.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let verb = self.verb.name();
        let wrong = if self.keys.ssh_key.is_some() != self.keys.client.is_some() {
            "--ssh-key and --client only go together".to_owned()
        } else if self.following.wait && self.dry_run {
            "--wait follows what was dropped, and --dry-run drops nothing".to_owned()
        } else if self.following.wait && !self.verb.drops_one() {
            format!("--wait does not go with {verb}")
        } else if self.dry_run && matches!(self.verb, Verb::Smoke) {
            "--dry-run does not go with smoke".to_owned()
        } else {
            return Ok(());
        };
        Err(Failure::new(Exit::Usage, format!("run {verb}"))
            .because(wrong)
            .hint("bridge-submit --help shows examples"))
    }

    /// Who and when, for one change.
    pub(crate) fn terms(
        &self,
        host: &Host,
        settings: &Settings,
        signer: &Signer,
        change: &Change,
    ) -> Terms {
        let now = host.now();
        let ceilings = &settings.ceilings;
        let longest = settings.longest_window_seconds;
        Terms {
            id: self.id(host),
            target: self.wish.target.clone(),
            issued_at: now,
            ttl_seconds: self.wish.ttl.unwrap_or(DEFAULT_TTL.min(longest)),
            nonce: nonce(host),
            validators: self.wish.validate.clone(),
            allowed: change.needs().unwrap_or_else(|| signer.some_capability(settings)),
            constraints: Constraints {
                max_runtime_ms: self
                    .wish
                    .max_runtime_ms
                    .unwrap_or(DEFAULT_RUNTIME_MS.min(ceilings.max_runtime_ms)),
                max_files_changed: self
                    .wish
                    .max_files
                    .unwrap_or(change.files().min(ceilings.max_files_changed)),
            },
        }
    }

    /// What `sign` puts where a document says nothing.
    pub(crate) fn completion(&self, host: &Host) -> Completion {
        Completion {
            id: self.id(host),
            now: host.now(),
            ttl_seconds: self.wish.ttl.unwrap_or(DEFAULT_TTL),
            nonce: nonce(host),
        }
    }

    fn id(&self, host: &Host) -> String {
        let fresh = || format!("{}-{}", self.verb.name(), time::run_id(host.now(), host.random()));
        self.wish.id.clone().unwrap_or_else(fresh)
    }
}

/// Seconds.
const DEFAULT_TTL: u32 = 300;

/// Milliseconds.
const DEFAULT_RUNTIME_MS: u64 = 60_000;

/// Makes the contents of every command its own, so that two alike are no replay.
pub(crate) fn nonce(host: &Host) -> String {
    bridge::evidence::hex(&host.random::<12>())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn options_that_contradict_each_other_are_a_usage_error() {
        for (line, fine) in [
            ("noop", true),
            ("noop --wait", true),
            ("--wait noop", true),
            ("--dry-run noop", true),
            ("noop --ssh-key k", false),
            ("noop --client c", false),
            ("--client c --ssh-key k noop", true),
            ("noop --wait --dry-run", false),
            ("sign x --wait", false),
            ("sign x --dry-run", true),
            ("canonical x --wait", false),
            ("smoke --wait", false),
            ("smoke --dry-run", false),
        ] {
            let words = std::iter::once("bridge-submit").chain(line.split(' '));
            let args = Args::try_parse_from(words).unwrap();
            let judged = args.check().map_err(|failure| failure.exit);
            assert_eq!(judged, if fine { Ok(()) } else { Err(Exit::Usage) }, "{line}");
        }
    }
}
