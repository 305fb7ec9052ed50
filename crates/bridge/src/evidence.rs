//! The documents the executor leaves behind, as types.

pub use audit_chain::hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::Constraints;
use crate::reason::Reason;

/// How much of an input that is not text, or too large, a dead letter keeps: bytes.
pub const KEPT_INPUT: usize = 64 * 1024;

/// `results/<id>.json`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// `aiops.bridge.result/1`.
    pub schema: String,
    /// The command's id.
    pub id: String,
    /// `ok`.
    pub status: String,
    /// 0.
    pub exit_code: i32,
    /// `applyPatch`.
    pub action: String,
    /// The target's name.
    pub target: String,
    /// RFC 3339 UTC: when the executor took it on.
    pub started_at: String,
    /// RFC 3339 UTC: when it was committed; from then on it is certain to be carried out.
    pub finished_at: String,
    /// Between the two.
    pub duration_ms: u64,
    /// What changed, by path.
    pub files: Vec<FileOutcome>,
    /// How many paths changed; both ends of a move count.
    pub files_changed: u64,
    /// The client's own limits.
    pub constraints: Constraints,
    /// Whether they were kept.
    pub limits_ok: bool,
    /// Which key signed: `current`, `next` or `ssh:<client>`.
    pub hmac_key: String,
    /// What the validators said.
    pub validators: Vec<ValidatorOutcome>,
    /// What the validators wrote, capped and redacted.
    pub stdout: String,
    /// The same for standard error.
    pub stderr: String,
}

/// One changed file.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FileOutcome {
    /// Relative to the target; the new name of a moved file.
    pub path: String,
    /// What happened to it.
    pub change: FileChange,
    /// The old name of a moved file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Hex; null for a file that was not there.
    pub sha256_before: Option<String>,
    /// Hex; null for a file that is gone.
    pub sha256_after: Option<String>,
    /// Size afterwards; 0 for a file that is gone.
    pub bytes: u64,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It was not there before.
    Added,
    /// Its content or mode is new.
    Modified,
    /// Its name is new.
    Moved,
    /// It is gone.
    Deleted,
}

/// What one validator said.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorOutcome {
    /// Its name.
    pub name: String,
    /// Whether it accepted.
    pub ok: bool,
    /// Its exit code, or what else ended it.
    pub ending: String,
    /// How long it took.
    pub duration_ms: u64,
}

/// `results/<id>.integrity.json`: hashes of the exact bytes of the other files.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Integrity {
    /// `aiops.bridge.integrity/1`.
    pub schema: String,
    /// The command's id.
    pub id: String,
    /// Hex, of archive/`<id>`.json.
    pub input_sha256: String,
    /// Hex, of results/`<id>`.json.
    pub result_sha256: String,
    /// Hex, of diffs/`<id>`.patch.
    pub diff_sha256: String,
    /// From the command.
    pub issued_at: String,
    /// RFC 3339 UTC.
    pub executed_at: String,
    /// As in the result.
    pub duration_ms: u64,
    /// As in the result.
    pub files_changed: u64,
    /// As in the result.
    pub constraints: Constraints,
    /// As in the result.
    pub limits_ok: bool,
    /// Whether the signature held: always true here.
    pub hmac_ok: bool,
    /// As in the result.
    pub exit_code: i32,
}

/// `dead_letter/<name>.json`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// `aiops.bridge.dead_letter/1`.
    pub schema: String,
    /// The file's name in commands/, made printable.
    pub name: String,
    /// The command's id, once its signature was verified; null before.
    pub id: Option<String>,
    /// Whether the id counts as used from now on.
    pub accepted: bool,
    /// The code.
    pub reason: Reason,
    /// What was expected and found.
    pub detail: String,
    /// RFC 3339 UTC.
    pub at: String,
    /// Whether the signature was verified.
    pub hmac_ok: bool,
    /// Size of what came in.
    pub input_bytes: u64,
    /// The input when it is text and not too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Else its first 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_base64: Option<String>,
}

impl DeadLetter {
    /// Fits the input in: whole text up to `cap` bytes, else the beginning in base64.
    #[must_use]
    pub fn with_input(mut self, head: &[u8], size: u64, cap: u64) -> Self {
        self.input_bytes = size;
        match std::str::from_utf8(head) {
            Ok(text) if size <= cap && head.len() as u64 == size => self.input = Some(text.into()),
            _ => {
                let kept = head.get(..KEPT_INPUT).unwrap_or(head);
                self.input_base64 = Some(STANDARD.encode(kept));
            }
        }
        self
    }

    /// The input's bytes when it was kept whole.
    pub fn whole_input(&self) -> Option<Vec<u8>> {
        let bytes = match (&self.input, &self.input_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).ok()?,
            (None, None) => return None,
        };
        (bytes.len() as u64 == self.input_bytes).then_some(bytes)
    }
}

/// One row of `meta/retries.json`, by command id.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: String,
    /// RFC 3339 UTC.
    pub last_ts: String,
    /// RFC 3339 UTC: not before then.
    pub next_ts: String,
}

/// A document as it lies on disk: indented JSON and a newline.
///
/// # Panics
/// Never: these types have no map with keys that are not text.
pub fn to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).expect("plain structs serialise");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            schema: "aiops.bridge.dead_letter/1".into(),
            name: "x".into(),
            id: None,
            accepted: false,
            reason: Reason::NotJson,
            detail: String::new(),
            at: String::new(),
            hmac_ok: false,
            input_bytes: 0,
            input: None,
            input_base64: None,
        }
    }

    #[test]
    fn text_is_kept_whole_and_anything_else_by_its_first_64_kib() {
        let text = letter().with_input(b"{}", 2, 10);
        assert_eq!((text.input.as_deref(), text.whole_input()), (Some("{}"), Some(b"{}".to_vec())));
        let binary = letter().with_input(&[0xff, 0], 2, 10);
        assert_eq!((&binary.input, binary.whole_input()), (&None, Some(vec![0xff, 0])));
        let large = letter().with_input(&vec![b'a'; 100_000], 200_000, 1000);
        assert_eq!(large.whole_input(), None);
        assert_eq!(STANDARD.decode(large.input_base64.unwrap()).unwrap().len(), KEPT_INPUT);
    }
}
