//! The command document as a type, and the schema layer.

use jsonschema::Validator;
use ops_core::time::{self, Timestamp};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reason::{Reason, Refusal};
use crate::settings::Capability;

/// A signed wish to change files. Version 1 carries `hmac`; version 2 is the payload of an
/// envelope and carries `bridge` and `client` instead.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Command {
    /// The format.
    pub schema_version: Version,
    /// Chosen by the client, used once.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"))]
    pub id: String,
    /// RFC 3339 UTC with `Z`.
    #[serde(rename = "issued_at")]
    pub issued_at: String,
    /// RFC 3339 UTC with `Z`, later than `issued_at`.
    #[serde(rename = "expires_at")]
    pub expires_at: String,
    /// Any text; part of what is signed.
    #[schemars(length(max = 1024))]
    pub nonce: String,
    /// A name of the policy's `targets`.
    #[schemars(length(min = 1, max = 128))]
    pub target: String,
    /// `applyPatch`.
    #[schemars(length(min = 1, max = 128))]
    pub action: String,
    /// Which kinds of op the payload may hold.
    pub patch_type: PatchType,
    /// What to do.
    pub payload: Payload,
    /// Names of validators that must accept the staged result.
    #[schemars(length(max = 32))]
    pub validation_plan: Vec<String>,
    /// What the ops may use.
    #[schemars(length(min = 1, max = 16))]
    pub allowed_actions: Vec<String>,
    /// The client's own limits.
    pub constraints: Constraints,
    /// Version 1: base64 of HMAC-SHA256 over the canonical text of the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<String>,
    /// Version 2: the id of the bridge root this is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// Version 2: who signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// Document formats.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Version {
    /// HMAC inside the document.
    #[serde(rename = "1.0")]
    V1,
    /// DSSE envelope around it.
    #[serde(rename = "2.0")]
    V2,
}

/// Which ops a payload may hold.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchType {
    /// All but diffs.
    Ops,
    /// Only diffs (and no-ops).
    Unified,
    /// Both.
    Hybrid,
}

/// The wrapper around the ops.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Carried in the document itself, the only way there is.
    pub inline: Inline,
}

/// The ops.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Inline {
    /// The client's own label.
    #[schemars(length(max = 128))]
    pub version: String,
    /// Carried out in order, all or none.
    #[schemars(length(min = 1, max = 4096))]
    pub ops: Vec<Op>,
}

/// One change.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Op {
    /// Changes nothing; shows that the way is open.
    Noop {},
    /// Creates or replaces a file.
    WriteFile {
        /// Relative to the target.
        path: String,
        /// The new content as text; exactly one of the two contents is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
        /// The new content as base64.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_base64: Option<String>,
        /// The file's mode; without it a file keeps its own, and a new one gets 0644.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<Mode>,
        /// The file's current SHA-256 in hex, or `absent`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = r"^([0-9a-f]{64}|absent)$"))]
        expect_sha256: Option<String>,
    },
    /// Renames a file; the new name must be free.
    MoveFile {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// Applies a git-style unified diff whose context must match exactly.
    ApplyDiff {
        /// The diff.
        diff: String,
    },
    /// Deletes a file that must be there.
    DeleteFile {
        /// Relative to the target.
        path: String,
    },
}

impl Op {
    /// The capability an op needs; a no-op needs none.
    pub fn needs(&self) -> Option<Capability> {
        match self {
            Self::Noop {} => None,
            Self::WriteFile { .. } => Some(Capability::WriteFile),
            Self::MoveFile { .. } => Some(Capability::MoveFile),
            Self::ApplyDiff { .. } => Some(Capability::ApplyDiff),
            Self::DeleteFile { .. } => Some(Capability::DeleteFile),
        }
    }
}

/// The modes a file can be given.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Mode {
    /// Read by all, written by the owner.
    #[serde(rename = "0644")]
    Plain,
    /// The same, and executable.
    #[serde(rename = "0755")]
    Executable,
}

impl Mode {
    /// Permission bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }
}

/// The client's own limits.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Constraints {
    /// Milliseconds the whole command may take.
    #[schemars(range(min = 1))]
    pub max_runtime_ms: u64,
    /// Files it may change; both ends of a move count.
    #[schemars(range(min = 1))]
    pub max_files_changed: u64,
}

