//! A client: documents as people write them, signed as the contract says.

use std::time::Duration;

use canonical_json::Value as Canonical;
use ops_core::time::{Timestamp, rfc3339_seconds};
use secrets::Secret;
use serde_json::{Value, json};

use crate::fixture::SECRET;

/// A command on its way.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its fields, without `hmac`.
    pub body: Value,
}

impl Document {
    /// A command for the target `WORK` that is good for an hour.
    pub fn new(id: &str, ops: &[Value]) -> Self {
        let now = Timestamp::now();
        Self {
            body: json!({
                "schemaVersion": "1.0",
                "id": id,
                "issued_at": rfc3339_seconds(now),
                "expires_at": rfc3339_seconds(now + Duration::from_hours(1)),
                "nonce": "0",
                "target": "WORK",
                "action": "applyPatch",
                "patchType": "hybrid",
                "payload": {"inline": {"version": "1", "ops": ops}},
                "validationPlan": [],
                "allowedActions": ["writeFile", "moveFile", "applyDiff"],
                "constraints": {"maxRuntimeMs": 60000, "maxFilesChanged": 20},
            }),
        }
    }

    /// The same with other times, relative to now.
    #[must_use]
    pub fn times(mut self, issued: i64, expires: i64) -> Self {
        let at = |seconds: i64| {
            let us = Timestamp::now().as_microsecond() + seconds * 1_000_000;
            rfc3339_seconds(Timestamp::from_microsecond(us).unwrap()).into()
        };
        self.body["issued_at"] = at(issued);
        self.body["expires_at"] = at(expires);
        self
    }

    /// The same with one field changed.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (parent, field) = pointer.rsplit_once('/').expect("a JSON pointer");
        let parent = self.body.pointer_mut(parent).expect("the parent is there");
        parent[field] = value.into();
        self
    }

    /// Its text, signed with the secret of [`crate::Bridge`].
    pub fn signed(&self) -> String {
        self.signed_with(SECRET)
    }

    /// Its text, signed with another secret.
    pub fn signed_with(&self, secret: &str) -> String {
        let message = Canonical::from_serde(&self.body).canonical();
        let mut signed = self.body.clone();
        signed["hmac"] = bridge::keys::tag(&Secret::from_environment(secret), &message).into();
        serde_json::to_string_pretty(&signed).unwrap()
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }
}

/// An op that changes nothing.
pub fn noop() -> Value {
    json!({"op": "noop"})
}

/// An op that writes a file.
pub fn write(path: &str, content: &str) -> Value {
    json!({"op": "writeFile", "path": path, "content": content})
}

/// An op that moves a file.
pub fn moved(from: &str, to: &str) -> Value {
    json!({"op": "moveFile", "from": from, "to": to})
}

/// An op that deletes a file.
pub fn delete(path: &str) -> Value {
    json!({"op": "deleteFile", "path": path})
}

/// An op that applies a diff.
pub fn diff(text: &str) -> Value {
    json!({"op": "applyDiff", "diff": text})
}
