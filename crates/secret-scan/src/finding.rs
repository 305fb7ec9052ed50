//! What was found, without the secret.

use std::path::PathBuf;

/// Something that looks like a secret, and where. The secret itself is not kept.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// The file, if the caller named one; as the caller or the diff names it.
    pub path: Option<PathBuf>,
    /// The line the secret starts in, from 1.
    pub line: usize,
    /// The byte of that line the secret starts at, from 1.
    pub column: usize,
    /// The line the rule's whole match starts in, which gitleaks calls the finding's line.
    pub match_line: usize,
    /// The rule's id.
    pub rule: String,
    /// What the rule finds, for people.
    pub description: String,
    /// The secret as people may see it: known prefix, `…`, last four characters; `…` when short.
    pub masked: String,
}
