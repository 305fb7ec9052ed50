//! Judges documents. No input or output here: each layer is a function of what was observed.

pub(crate) mod arrival;
pub(crate) mod outcome;
pub(crate) mod stage;

use bridge::command::{Command, Dated, Version};
use bridge::document::Signer;
use bridge::evidence::hex;
use bridge::keys::Keyring;
use bridge::reason::{Reason, Refusal};
use bridge::settings::{Capability, Hold, Settings, globs};
use canonical_json::Value;
use ops_core::time::{SignedDuration, Timestamp};

use stage::Staged;

/// The time layer. `now` is the later of the clock and the highest time ever seen here.
pub(crate) fn time(dated: &Dated, now: Timestamp, settings: &Settings) -> Result<(), Refusal> {
    let skew = SignedDuration::from_secs(i64::from(settings.clock_skew_seconds));
    let window = SignedDuration::from_secs(i64::from(settings.longest_window_seconds));
    let (issued, expires) = (dated.issued_at, dated.expires_at);
    if issued.duration_since(now) > skew {
        let why = format!("issued_at is {issued}, it is {now} here and {skew} of skew are allowed");
        return Err(Refusal::new(Reason::NotYetValid, why));
    }
    if now.duration_since(expires) > skew {
        let why = format!("expires_at was {expires}, it is {now} here");
        return Err(Refusal::new(Reason::Expired, why));
    }
    if expires.duration_since(issued) > window {
        let why = format!(
            "the window is {}, at most {window} are allowed",
            expires.duration_since(issued)
        );
        return Err(Refusal::new(Reason::ConstraintOverPolicy, why));
    }
    Ok(())
}

/// The uniqueness layer: what is known of this id, and whether evidence of that name lies about.
pub(crate) fn uniqueness(
    id: &str,
    content: &[u8; 32],
    seen: Option<[u8; 32]>,
    evidence_exists: bool,
) -> Result<(), Refusal> {
    match seen {
        Some(known) if known == *content => Err(Refusal::new(
            Reason::Replay,
            format!("this very document was accepted before as {id}"),
        )),
        Some(known) => Err(Refusal::new(
            Reason::DuplicateId,
            format!("{id} was used by another document (sha256 {}…)", &hex(&known[..6])),
        )),
        None if evidence_exists => {
            Err(Refusal::new(Reason::DuplicateId, format!("evidence named {id} is already there")))
        }
        None => Ok(()),
    }
}

/// The policy layer.
pub(crate) fn policy(
    command: &Command,
    signer: &Signer,
    settings: &Settings,
    keys: &Keyring,
) -> Result<(), Refusal> {
    if let Some(bridge) = command.bridge.as_ref().filter(|it| **it != settings.bridge_id) {
        let why = format!("it is meant for bridge {bridge:?}; this is {:?}", settings.bridge_id);
        return Err(Refusal::new(Reason::Replay, why));
    }
    let Some(target) = settings.targets.get(&command.target) else {
        let known: Vec<&str> = settings.targets.keys().map(String::as_str).collect();
        let why = format!("{:?} is none of {}", command.target, known.join(", "));
        return Err(Refusal::new(Reason::UnknownTarget, why));
    };
    if target.require_version_2 && command.schema_version == Version::V1 {
        let why = format!("target {} takes version 2.0 documents only", command.target);
        return Err(Refusal::new(Reason::ActionNotAllowed, why));
    }
    actions(command, signer, settings, keys)?;
    constraints(command, settings)
}

