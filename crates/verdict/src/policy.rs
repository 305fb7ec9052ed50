//! configs/review.yaml: what is protected, what is kept from the model, how large a review may be.

use globset::{Glob, GlobBuilder, GlobMatcher};
use ops_core::config::{self, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::ReviewerKind;

/// The largest review.yaml that is read, bytes.
pub const LARGEST_POLICY: usize = 1 << 20;

/// How a repository is reviewed. The one in force for a range is the one at its `since`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// Patterns of references that only move with a verdict; `*` crosses slashes, case is nothing.
    #[schemars(length(max = 64))]
    pub protected: Vec<String>,
    /// The branch that new references must come from: `main`.
    #[schemars(length(min = 1, max = 200))]
    pub protected_branch: String,
    /// What is shown by digest only and not sent to a model; the first that matches counts.
    #[schemars(length(max = 64))]
    pub exclude: Vec<Exclude>,
    /// The largest bundle that is reviewed in one piece, bytes.
    #[schemars(range(min = 1000, max = 50_000_000))]
    pub max_bytes: u64,
    /// The most tokens a packet may have.
    #[schemars(range(min = 500, max = 2_000_000))]
    pub max_tokens: u64,
    /// Patterns of paths that guard the review itself: a change there is always a finding.
    #[schemars(length(max = 256))]
    pub gate_paths: Vec<String>,
    /// What becomes of a binary file that is new or changed.
    pub binaries: Binaries,
    /// The hosts whose answers count.
    #[schemars(length(max = 16))]
    pub endpoint_hosts: Vec<String>,
    /// Which kinds of reviewer count.
    #[schemars(length(min = 1, max = 2))]
    pub reviewer_kinds: Vec<ReviewerKind>,
}

/// Paths that are shown by digest only.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    /// A pattern of paths; `*` stops at slashes, `**` does not.
    #[schemars(length(min = 1, max = 300))]
    pub glob: String,
    /// Why.
    #[schemars(length(min = 1, max = 300))]
    pub reason: String,
}

/// What becomes of binary files.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Binaries {
    /// Nobody can review it: it blocks.
    Block,
    /// Size and digest are noted.
    Note,
}

impl Settings for Policy {
    const FILE: &'static str = "review.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/review.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/review.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let globs = [("protected", &self.protected), ("gatePaths", &self.gate_paths)];
        for (name, list) in globs {
            for (at, glob) in list.iter().enumerate() {
                wrong.extend(bad_glob(glob).map(|why| (format!("/{name}/{at}"), why)));
            }
        }
        for (at, it) in self.exclude.iter().enumerate() {
            wrong.extend(bad_glob(&it.glob).map(|why| (format!("/exclude/{at}/glob"), why)));
        }
        let branch = format!("refs/heads/{}", self.protected_branch);
        if gix::refs::FullName::try_from(branch).is_err() {
            wrong.push(("/protectedBranch".into(), "the name of a branch".into()));
        }
        wrong
    }
}