/// The compiled schema of command documents.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
}

impl Schema {
    /// Compiles it.
    ///
    /// # Panics
    /// Never: a test compiles it too.
    pub fn new() -> Self {
        let schema = schema_for!(Command).to_value();
        let validator = jsonschema::validator_for(&schema).expect("the generated schema compiles");
        Self { validator }
    }

    /// Reads a command out of a verified document; `now` plays no part here.
    ///
    /// # Errors
    /// `schema`, with every violation and its JSON pointer.
    pub fn read(&self, body: &canonical_json::Value) -> Result<Dated, Refusal> {
        let body: Value = body.to_serde();
        let refuse = |detail: String| Refusal::new(Reason::Schema, detail);
        if !self.validator.is_valid(&body) {
            let list = self.validator.iter_errors(&body).take(20).map(|err| {
                let at = err.instance_path().as_str().to_owned();
                format!("at {}: {err:.300}", if at.is_empty() { "/" } else { &at })
            });
            return Err(refuse(list.collect::<Vec<_>>().join("; ")));
        }
        let command: Command =
            serde_json::from_value(body).map_err(|err| refuse(err.to_string()))?;
        let issued_at = time::parse(&command.issued_at)
            .map_err(|why| refuse(format!("at /issued_at: {why}")))?;
        let expires_at = time::parse(&command.expires_at)
            .map_err(|why| refuse(format!("at /expires_at: {why}")))?;
        let wrong = rules(&command, issued_at, expires_at);
        if wrong.is_empty() {
            Ok(Dated { command, issued_at, expires_at })
        } else {
            Err(refuse(wrong.join("; ")))
        }
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self::new()
    }
}

/// A command whose times were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated {
    /// The document.
    pub command: Command,
    /// Its `issued_at`.
    pub issued_at: Timestamp,
    /// Its `expires_at`.
    pub expires_at: Timestamp,
}

