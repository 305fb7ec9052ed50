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
    /// Patterns of paths that guard the review itself, besides those that always do: a change there
    /// is always a finding.
    #[schemars(length(max = 256))]
    pub gate_paths: Vec<String>,
    /// What becomes of a binary file that is new or changed.
    pub binaries: Binaries,
    /// The hosts, with their ports, whose answers count. None: those that llm.json, as of the same
    /// commit, gives the providers that may review.
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
        wrong.extend(self.out_of_range());
        let branch = format!("refs/heads/{}", self.protected_branch);
        if gix::refs::FullName::try_from(branch).is_err() {
            wrong.push(("/protectedBranch".into(), "the name of a branch".into()));
        }
        wrong
    }
}

impl Policy {
    /// Reads review.yaml. The types and [`Settings::check`] refuse what its schema does; compiling
    /// that would cost a check more than all else, so it only lists what is wrong with a wrong one.
    ///
    /// # Errors
    /// Every violation, a line each.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LARGEST_POLICY {
            return Err(format!("it is larger than {LARGEST_POLICY} bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|err| err.to_string())?;
        let document = config::yaml(text)?;
        let wrong = match Self::typed(&document) {
            Ok(policy) => return Ok(policy),
            Err(wrong) => wrong,
        };
        let found = config::validate(Self::FILE, Self::SCHEMA, &document);
        let found = found.map_err(|failure| failure.to_string())?;
        let listed = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Err(if listed.is_empty() { wrong } else { listed })
    }

    /// What the schema's limits refuse.
    fn out_of_range(&self) -> Vec<(String, String)> {
        let letters = |text: &str| text.chars().count();
        let exclude = self.exclude.iter().all(|it| {
            (1..=300).contains(&letters(&it.glob)) && (1..=300).contains(&letters(&it.reason))
        });
        [
            ("/protected", self.protected.len() <= 64, "64 patterns at most"),
            (
                "/protectedBranch",
                (1..=200).contains(&letters(&self.protected_branch)),
                "1 to 200 characters",
            ),
            ("/exclude", self.exclude.len() <= 64, "64 at most"),
            ("/exclude", exclude, "1 to 300 characters"),
            ("/maxBytes", (1000..=50_000_000).contains(&self.max_bytes), "1000 to 50000000"),
            ("/maxTokens", (500..=2_000_000).contains(&self.max_tokens), "500 to 2000000"),
            ("/gatePaths", self.gate_paths.len() <= 256, "256 patterns at most"),
            ("/endpointHosts", self.endpoint_hosts.len() <= 16, "16 at most"),
            ("/reviewerKinds", (1..=2).contains(&self.reviewer_kinds.len()), "1 or 2"),
        ]
        .into_iter()
        .filter(|(_, is_fine, _)| !is_fine)
        .map(|(at, _, why)| (at.to_owned(), why.to_owned()))
        .collect()
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

    /// The quick reading of a right policy and the schema's are one.
    #[test]
    fn the_types_refuse_what_the_schema_refuses() {
        let good: serde_json::Value = config::yaml(Policy::SHIPPED).unwrap();
        let list = |length: usize| serde_json::json!(vec!["x"; length]);
        let rules = |length: usize| {
            serde_json::json!(vec![serde_json::json!({"glob": "x", "reason": "y"}); length])
        };
        let long = |length: usize| serde_json::json!("x".repeat(length));
        let rule = |glob: usize, reason: usize| serde_json::json!([{"glob": "x".repeat(glob), "reason": "x".repeat(reason)}]);
        for (name, value, want) in [
            ("maxBytes", 999.into(), false),
            ("maxBytes", 1000.into(), true),
            ("maxBytes", 50_000_000.into(), true),
            ("maxBytes", 50_000_001.into(), false),
            ("maxBytes", "1000".into(), false),
            ("maxBytes", (-1).into(), false),
            ("maxTokens", 499.into(), false),
            ("maxTokens", 2_000_000.into(), true),
            ("maxTokens", 2_000_001.into(), false),
            ("protected", list(64), true),
            ("protected", list(65), false),
            ("gatePaths", list(256), true),
            ("gatePaths", list(257), false),
            ("endpointHosts", list(16), true),
            ("endpointHosts", list(17), false),
            ("exclude", rules(64), true),
            ("exclude", rules(65), false),
            ("exclude", rule(300, 300), true),
            ("exclude", rule(301, 1), false),
            ("exclude", rule(1, 301), false),
            ("exclude", rule(0, 1), false),
            ("exclude", rule(1, 0), false),
            ("exclude", serde_json::json!([{"glob": "x"}]), false),
            ("protectedBranch", long(200), true),
            ("protectedBranch", long(201), false),
            ("protectedBranch", long(0), false),
            ("reviewerKinds", serde_json::json!([]), false),
            ("reviewerKinds", serde_json::json!(["api", "api", "api"]), false),
            ("reviewerKinds", serde_json::json!(["other"]), false),
            ("binaries", "eat".into(), false),
            ("more", 1.into(), false),
        ] {
            let mut it = good.clone();
            it[name] = value;
            let by_schema = config::validate(Policy::FILE, Policy::SCHEMA, &it).unwrap();
            assert_eq!(by_schema.is_empty(), want, "{name}: {by_schema:?}");
            assert_eq!(Policy::typed(&it).is_ok(), want, "{name}");
        }
        for name in good.as_object().unwrap().keys() {
            let mut it = good.clone();
            it.as_object_mut().unwrap().remove(name);
            assert!(Policy::typed(&it).is_err(), "{name}");
        }
    }
}
