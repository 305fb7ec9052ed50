//! What is remembered of a provider between processes: that its last call failed, and how.

use std::path::{Path, PathBuf};

use llm_wire::Class;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::folder;
use crate::settings::Provider;

/// How a provider stands.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// It answers.
    Ok,
    /// It can be used, and something is wrong or soon will be.
    Degraded,
    /// It cannot be used.
    Down,
}

/// `<home>/state/llm/<provider>.json`: only there after a call failed, until one succeeds.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// `aiops.llm.health/1`.
    pub schema: String,
    /// The provider.
    pub provider: Provider,
    /// DOWN when only money or another key helps, else DEGRADED.
    pub state: State,
    /// As in telemetry; `billing` for a 429 about money.
    pub last_error_class: String,
    /// RFC 3339 UTC.
    pub at: String,
}

fn path(home: &Path, provider: Provider) -> PathBuf {
    folder(home).join(format!("{provider}.json"))
}

/// How a failure is named: by its class, or by what an operator has to do about it.
pub fn error_class(class: Class) -> &'static str {
    match class {
        Class::TransientQuota { billing: true } => "billing",
        Class::NonTransient(why) => why.name(),
        other => other.name(),
    }
}

/// What is remembered. What cannot be read is no memory: the next call shows.
pub fn recall(host: &Host, home: &Path, provider: Provider) -> Option<Memory> {
    let (_, bytes) = host.read_plain(&path(home, provider), 4096).ok()?;
    serde_json::from_slice(&bytes).ok().filter(|memory: &Memory| memory.provider == provider)
}

/// Remembers how a call to a provider ended; `None` for well.
///
/// # Errors
/// Exit 69 when it cannot be written.
pub fn remember(
    host: &Host,
    home: &Path,
    provider: Provider,
    failed: Option<Class>,
) -> Result<(), Failure> {
    let path = path(home, provider);
    let doing = || format!("write {}", path.display());
    let Some(class) = failed else {
        return match host.look(&path) {
            Ok(None) => Ok(()),
            _ => host.remove_file(&path).or_fail(Exit::Unavailable, doing()),
        };
    };
    let only_a_person_helps = matches!(class, Class::TransientQuota { billing: true })
        || matches!(error_class(class), "unauthorized" | "unpaid" | "certificate");
    let memory = Memory {
        schema: "aiops.llm.health/1".into(),
        provider,
        state: if only_a_person_helps { State::Down } else { State::Degraded },
        last_error_class: error_class(class).to_owned(),
        at: time::rfc3339(host.now()),
    };
    let bytes = serde_json::to_vec_pretty(&memory).or_fail(Exit::Internal, doing())?;
    host.make_dir(&folder(home), 0o750).or_fail(Exit::Unavailable, doing())?;
    host.replace_file_unsynced(&path, &bytes, 0o640).or_fail(Exit::Unavailable, doing())
}