/// Rules that a JSON Schema of the type does not carry.
fn rules(command: &Command, issued_at: Timestamp, expires_at: Timestamp) -> Vec<String> {
    let mut wrong = Vec::new();
    if expires_at <= issued_at {
        wrong.push("at /expires_at: must be later than issued_at".to_owned());
    }
    let named = (command.bridge.is_some(), command.client.is_some(), command.hmac.is_some());
    match (command.schema_version, named) {
        (Version::V1, (false, false, true)) | (Version::V2, (true, true, false)) => {}
        (Version::V1, _) => {
            wrong.push("at /: version 1.0 has hmac, no bridge and no client".into());
        }
        (Version::V2, _) => wrong.push("at /: version 2.0 has bridge and client, no hmac".into()),
    }
    for (at, op) in command.payload.inline.ops.iter().enumerate() {
        let at = format!("at /payload/inline/ops/{at}");
        if let Op::WriteFile { content, content_base64, .. } = op
            && content.is_some() == content_base64.is_some()
        {
            wrong.push(format!("{at}: exactly one of content and contentBase64 is wanted"));
        }
        let is_diff = matches!(op, Op::ApplyDiff { .. });
        match command.patch_type {
            PatchType::Ops if is_diff => {
                wrong.push(format!("{at}: patchType ops holds no applyDiff"));
            }
            PatchType::Unified if !is_diff && op.needs().is_some() => {
                wrong.push(format!("{at}: patchType unified holds only applyDiff and noop"));
            }
            _ => {}
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document of the specification, without a signature that fits.
    pub(crate) const EXAMPLE: &str = r#"{"schemaVersion":"1.0","id":"noop-20250809T062451Z",
        "issued_at":"2025-08-09T06:24:51Z","expires_at":"2025-08-09T06:29:51Z","nonce":"0",
        "target":"MAIN","action":"applyPatch","patchType":"hybrid",
        "payload":{"inline":{"version":"noop","ops":[{"op":"noop"}]}},"validationPlan":[],
        "allowedActions":["writeFile","moveFile"],
        "constraints":{"maxRuntimeMs":60000,"maxFilesChanged":1},"hmac":"x"}"#;

    fn read(change: impl Fn(&mut Value)) -> Result<Dated, Refusal> {
        let mut body: Value = serde_json::from_str(EXAMPLE).unwrap();
        change(&mut body);
        Schema::new().read(&canonical_json::Value::from_serde(&body))
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let dated = read(|_| {}).unwrap();
        assert_eq!(dated.command.payload.inline.ops, [Op::Noop {}]);
        assert_eq!(dated.expires_at.duration_since(dated.issued_at).as_secs(), 300);
    }

    #[test]
    fn what_the_schema_does_not_allow_is_refused_with_its_place() {
        type Change = fn(&mut Value);
        let set_op = |body: &mut Value, op: Value| body["payload"]["inline"]["ops"][0] = op;
        let cases: Vec<(&str, Change)> = vec![
            ("/id", |it| it["id"] = "../x".into()),
            ("/id", |it| it["id"] = "".into()),
            ("/id", |it| it["id"] = "a".repeat(129).into()),
            ("/issued_at", |it| it["issued_at"] = "2025-08-09T06:24:51+00:00".into()),
            ("/expires_at", |it| it["expires_at"] = "2025-08-09T06:24:51Z".into()),
            ("/nonce", |it| it["nonce"] = 0.into()),
            ("extra", |it| it["extra"] = 1.into()),
            ("target", |it| drop(it.as_object_mut().map(|it| it.remove("target")))),
            ("/patchType", |it| it["patchType"] = "binary".into()),
            ("/allowedActions", |it| it["allowedActions"] = Value::Array(vec![])),
            ("/constraints/maxRuntimeMs", |it| it["constraints"]["maxRuntimeMs"] = 0.into()),
            ("/constraints/maxRuntimeMs", |it| it["constraints"]["maxRuntimeMs"] = (-5).into()),
            ("/constraints/maxFilesChanged", |it| {
                it["constraints"]["maxFilesChanged"] = 1.5.into();
            }),
            ("maxFilesChanged", |it| {
                drop(it["constraints"].as_object_mut().map(|it| it.remove("maxFilesChanged")));
            }),
            ("/payload/inline/ops", |it| it["payload"]["inline"]["ops"] = Value::Array(vec![])),
            ("/schemaVersion", |it| it["schemaVersion"] = "3.0".into()),
            ("version 2.0", |it| it["schemaVersion"] = "2.0".into()),
            ("version 1.0", |it| it["client"] = "c".into()),
            ("/", |it| *it = Value::Array(vec![])),
        ];
        for (place, change) in cases {
            let refused = read(change).unwrap_err();
            assert_eq!(refused.reason, Reason::Schema);
            assert!(refused.detail.contains(place), "{place} in {}", refused.detail);
        }
        for op in [
            serde_json::json!({"op": "noop", "x": 1}),
            serde_json::json!({"op": "exec", "argv": ["sh"]}),
            serde_json::json!({"op": "writeFile", "path": "a"}),
            serde_json::json!({"op": "writeFile", "path": "a", "content": "", "contentBase64": ""}),
            serde_json::json!({"op": "writeFile", "path": "a", "content": "", "mode": "0777"}),
            serde_json::json!({"op": "writeFile", "path": "a", "content": "", "expectSha256": "X"}),
            serde_json::json!({"op": "moveFile", "from": "a"}),
        ] {
            let refused = read(|body| set_op(body, op.clone())).unwrap_err();
            assert!(refused.detail.contains("/payload/inline/ops/0"), "{op}: {}", refused.detail);
        }
    }

    #[test]
    fn the_patch_type_rules_which_ops_may_appear() {
        let diff = serde_json::json!({"op": "applyDiff", "diff": ""});
        let write = serde_json::json!({"op": "writeFile", "path": "a", "content": ""});
        for (patch_type, op, want) in [
            ("ops", &diff, false),
            ("ops", &write, true),
            ("unified", &diff, true),
            ("unified", &write, false),
            ("hybrid", &diff, true),
            ("hybrid", &write, true),
        ] {
            let read = read(|body| {
                body["patchType"] = patch_type.into();
                body["payload"]["inline"]["ops"][0] = op.clone();
            });
            assert_eq!(read.is_ok(), want, "{patch_type} {op}");
        }
    }
}
