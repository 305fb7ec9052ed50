//! Why a document was refused: the closed list of reasons, in the order of the layers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reason codes of dead letters and of the audit log.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The file's name starts with a dot.
    Hidden,
    /// The document is larger than the policy allows.
    Oversize,
    /// Not JSON that every reader reads the same way.
    NotJson,
    /// No accepted key signed exactly these contents.
    BadHmac,
    /// A field is missing, unknown or of the wrong kind.
    Schema,
    /// `issued_at` lies in the future.
    NotYetValid,
    /// `expires_at` has passed.
    Expired,
    /// The id was used before, by another document.
    DuplicateId,
    /// This very document was accepted before, or is meant for another bridge.
    Replay,
    /// The policy knows no such target.
    UnknownTarget,
    /// An action that the document, the client or the executor may not use.
    ActionNotAllowed,
    /// A constraint or window wider than the policy's own.
    ConstraintOverPolicy,
    /// A path that would leave the target.
    PathEscape,
    /// A place inside the target that no command may touch.
    PathDenied,
    /// Deleting is not a capability here.
    DeletionDenied,
    /// A symbolic link on the way.
    Symlink,
    /// The file is not what the command expected, or changed meanwhile.
    PreconditionFailed,
    /// A diff that does not parse or does not match exactly.
    PatchConflict,
    /// More files than the command's own `maxFilesChanged`.
    TooManyFiles,
    /// More bytes than the policy allows.
    TooLarge,
    /// It took longer than the command's own `maxRuntimeMs`.
    RuntimeExceeded,
    /// A validator said no, or its name is unknown.
    ValidationFailed,
    /// A transient failure did not go away.
    RetriesExhausted,
    /// A person said no to a held command.
    Rejected,
    /// A bug here.
    Internal,
}

impl Reason {
    /// Every reason, in the order in which the layers find them.
    pub const ALL: &'static [Self] = &[
        Self::Hidden,
        Self::Oversize,
        Self::NotJson,
        Self::BadHmac,
        Self::Schema,
        Self::NotYetValid,
        Self::Expired,
        Self::DuplicateId,
        Self::Replay,
        Self::UnknownTarget,
        Self::ActionNotAllowed,
        Self::ConstraintOverPolicy,
        Self::PathEscape,
        Self::PathDenied,
        Self::DeletionDenied,
        Self::Symlink,
        Self::PreconditionFailed,
        Self::PatchConflict,
        Self::TooManyFiles,
        Self::TooLarge,
        Self::RuntimeExceeded,
        Self::ValidationFailed,
        Self::RetriesExhausted,
        Self::Rejected,
        Self::Internal,
    ];

    /// The code as documents carry it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Oversize => "oversize",
            Self::NotJson => "not_json",
            Self::BadHmac => "bad_hmac",
            Self::Schema => "schema",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::DuplicateId => "duplicate_id",
            Self::Replay => "replay",
            Self::UnknownTarget => "unknown_target",
            Self::ActionNotAllowed => "action_not_allowed",
            Self::ConstraintOverPolicy => "constraint_over_policy",
            Self::PathEscape => "path_escape",
            Self::PathDenied => "path_denied",
            Self::DeletionDenied => "deletion_denied",
            Self::Symlink => "symlink",
            Self::PreconditionFailed => "precondition_failed",
            Self::PatchConflict => "patch_conflict",
            Self::TooManyFiles => "too_many_files",
            Self::TooLarge => "too_large",
            Self::RuntimeExceeded => "runtime_exceeded",
            Self::ValidationFailed => "validation_failed",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Rejected => "rejected",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A no: its code, and what was expected and found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The code.
    pub reason: Reason,
    /// For people: what was expected, what was found.
    pub detail: String,
}

impl Refusal {
    /// A no with its explanation.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_serde_writes_and_each_is_explained_in_the_documentation() {
        let docs = include_str!("../../../docs/bridge.md");
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
            assert!(docs.contains(&format!("| `{reason}` |")), "docs/bridge.md lacks {reason}");
        }
    }
}
