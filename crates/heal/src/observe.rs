//! What heal looks at: the host as doctor sees it, guard as it says of itself.

use doctor::{Policy, Report, Selection};
use host_facts::Facts;
use ops_core::cli::Context;
use ops_core::config::Source;
use ops_core::host::Exec;
use serde_json::{Value, json};

/// The host at one moment, and what doctor says to it.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) facts: Facts,
    pub(crate) report: Report,
}

/// Looks at the host with every check.
pub(crate) fn look(context: &Context, policy: &Policy) -> Look {
    let selection = Selection::default();
    let wanted = doctor::observe::wanted(context, policy, &selection, None);
    let facts = host_facts::collect(&context.host, &wanted);
    let report = doctor::judge(&facts, policy, &selection, context.host.now());
    Look { facts, report }
}

/// What `guard status --json` says, or why it said nothing.
pub(crate) fn guard_status(context: &Context) -> Value {
    let host = &context.host;
    let unknown = |why: String| json!({ "unknown": { "why": why } });
    let Some(program) = host.find_program("guard") else {
        return unknown("guard is not installed beside heal or on PATH".into());
    };
    let mut exec = Exec::new(program, ["status", "--json"]);
    exec.cap = 1 << 20;
    exec.env.insert("AIOPS_HOME".into(), context.home.clone().into());
    if let Source::Folder(folder) = &context.configs {
        exec.env.insert("AIOPS_CONFIGS".into(), folder.clone().into());
    }
    match host.run(&exec) {
        Err(err) => unknown(format!("guard could not be started: {err}")),
        Ok(said) => serde_json::from_slice(&said.stdout).unwrap_or_else(|_| {
            let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
            unknown(format!("guard ended with {:?}: {why}", said.ending))
        }),
    }
}
