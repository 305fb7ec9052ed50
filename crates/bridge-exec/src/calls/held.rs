//! `bridge-exec held`, `approve` and `reject`.

use std::time::Duration;

use bridge::command::{Op, Schema};
use bridge::document;
use bridge::evidence::DeadLetter;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use ops_core::time::rfc3339;

use crate::args::Args;
use crate::documents::{Decided, HeldItem, HeldList, Row};
use crate::ledger::{Decision, HeldRow, Ledger};
use crate::open::Surroundings;

/// How long a running executor is given to act on a decision.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn list(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let surroundings = Surroundings::new(args, context)?;
    let mut held = Vec::new();
    if let Some(ledger) = Ledger::look(&context.host, &surroundings.state)? {
        let decisions = ledger.decisions()?;
        let schema = Schema::new();
        for row in ledger.held()? {
            let decided = decisions.iter().any(|it| it.id == row.id);
            held.push(item(row, &schema, decided));
        }
    }
    Ok(Box::new(HeldList { schema: "aiops.bridge.held/1".into(), held }))
}

fn item(row: HeldRow, schema: &Schema, decided: bool) -> HeldItem {
    let command = document::read(&row.input).and_then(|it| schema.read(it.body())).ok();
    let command = command.map(|it| it.command);
    let ops = command.iter().flat_map(|it| &it.payload.inline.ops).map(told).collect();
    HeldItem {
        id: row.id,
        target: command.map(|it| it.target).unwrap_or_default(),
        hmac_key: row.signer,
        held_at: row.held_at,
        expires_at: rfc3339(row.expires_at),
        why: row.why,
        ops,
        decided,
    }
}

fn told(op: &Op) -> String {
    match op {
        Op::Noop {} => "noop".to_owned(),
        Op::WriteFile { path, .. } => format!("writeFile {path}"),
        Op::MoveFile { from, to } => format!("moveFile {from} -> {to}"),
        Op::ApplyDiff { diff } => format!("applyDiff of {} lines", diff.lines().count()),
        Op::DeleteFile { path } => format!("deleteFile {path}"),
    }
}

/// Approves (no reason) or rejects a held command.
pub(crate) fn decide(
    args: &Args,
    id: &str,
    why: Option<&str>,
    context: &Context,
) -> Result<Box<dyn Report>, Failure> {
    let surroundings = Surroundings::new(args, context)?;
    let missing = || {
        Failure::new(Exit::Malformed, format!("decide about {id}: it is not held"))
            .hint("`bridge-exec held` lists what is")
    };
    let ledger = Ledger::look(&context.host, &surroundings.state)?;
    let mut ledger = ledger.ok_or_else(missing)?;
    if !ledger.held()?.iter().any(|row| row.id == id) {
        return Err(missing());
    }
    ledger.decide(&Decision {
        id: id.to_owned(),
        approved: why.is_none(),
        why: why.unwrap_or_default().to_owned(),
        who: format!("uid {}", context.host.user()),
    })?;
    let outcome = match surroundings.lock(&context.host) {
        Ok(_locks) => {
            drop(ledger);
            let (mut engine, recovered) = surroundings.engine(args, context)?;
            let pass = engine.pass_over_held()?;
            recovered.iter().chain(&pass.kept).find(|entry| entry.id == id).map(|entry| Row {
                id: id.to_owned(),
                result: entry.result.clone(),
                reason: entry.reason,
                files_changed: entry.files_changed,
            })
        }
        Err(failure) if failure.exit == Exit::TryLater => {
            poke(&surroundings, context)?;
            followed(&surroundings, &ledger, id, context)?
        }
        Err(failure) => return Err(failure),
    };
    Ok(Box::new(Decided {
        schema: "aiops.bridge.decided/1".into(),
        id: id.to_owned(),
        approved: why.is_none(),
        outcome,
    }))
}

/// Wakes a running executor.
fn poke(surroundings: &Surroundings, context: &Context) -> Result<(), Failure> {
    let folder = surroundings.state.join("poke");
    let host = &context.host;
    host.make_dir(&folder, 0o750)
        .and_then(|()| host.replace_file_unsynced(&folder.join("decision"), b"", 0o640))
        .or_fail(Exit::Unavailable, "wake the running executor; it looks again by itself")
}

/// Waits until the running executor acted, and tells what it did.
fn followed(
    surroundings: &Surroundings,
    ledger: &Ledger,
    id: &str,
    context: &Context,
) -> Result<Option<Row>, Failure> {
    let host = &context.host;
    let end = host.ticks() + PATIENCE;
    while ledger.held()?.iter().any(|row| row.id == id) {
        if host.ticks() >= end {
            return Ok(None);
        }
        host.pause(Duration::from_millis(20));
    }
    let root = &surroundings.root;
    // The promise is durable; its files follow at once.
    while host.ticks() < end {
        let row = |result: &str, reason| Row {
            id: id.into(),
            result: result.into(),
            reason,
            files_changed: 0,
        };
        if host.look(&root.result(id)).is_ok_and(|it| it.is_some()) {
            return Ok(Some(row("ok", None)));
        }
        if let Ok(bytes) = host.read(&root.dead_letter(id), 64 << 20)
            && let Ok(letter) = serde_json::from_slice::<DeadLetter>(&bytes)
        {
            return Ok(Some(row("dead_letter", Some(letter.reason))));
        }
        host.pause(Duration::from_millis(20));
    }
    Ok(None)
}
