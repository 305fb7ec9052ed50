//! Runs validators on a staged result, before anything is applied.

use std::path::Path;
use std::time::Duration;

use bridge::command::Command;
use bridge::evidence::ValidatorOutcome;
use bridge::reason::{Reason, Refusal};
use bridge::settings::{Settings, Validator};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::host::{Ending, Exec};
use serde_json::json;

use crate::decide::outcome::Validated;
use crate::decide::stage::{Content, Staged, Stop};

/// How much of what validators say is kept, bytes.
const KEPT: usize = 16 * 1024;

/// Runs the validation plan; `left` is what remains of the command's own runtime.
pub(crate) fn run(
    context: &Context,
    command: &Command,
    staged: &Staged,
    settings: &Settings,
    target: &Path,
    left: impl Fn() -> Duration,
) -> Result<Validated, Stop> {
    let mut validated = Validated::default();
    if command.validation_plan.is_empty() {
        return Ok(validated);
    }
    let folder = context
        .home
        .join("state/staging")
        .join(format!("{:016x}", u64::from_ne_bytes(context.host.random())));
    let outcome = command.validation_plan.iter().try_for_each(|name| {
        let started = context.host.ticks();
        let ending = match settings.validators.get(name) {
            None => built_in(name, staged),
            Some(validator) => {
                lay_out(context, &folder, staged)?;
                external(
                    context,
                    command,
                    staged,
                    validator,
                    &folder,
                    target,
                    left(),
                    &mut validated,
                )?
            }
        };
        let taken = context.host.ticks().saturating_sub(started);
        validated.outcomes.push(ValidatorOutcome {
            name: name.clone(),
            ok: ending.is_ok(),
            ending: ending.as_ref().map_or_else(Clone::clone, |()| "0".to_owned()),
            duration_ms: u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
        });
        ending.map_err(|why| {
            let said = format!("{}{}", validated.stdout, validated.stderr);
            let detail = format!("{name}: {why}; {}", context.clean(said.trim()));
            Stop::Refused(Refusal::new(Reason::ValidationFailed, detail.trim_end_matches("; ")))
        })
    });
    // Best effort: it lies under our own state and is named at random.
    let _left = context.host.remove_tree(&folder).is_err();
    outcome.map(|()| validated)
}

/// Says what is wrong with a text.
type Check = fn(&str) -> Result<(), String>;

/// A syntax check of the changed files with the ending that goes with it.
fn built_in(name: &str, staged: &Staged) -> Result<(), String> {
    let (endings, check): (&[&str], Check) = match name {
        "json" => (&[".json"], |text| {
            serde_json::from_str::<serde::de::IgnoredAny>(text)
                .map(drop)
                .map_err(|err| err.to_string())
        }),
        "yaml" => (&[".yaml", ".yml"], config::check_yaml),
        "toml" => (&[".toml"], |text| {
            text.parse::<toml::Table>().map(drop).map_err(|err| err.message().to_owned())
        }),
        other => return Err(format!("{other:?} is not built in")),
    };
    for (path, file) in &staged.files {
        let Some(Content { bytes, .. }) = &file.after else { continue };
        if endings.iter().any(|ending| path.as_str().ends_with(ending)) {
            let text = std::str::from_utf8(bytes).map_err(|_| format!("{path}: not UTF-8"))?;
            check(text).map_err(|why| format!("{path}: {why}"))?;
        }
    }
    Ok(())
}

/// Puts the changed files into a folder of our own, once.
fn lay_out(context: &Context, folder: &Path, staged: &Staged) -> Result<(), Stop> {
    let transient = |err: std::io::Error| Stop::Transient(format!("stage for validators: {err}"));
    if context.host.look(folder).map_err(transient)?.is_some() {
        return Ok(());
    }
    context.host.make_dir(folder, 0o750).map_err(transient)?;
    for (path, file) in &staged.files {
        let Some(Content { bytes, mode }) = &file.after else { continue };
        let place = folder.join(path.as_str());
        if let Some(parent) = place.parent() {
            context.host.make_dir(parent, 0o750).map_err(transient)?;
        }
        context.host.replace_file_unsynced(&place, bytes, *mode).map_err(transient)?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
fn external(
    context: &Context,
    command: &Command,
    staged: &Staged,
    validator: &Validator,
    folder: &Path,
    target: &Path,
    left: Duration,
    said: &mut Validated,
) -> Result<Result<(), String>, Stop> {
    let Some((program, args)) = validator.argv.split_first() else {
        return Ok(Err("its argv is empty".to_owned()));
    };
    let own = Duration::from_millis(validator.deadline_ms);
    let mut exec = Exec::new(program, args);
    exec.folder = Some(folder.to_path_buf());
    exec.deadline = own.min(left);
    exec.cap = KEPT;
    exec.env.insert("AIOPS_COMMAND_ID".into(), command.id.clone().into());
    exec.env.insert("AIOPS_TARGET_DIR".into(), target.into());
    let files: Vec<&str> = staged.paths().collect();
    exec.input = json!({"id": command.id, "target": command.target, "files": files})
        .to_string()
        .into_bytes();
    let finished = match context.host.run(&exec) {
        Ok(finished) => finished,
        Err(err) => return Ok(Err(format!("cannot be started: {err}"))),
    };
    said.stdout.push_str(&context.clean(&String::from_utf8_lossy(&finished.stdout)));
    said.stderr.push_str(&context.clean(&String::from_utf8_lossy(&finished.stderr)));
    match finished.ending {
        Ending::Code(0) => Ok(Ok(())),
        Ending::Code(code) => Ok(Err(format!("exit code {code}"))),
        Ending::Signal(signal) => Ok(Err(format!("killed by signal {signal}"))),
        Ending::Deadline if left < own => {
            let why = format!("maxRuntimeMs is {}", command.constraints.max_runtime_ms);
            Err(Stop::Refused(Refusal::new(Reason::RuntimeExceeded, why)))
        }
        Ending::Deadline => Ok(Err(format!("no answer within {own:?}"))),
    }
}
