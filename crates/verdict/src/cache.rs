//! The same question has the same answer: what makes two questions of a review the same.

use sha2::{Digest, Sha256};

use crate::document::ReviewerKind;
use crate::in_force::RuleDigests;

/// What one reviewer's opinion about one packet rests on. Equal keys have the same answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// SHA-256 of the bundle, 64 hex digits.
    pub bundle_sha256: String,
    /// The rules in force.
    pub rules: RuleDigests,
    /// Which packet, counted from 1, and how many there are.
    pub packet: (usize, usize),
    /// SHA-256 of its text, 64 hex digits.
    pub packet_sha256: String,
    /// Whether it is the second opinion, which another's never is.
    pub is_second: bool,
    /// Which kind of reviewer.
    pub kind: ReviewerKind,
    /// The provider.
    pub provider: String,
    /// The model that is to be asked.
    pub model: String,
}

impl Key {
    /// One name for it, 64 hex digits.
    pub fn digest(&self) -> String {
        let kind = match self.kind {
            ReviewerKind::Api => "api",
            ReviewerKind::CodexCli => "codex_cli",
        };
        let rules = &self.rules;
        let packet = format!("{} of {}", self.packet.0, self.packet.1);
        let role = if self.is_second { "second" } else { "first" };
        let mut hash = Sha256::new();
        for part in [
            "aiops.review-key/2",
            &self.bundle_sha256,
            &rules.prompt,
            &rules.policy,
            &rules.configuration,
            &rules.signers,
            &packet,
            &self.packet_sha256,
            role,
            kind,
            &self.provider,
            &self.model,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        crate::hex(&hash.finalize())
    }
}
