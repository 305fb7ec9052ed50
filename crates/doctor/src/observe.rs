//! What doctor looks at: what to collect, recorded facts, another host's facts. Judges nothing.

mod remote;

use std::path::Path;

use host_facts::observe::Keys;
use host_facts::{Endpoint, Facts, SCHEMA, Wanted};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use serde_json::Value;

use crate::decide::Selection;
use crate::policy::Policy;

pub use remote::remote;

/// The JSON Schema of facts.
pub(crate) const FACTS_SCHEMA: &str = include_str!("../../../configs/schemas/facts.schema.json");

/// The largest facts document that is read, bytes.
pub(crate) const LARGEST: u64 = 16 << 20;

/// What is to be collected for the checks that are asked for.
pub fn wanted(
    context: &Context,
    policy: &Policy,
    selection: &Selection,
    secrets_dir: Option<&Path>,
) -> Wanted {
    let keys = secrets::Registry::load(context).map_err(|failure| failure.to_string());
    Wanted {
        parts: selection.parts(policy),
        deadline: policy.deadline(),
        home: context.home.clone(),
        compose: policy.compose.files.clone(),
        api: Endpoint::from(&policy.api),
        console: Endpoint::from(&policy.console),
        mounts: policy.disk.mounts.iter().map(|it| it.path.clone()).collect(),
        logs: policy.disk.logs.iter().map(|it| it.path.clone()).collect(),
        keys: keys
            .map(|registry| Keys { registry, folder: secrets::folder(&context.host, secrets_dir) }),
        guard_timer: policy.guard.timer.clone(),
        guard_log: policy.guard.log.clone(),
    }
}

/// Reads recorded facts; `-` is standard input.
///
/// # Errors
/// Exit 69 when the file cannot be read, 65 when it is no facts document.
pub fn recorded(context: &Context, path: &Path) -> Result<Facts, Failure> {
    let name = path.display().to_string();
    parse(&name, &read(context, path, LARGEST)?).map_err(|why| {
        Failure::new(Exit::Malformed, format!("use the facts in {name}")).because(why)
    })
}

/// Reads a whole file, or standard input for `-`.
pub(crate) fn read(context: &Context, path: &Path, largest: u64) -> Result<Vec<u8>, Failure> {
    let doing = || format!("read {}", path.display());
    if path != Path::new("-") {
        return context.host.read(path, largest).or_fail(Exit::Unavailable, doing());
    }
    let doing = || "read standard input".to_owned();
    let bytes = context.host.read_input(largest + 1).or_fail(Exit::Unavailable, doing())?;
    if bytes.len() as u64 > largest {
        let why = format!("it is larger than {largest} bytes");
        return Err(Failure::new(Exit::Malformed, doing()).because(why));
    }
    Ok(bytes)
}

/// Reads a facts document, which can come from anywhere: its schema first, then its own type.
pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Facts, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|err| err.to_string())?;
    match document.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => {}
        other => return Err(format!("its schema is {other:?}, {SCHEMA:?} is wanted")),
    }
    let violations =
        config::validate(name, FACTS_SCHEMA, &document).map_err(|failure| failure.to_string())?;
    if !violations.is_empty() {
        let list: Vec<String> = violations.iter().take(20).map(ToString::to_string).collect();
        return Err(list.join("\n"));
    }
    serde_json::from_value(document).map_err(|err| err.to_string())
}
