//! configs/ship.yaml: the tests, the bounds, and what autoheal may touch.

use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a repository is shipped.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Argument lists, run in order at the top of the work tree; the first that fails ends it.
    #[schemars(length(min = 1, max = 64))]
    pub tests: Vec<Vec<String>>,
    /// How long each test may take.
    #[schemars(range(min = 1, max = 1440))]
    pub test_minutes: u64,
    /// Where to push: a remote's name.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"))]
    pub remote: String,
    /// The branch there.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"))]
    pub branch: String,
    /// Whether verdicts are pushed as notes too.
    pub push_notes: bool,
    /// Who reviews.
    pub reviewer: Who,
    /// How long all of it may take.
    #[schemars(range(min = 1, max = 10080))]
    pub minutes: u64,
    /// How much all reviews and proposals of one call may cost, US dollars.
    #[schemars(range(min = 0, max = 1000))]
    pub max_usd: f64,
    /// What autoheal may do.
    pub heal: Heal,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The model of configs/llm.json.
    Api,
    /// The Codex command line tool.
    Codex,
}

/// What autoheal may do.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Heal {
    /// How often it may try; 0: never.
    #[schemars(range(min = 0, max = 10))]
    pub rounds: u32,
    /// Who proposes.
    pub by: Who,
    /// Files, or folders with a slash at their end. What guards the review is never among them.
    #[schemars(length(max = 256))]
    pub paths: Vec<String>,
}

impl config::Settings for Settings {
    const FILE: &'static str = "ship.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/ship.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/ship.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for (at, test) in self.tests.iter().enumerate() {
            if test.first().is_none_or(String::is_empty) {
                wrong.push((format!("/tests/{at}"), "a program and its arguments".to_owned()));
            }
        }
        for (at, path) in self.heal.paths.iter().enumerate() {
            let plain = path.strip_suffix('/').unwrap_or(path);
            if confined_fs::RelPath::parse(plain).is_err() || plain.contains(['*', '?', '[']) {
                let wanted = "a relative path without patterns, `folder/` or a file";
                wrong.push((format!("/heal/paths/{at}"), wanted.to_owned()));
            }
        }
        wrong
    }
}
