//! configs/guard.yaml: how often guard may act. What it judges by, and where its log lies, is
//! doctor.yaml's to say.

use std::time::Duration;

use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often guard may act.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How long after a first look at sshd in the open a second one must confirm it, seconds.
    #[schemars(range(max = 60))]
    pub second_look_seconds: u32,
    /// How old a cycle may be whose look at sshd in the open confirms this one's, minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub confirmed_for_minutes: u32,
    /// How many fixes may be begun within an hour; 0: guard only alerts.
    #[schemars(range(max = 60))]
    pub fixes_per_hour: u32,
    /// After so many failed fixes in a row guard only alerts, until `guard reset`.
    #[schemars(range(min = 1, max = 10))]
    pub failed_fixes_latch: u32,
    /// How long the fix may take, seconds. It is killed then; its dead man's switch goes back.
    #[schemars(range(min = 30, max = 480))]
    pub fix_seconds: u32,
}

impl Policy {
    /// How long to wait before a second look.
    pub fn second_look(&self) -> Duration {
        Duration::from_secs(u64::from(self.second_look_seconds))
    }
}

impl config::Settings for Policy {
    const FILE: &'static str = "guard.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/guard.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/guard.yaml");

    fn check(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