impl Policy {
    /// Reads review.yaml. Only a wrong one is held to its schema, to list everything that is wrong:
    /// the types accept nothing that the schema refuses but for ranges, which are looked at.
    ///
    /// # Errors
    /// Every violation, a line each.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes == Self::SHIPPED.as_bytes() {
            return Self::typed(&config::yaml(Self::SHIPPED)?);
        }
        if bytes.len() > LARGEST_POLICY {
            return Err(format!("it is larger than {LARGEST_POLICY} bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|err| err.to_string())?;
        let document = config::yaml(text)?;
        let found = config::validate(Self::FILE, Self::SCHEMA, &document);
        let found = found.map_err(|failure| failure.to_string())?;
        if !found.is_empty() {
            return Err(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
        Self::typed(&document)
    }

    fn typed(document: &serde_json::Value) -> Result<Self, String> {
        let policy = Self::deserialize(document).map_err(|err| err.to_string())?;
        let wrong = policy.check();
        if wrong.is_empty() {
            return Ok(policy);
        }
        let list: Vec<String> =
            wrong.iter().map(|(at, why)| format!("{} at {at}: {why}", Self::FILE)).collect();
        Err(list.join("\n"))
    }

    /// Whether a reference only moves with a verdict. What is no UTF-8 does.
    pub fn protects(&self, reference: &[u8]) -> bool {
        let Ok(name) = std::str::from_utf8(reference) else { return !self.protected.is_empty() };
        self.protected.iter().any(|glob| reference_glob(glob).is_ok_and(|it| it.is_match(name)))
    }

    /// The first exclusion that a path falls under.
    pub fn exclusion(&self, path: &str) -> Option<&Exclude> {
        self.exclude.iter().find(|it| is_path_match(&it.glob, path))
    }

    /// Whether a path guards the review itself.
    pub fn is_gate_path(&self, path: &str) -> bool {
        self.gate_paths.iter().any(|glob| is_path_match(glob, path))
    }
}

fn bad_glob(glob: &str) -> Option<String> {
    Glob::new(glob).err().map(|err| err.kind().to_string())
}

/// On a file system where case is nothing, `refs/HEADS/main` is `refs/heads/main`.
fn reference_glob(glob: &str) -> Result<GlobMatcher, globset::Error> {
    let built = GlobBuilder::new(glob).literal_separator(false).case_insensitive(true).build();
    built.map(|it| it.compile_matcher())
}

fn is_path_match(glob: &str, path: &str) -> bool {
    let built = GlobBuilder::new(glob).literal_separator(true).build();
    built.is_ok_and(|it| it.compile_matcher().is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Policy {
        Policy::read(Policy::SHIPPED.as_bytes()).unwrap()
    }

    #[test]
    fn every_branch_and_tag_is_protected_by_default_and_notes_are_not() {
        let policy = shipped();
        for (name, want) in [
            ("refs/heads/main", true),
            ("refs/heads/a/b/c", true),
            ("refs/tags/v1", true),
            ("refs/HEADS/main", true),
            ("refs/notes/aiops-verdicts", false),
            ("refs/for/main", false),
            ("refs/headsx/main", false),
        ] {
            assert_eq!(policy.protects(name.as_bytes()), want, "{name}");
        }
        assert!(policy.protects(b"refs/heads/\xff"));
    }

    #[test]
    fn paths_are_matched_segment_by_segment_and_the_first_exclusion_counts() {
        let mut policy = shipped();
        let rule = |glob: &str, reason: &str| Exclude { glob: glob.into(), reason: reason.into() };
        policy.exclude = vec![rule("vendor/*.txt", "one"), rule("vendor/**", "two")];
        let reason = |path: &str| policy.exclusion(path).map(|it| it.reason.as_str());
        assert_eq!(reason("vendor/a.txt"), Some("one"));
        assert_eq!(reason("vendor/x/a.txt"), Some("two"));
        assert_eq!(reason("Vendor/a.txt"), None);
        assert_eq!(reason("src/a.txt"), None);
        assert!(policy.is_gate_path("configs/allowed_signers"));
        assert!(policy.is_gate_path(".githooks/pre-push"));
        assert!(!policy.is_gate_path("src/lib.rs"));
    }

    #[test]
    fn every_violation_of_a_policy_is_listed() {
        let text = Policy::SHIPPED
            .replace("maxBytes: 200000", "maxBytes: 3\nmore: 1")
            .replace("binaries: block", "binaries: eat");
        let told = Policy::read(text.as_bytes()).unwrap_err();
        for part in ["/maxBytes", "/binaries", "more"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        let text = Policy::SHIPPED
            .replace("protectedBranch: main", "protectedBranch: a..b")
            .replace("\"refs/heads/*\"", "\"refs/[\"");
        let told = Policy::read(text.as_bytes()).unwrap_err();
        for part in ["/protectedBranch", "/protected/0"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(Policy::read(b"\xff").is_err());
        assert!(Policy::read(&vec![b' '; LARGEST_POLICY + 1]).is_err());
    }
}
