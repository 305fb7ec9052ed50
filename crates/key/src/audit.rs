//! Who did what to which secret and when: `<home>/state/keys/audit.jsonl`, chained by hashes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use audit_chain::GENESIS;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Lock};
use ops_core::time;
use schemars::JsonSchema;
use secrets::Secret;
use secrets::fingerprint::Pepper;
use serde::{Deserialize, Serialize};

use crate::desk::Desk;

/// No line is longer, bytes.
const LONGEST: u64 = 16 * 1024;

/// How long others may take to add their line.
const PATIENCE: Duration = Duration::from_millis(1500);

/// One line, beside `prev` and `hash`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Entry {
    /// RFC 3339 UTC.
    pub ts: String,
    /// Numeric user.
    pub actor: String,
    /// The machine.
    pub host: String,
    /// What was asked for: `set`, `rotate promote`, …
    pub action: String,
    /// The secret's name.
    pub key: String,
    /// Whether the line was written before the act or after it.
    pub outcome: Outcome,
    /// How far a rotation is; nothing where none is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Fingerprints, by what they are of: `old`, `new`, `current`, `next`.
    pub fingerprints: BTreeMap<String, String>,
}

/// When a line was written, and how the act ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Before the act; a line of its own says how it ended, unless the process was killed.
    Begun,
    /// After the act.
    Done,
    /// After the act that was not carried out, or not wholly.
    Failed,
    /// Before a program or shell got it; what it does then is not known here.
    HandedOver,
}

/// Writes the lines of one call.
pub(crate) struct Audit<'a> {
    host: &'a Host,
    folder: PathBuf,
    pepper: Pepper,
    action: String,
}

impl<'a> Audit<'a> {
    /// For lines of this action. Whoever holds no pepper leaves no line, and so does not act.
    pub(crate) fn of(desk: &Desk<'a>, action: &str) -> Result<Self, Failure> {
        let pepper = desk.pepper()?;
        let folder = desk.make_state()?;
        Ok(Self { host: &desk.context.host, folder, pepper, action: action.to_owned() })
    }

    /// The fingerprint of a secret.
    pub(crate) fn fingerprint(&self, secret: &Secret) -> String {
        self.pepper.fingerprint(secret)
    }

    /// Adds one line; durable on return.
    ///
    /// # Errors
    /// Exit 69 when it cannot be written: what leaves no line is not done.
    pub(crate) fn line(
        &self,
        key: &str,
        outcome: Outcome,
        phase: Option<&str>,
        of: &[(&str, Option<&Secret>)],
    ) -> Result<(), Failure> {
        let fingerprints = of.iter().filter_map(|(what, secret)| {
            Some(((*what).to_owned(), self.fingerprint(secret.as_ref()?)))
        });
        let entry = Entry {
            ts: time::rfc3339(self.host.now()),
            actor: format!("uid:{}", self.host.user()),
            host: self.host.name(),
            action: self.action.clone(),
            key: key.to_owned(),
            outcome,
            phase: phase.map(str::to_owned),
            fingerprints: fingerprints.collect(),
        };
        self.append(&entry).map_err(|failure| {
            failure.hint("without an audit line nothing is done; --home names another folder")
        })
    }

    /// Writes how an act ended that began with a line.
    pub(crate) fn ended<T>(
        &self,
        key: &str,
        phase: Option<&str>,
        of: &[(&str, Option<&Secret>)],
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let outcome = if result.is_ok() { Outcome::Done } else { Outcome::Failed };
        let written = self.line(key, outcome, phase, of);
        // What went wrong with the act itself is the worse news.
        result.and_then(|done| written.map(|()| done))
    }

    fn append(&self, entry: &Entry) -> Result<(), Failure> {
        let path = self.folder.join("audit.jsonl");
        let doing = || format!("write an audit line to {}", path.display());
        let _alone = self.alone()?;
        let end = match self.host.read_end(&path, LONGEST) {
            Ok(end) => end,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(err) => return Err(err).or_fail(Exit::Unavailable, doing()),
        };
        let prev = last_hash(&end).ok_or_else(|| {
            Failure::new(Exit::Unavailable, doing())
                .because("its last line has no hash, so none can follow it")
        })?;
        let line = audit_chain::line(entry, &prev).or_fail(Exit::Internal, doing())?;
        self.host
            .append_line(&path, line.text.as_bytes(), 0o600, LONGEST)
            .or_fail(Exit::Unavailable, doing())
    }

    /// Waits for whoever adds a line right now, within limits.
    fn alone(&self) -> Result<Lock, Failure> {
        let path = self.folder.join("audit.lock");
        let end = self.host.ticks() + PATIENCE;
        loop {
            match self.host.lock(&path)? {
                Ok(lock) => return Ok(lock),
                Err(busy) if self.host.ticks() >= end => return Err(busy.failure("key")),
                Err(_) => self.host.pause(Duration::from_millis(5)),
            }
        }
    }
}

/// The hash of the last whole line; a last line that a crash left unfinished does not count.
fn last_hash(end: &[u8]) -> Option<String> {
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole == 0 {
        return Some(GENESIS.to_owned());
    }
    let line = end.get(..whole)?.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    let (_, hash) = std::str::from_utf8(line).ok()?.rsplit_once(",\"hash\":\"")?;
    let hash = hash.strip_suffix("\"}")?;
    (hash.len() == GENESIS.len()).then(|| hash.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_goes_on_after_whole_lines_only() {
        let line = audit_chain::line(&std::collections::BTreeMap::from([("a", 1)]), GENESIS);
        let line = line.unwrap();
        assert_eq!(last_hash(b"").as_deref(), Some(GENESIS));
        assert_eq!(last_hash(b"{\"cut o").as_deref(), Some(GENESIS));
        assert_eq!(last_hash(line.text.as_bytes()), Some(line.hash.clone()));
        let torn = format!("{}{{\"cut", line.text);
        assert_eq!(last_hash(torn.as_bytes()), Some(line.hash));
        assert_eq!(last_hash(b"nonsense\n"), None);
    }
}