fn actions(
    command: &Command,
    signer: &Signer,
    settings: &Settings,
    keys: &Keyring,
) -> Result<(), Refusal> {
    let denied = |why: String| Err(Refusal::new(Reason::ActionNotAllowed, why));
    if command.action != "applyPatch" {
        return denied(format!("action {:?}; the only one is applyPatch", command.action));
    }
    for name in &command.allowed_actions {
        if name == Capability::DeleteFile.name()
            && !settings.capabilities.contains(&Capability::DeleteFile)
        {
            return Err(Refusal::new(Reason::DeletionDenied, "deleteFile is no capability here"));
        }
        if !settings.capabilities.iter().any(|it| it.name() == name) {
            return denied(format!("{name:?} is no capability here"));
        }
    }
    let client = match signer {
        Signer::Secret(_) => None,
        Signer::Client(name) => match keys.client(name) {
            Some(client) => Some(client),
            None => return denied(format!("client {name:?} is not listed")),
        },
    };
    if let Some(client) = client.filter(|it| !it.targets.contains(&command.target)) {
        return denied(format!("client {:?} may not change {}", client.name, command.target));
    }
    for op in &command.payload.inline.ops {
        let Some(needed) = op.needs() else { continue };
        covered(needed, command, settings)?;
        if client.is_some_and(|it| !it.actions.contains(&needed)) {
            return denied(format!("the client may not use {}", needed.name()));
        }
    }
    Ok(())
}

/// Whether the document and the executor both allow something.
pub(crate) fn covered(
    needed: Capability,
    command: &Command,
    settings: &Settings,
) -> Result<(), Refusal> {
    if !settings.capabilities.contains(&needed) {
        let reason = match needed {
            Capability::DeleteFile => Reason::DeletionDenied,
            _ => Reason::ActionNotAllowed,
        };
        return Err(Refusal::new(reason, format!("{} is no capability here", needed.name())));
    }
    if !command.allowed_actions.iter().any(|it| it == needed.name()) {
        let why = format!("an op needs {}, which allowedActions does not list", needed.name());
        return Err(Refusal::new(Reason::ActionNotAllowed, why));
    }
    Ok(())
}

fn constraints(command: &Command, settings: &Settings) -> Result<(), Refusal> {
    let (asked, most) = (&command.constraints, &settings.ceilings);
    for (name, asked, most) in [
        ("maxRuntimeMs", asked.max_runtime_ms, most.max_runtime_ms),
        ("maxFilesChanged", asked.max_files_changed, most.max_files_changed),
    ] {
        if asked > most {
            let why = format!("{name} is {asked}; the policy allows {most}");
            return Err(Refusal::new(Reason::ConstraintOverPolicy, why));
        }
    }
    let known = |name: &String| {
        bridge::settings::BUILT_IN.contains(&name.as_str())
            || settings.validators.contains_key(name)
    };
    match command.validation_plan.iter().find(|name| !known(name)) {
        Some(name) => {
            Err(Refusal::new(Reason::ValidationFailed, format!("no validator is called {name:?}")))
        }
        None => Ok(()),
    }
}

/// Whether a person has to look first, and because of which row.
pub(crate) fn hold<'a>(
    command: &Command,
    staged: &Staged,
    settings: &'a Settings,
) -> Option<&'a Hold> {
    settings.hold.iter().find(|hold| meets(hold, command, staged))
}

fn meets(hold: &Hold, command: &Command, staged: &Staged) -> bool {
    let paths = || {
        // A glob that does not compile was refused with the file; here it would hold everything.
        globs(&hold.paths).map_or(true, |set| staged.paths().any(|path| set.is_match(path)))
    };
    let uses = |needed: &Capability| {
        command.payload.inline.ops.iter().any(|op| op.needs() == Some(*needed))
    };
    hold.target.as_ref().is_none_or(|name| *name == command.target)
        && (hold.paths.is_empty() || paths())
        && (hold.actions.is_empty() || hold.actions.iter().any(uses))
        && hold.larger_than_bytes.is_none_or(|size| staged.bytes_written() > size)
}

/// The id of a document that nobody vouches for yet, for logs: never for a file name.
pub(crate) fn claimed_id(body: &Value) -> Option<&str> {
    body.get("id").and_then(Value::as_str).filter(|id| id_is_sound(id))
}

/// Whether a text may be an id, and so a file name.
pub(crate) fn id_is_sound(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.len() <= 128
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A file name in commands/, without its ending, as a name that is safe anywhere.
pub(crate) fn sanitised_stem(name: &str) -> String {
    let stem = name.strip_suffix(".json").unwrap_or(name).trim_start_matches('.');
    let safe: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .take(120)
        .collect();
    if safe.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        safe
    } else {
        format!("unnamed{safe}")
    }
}

#[cfg(test)]
mod tests;
