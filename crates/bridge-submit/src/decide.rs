//! What a document is to say. No input or output here.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::command::{
    Command, Constraints, Inline, Mode, Op, PatchType, Payload, Schema, Version,
};
use bridge::settings::Capability;
use canonical_json::Value;
use ops_core::failure::{Exit, Failure};
use ops_core::time::{self, SignedDuration, Timestamp};

use crate::diff;

/// One change, without who wants it and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    label: &'static str,
    patch_type: PatchType,
    op: Op,
    files: u64,
}

/// Who and when.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) id: String,
    pub(crate) target: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) ttl_seconds: u32,
    pub(crate) nonce: String,
    pub(crate) validators: Vec<String>,
    pub(crate) allowed: Capability,
    pub(crate) constraints: Constraints,
}

/// What is put where a partial document says nothing.
#[derive(Clone, Debug)]
pub(crate) struct Completion {
    pub(crate) id: String,
    pub(crate) now: Timestamp,
    pub(crate) ttl_seconds: u32,
    pub(crate) nonce: String,
}

pub(crate) fn noop() -> Change {
    Change { label: "noop", patch_type: PatchType::Hybrid, op: Op::Noop {}, files: 1 }
}

/// Text stays text; anything else travels as base64.
pub(crate) fn write(
    path: &str,
    content: Vec<u8>,
    mode: Option<Mode>,
    expect_sha256: Option<String>,
) -> Change {
    let (content, content_base64) = match String::from_utf8(content) {
        Ok(text) => (Some(text), None),
        Err(err) => (None, Some(STANDARD.encode(err.as_bytes()))),
    };
    let op = Op::WriteFile { path: path.to_owned(), content, content_base64, mode, expect_sha256 };
    Change { label: "write", patch_type: PatchType::Ops, op, files: 1 }
}

pub(crate) fn rename(from: &str, to: &str) -> Change {
    let op = Op::MoveFile { from: from.to_owned(), to: to.to_owned() };
    Change { label: "move", patch_type: PatchType::Ops, op, files: 2 }
}

pub(crate) fn delete(path: &str) -> Change {
    let op = Op::DeleteFile { path: path.to_owned() };
    Change { label: "delete", patch_type: PatchType::Ops, op, files: 1 }
}

/// Refuses a text that names no file at all (65); whether it applies is the executor's to say.
pub(crate) fn patch(diff: String) -> Result<Change, Failure> {
    let files = diff::files_named(&diff);
    if files == 0 {
        return Err(Failure::new(Exit::Malformed, "use the diff: it names no file")
            .hint("a unified diff is wanted, as `git diff` prints it"));
    }
    let op = Op::ApplyDiff { diff };
    Ok(Change { label: "patch", patch_type: PatchType::Unified, op, files })
}

impl Change {
    /// The capability it uses; none for a no-op.
    pub(crate) fn needs(&self) -> Option<Capability> {
        self.op.needs()
    }

    /// How many files it names.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    /// The version 1 document without its signature.
    pub(crate) fn into_command(self, terms: Terms) -> Command {
        Command {
            schema_version: Version::V1,
            id: terms.id,
            issued_at: time::rfc3339_seconds(terms.issued_at),
            expires_at: time::rfc3339_seconds(later(terms.issued_at, terms.ttl_seconds)),
            nonce: terms.nonce,
            target: terms.target,
            action: "applyPatch".to_owned(),
            patch_type: self.patch_type,
            payload: Payload {
                inline: Inline { version: self.label.to_owned(), ops: vec![self.op] },
            },
            validation_plan: terms.validators,
            allowed_actions: vec![terms.allowed.name().to_owned()],
            constraints: terms.constraints,
            hmac: None,
            bridge: None,
            client: None,
        }
    }
}

/// Adds what a document lacks; `marks` are further texts that it is to have.
pub(crate) fn complete(
    document: &Value,
    wish: &Completion,
    marks: &[(&str, String)],
) -> Result<BTreeMap<String, Value>, String> {
    let Some(members) = document.as_object() else {
        return Err("a command is a JSON object".to_owned());
    };
    if members.contains_key("payloadType") {
        return Err("it is a signed envelope already".to_owned());
    }
    let mut members = members.clone();
    let mut add = |key: &str, text: String| {
        members.entry(key.to_owned()).or_insert(Value::Str(text)).as_str().map(str::to_owned)
    };
    add("id", wish.id.clone()).ok_or("id is not a text")?;
    add("nonce", wish.nonce.clone());
    let issued_at = add("issued_at", time::rfc3339_seconds(wish.now));
    if document.get("expires_at").is_none() {
        let issued_at = issued_at.ok_or("issued_at is not a text")?;
        let issued_at = time::parse(&issued_at).map_err(|why| format!("issued_at: {why}"))?;
        add("expires_at", time::rfc3339_seconds(later(issued_at, wish.ttl_seconds)));
    }
    for (key, text) in marks {
        add(key, text.clone());
    }
    Ok(members)
}

fn later(time: Timestamp, seconds: u32) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

/// Refuses a document of our own making that could never be a command (65).
pub(crate) fn fit(document: &[u8], cap: u64) -> Result<(), Failure> {
    match warnings(document, cap).as_slice() {
        [] => Ok(()),
        list => Err(Failure::new(Exit::Malformed, "make a command of this")
            .because(list.join("\n"))
            .hint("docs/bridge.md explains the reasons")),
    }
}

/// Why an executor would not even look at what a document wants: its size and its schema.
pub(crate) fn warnings(document: &[u8], cap: u64) -> Vec<String> {
    let mut list = Vec::new();
    if document.len() as u64 > cap {
        list.push(format!("oversize: {} bytes; {cap} are allowed", document.len()));
    }
    let read = bridge::document::read(document);
    let read = read.and_then(|document| Schema::new().read(document.body()));
    list.extend(read.err().map(|refusal| refusal.to_string()));
    list
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
