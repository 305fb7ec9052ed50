//! Waivers: a signer takes the power to block from one finding about one commit, for a while.

use ops_core::time::{self, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ssh_key::PrivateKey;

use crate::dsse::{Envelope, WAIVER};
use crate::signers::Signers;
use crate::trust::{self, Distrust};

/// The one schema name of a waiver.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Schema {
    /// Version 1.
    #[default]
    #[serde(rename = "aiops.waiver/1")]
    V1,
}

/// A waiver: `aiops.waiver/1`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// `aiops.waiver/1`.
    pub schema: Schema,
    /// The commit that was reviewed, 40 or 64 hex digits.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub to_sha: String,
    /// The finding, 64 hex digits, as the verdict shows it.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub fingerprint: String,
    /// Why.
    #[schemars(length(min = 1, max = 2000))]
    pub reason: String,
    /// When it was made, RFC 3339 UTC.
    pub created_at: String,
    /// When it ends, RFC 3339 UTC.
    pub expires_at: String,
}

/// A waiver whose signature was found good, and whose time has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Granted {
    /// The commit.
    pub to_sha: String,
    /// The finding.
    pub fingerprint: String,
    /// Why.
    pub reason: String,
    /// Who signed, a principal of `allowed_signers`.
    pub by: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Waiver {
    /// Signs it: one line of JSON, without a line end.
    ///
    /// # Errors
    /// When the key cannot sign, or the waiver is none.
    pub fn sign(&self, key: &PrivateKey) -> Result<Vec<u8>, String> {
        self.times()?;
        let payload = serde_json::to_vec(self).map_err(|err| err.to_string())?;
        let envelope = Envelope::seal(WAIVER, payload, key).map_err(|err| err.to_string())?;
        Ok(envelope.to_bytes())
    }

    fn times(&self) -> Result<(Timestamp, Timestamp), String> {
        let (from, until) = (time::parse(&self.created_at)?, time::parse(&self.expires_at)?);
        if until <= from {
            return Err("it ends before it begins".to_owned());
        }
        if self.reason.trim().is_empty() {
            return Err("it gives no reason".to_owned());
        }
        if !crate::is_oid(&self.to_sha) || self.fingerprint.len() != 64 {
            return Err("it names no commit, or no finding".to_owned());
        }
        Ok((from, until))
    }
}

/// Reads a signed waiver, and believes it if one of these signers made it and it has not ended.
///
/// # Errors
/// Why it counts for nothing.
pub fn granted(bytes: &[u8], signers: &Signers, now: Timestamp) -> Result<Granted, Distrust> {
    let envelope = Envelope::read(WAIVER, bytes).map_err(Distrust::Malformed)?;
    let malformed = |why: String| Distrust::Malformed(format!("the waiver: {why}"));
    let value =
        canonical_json::parse(envelope.payload()).map_err(|it| malformed(it.to_string()))?;
    let waiver: Waiver =
        serde_json::from_value(value.to_serde()).map_err(|err| malformed(err.to_string()))?;
    let (from, until) = waiver.times().map_err(malformed)?;
    if now >= until {
        return Err(malformed(format!("it ended at {}", waiver.expires_at)));
    }
    let by = trust::signer(&envelope, signers, &[from, now])?;
    let Waiver { to_sha, fingerprint, reason, .. } = waiver;
    Ok(Granted { to_sha, fingerprint, reason, by, expires_at: until })
}
