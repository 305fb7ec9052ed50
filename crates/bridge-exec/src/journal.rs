//! What the executor promised to do, whole enough to be done again after a crash.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::audit::Entry;
use bridge::evidence::DeadLetter;
use confined_fs::{After, Before, Change, RelPath};
use rusqlite::{Connection, params};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One promise: an outcome, and the inbound file it answers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Plan {
    /// The file in commands/ to remove once the outcome is durable.
    pub(crate) inbound: Option<Inbound>,
    /// The id it uses up, with the SHA-256 of the signed bytes.
    pub(crate) accepts: Option<(String, Blob)>,
    /// The held command it answers.
    pub(crate) releases: Option<String>,
    /// The audit line to write.
    pub(crate) entry: Entry,
    /// What to do.
    pub(crate) outcome: Planned,
}

/// A file in commands/.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Inbound {
    /// Its name, any bytes.
    pub(crate) name: Blob,
    /// Its inode: a newer file of the same name is another matter.
    pub(crate) inode: u64,
    /// When it was last written, nanoseconds since the epoch, and how long it was.
    pub(crate) written: (i128, u64),
    /// SHA-256 of what was read of it, and how many bytes that was; a file that was written since is
    /// still the same one if it holds the same.
    pub(crate) read: (Blob, u64),
}

/// What a promise is about.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Planned {
    /// Change files and leave results.
    Execute(Box<Execution>),
    /// Leave a dead letter.
    Refuse {
        /// File name without `.json`, free when the promise was made.
        file: String,
        /// The name before any numeric suffix, whose counter it moves.
        stem: String,
        /// The counter's new value.
        used: u64,
        /// The letter.
        letter: Box<DeadLetter>,
    },
    /// Put the command aside for a person.
    Hold {
        /// The command exactly as received.
        input: Blob,
        /// Who signed.
        signer: String,
        /// When, RFC 3339.
        held_at: String,
        /// Microseconds since the epoch.
        expires_us: i64,
        /// Because of what.
        why: String,
    },
    /// Note something and do nothing else.
    Note,
}

/// Files to change and evidence to leave.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Execution {
    /// The command's id.
    pub(crate) id: String,
    /// Absolute path of the target.
    pub(crate) target: String,
    /// Every file, in path order.
    pub(crate) changes: Vec<PlannedChange>,
    /// Folders that staging had to make, outermost first.
    pub(crate) made: Vec<String>,
    /// archive/`<id>`.json.
    pub(crate) input: Blob,
    /// diffs/`<id>`.patch.
    pub(crate) diff: Blob,
    /// results/`<id>`.json.
    pub(crate) result: Blob,
    /// results/`<id>`.integrity.json.
    pub(crate) integrity: Blob,
}

/// One file, with its pre-image's hash and its post-image.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct PlannedChange {
    pub(crate) path: String,
    /// SHA-256; `None` when the file must be absent.
    pub(crate) before: Option<Blob>,
    /// Content and mode; `None` to delete.
    pub(crate) after: Option<(Blob, u32)>,
    pub(crate) temp: String,
}

impl PlannedChange {
    /// As the file layer takes it. `None` for a path that its rules no longer accept.
    pub(crate) fn change(&self) -> Option<Change> {
        Some(Change {
            path: RelPath::parse(&self.path).ok()?,
            before: match &self.before {
                None => Before::Absent,
                Some(hash) => Before::File { sha256: hash.0[..].try_into().ok()? },
            },
            after: match &self.after {
                None => After::Absent,
                Some((bytes, mode)) => After::File { bytes: bytes.0.clone(), mode: *mode },
            },
            temp: self.temp.clone(),
        })
    }
}

impl Plan {
    /// The id and content it uses up.
    pub(crate) fn accepts(&self) -> Option<(&str, &[u8])> {
        self.accepts.as_ref().map(|(id, content)| (id.as_str(), &content.0[..]))
    }

    /// Writes what the ledger's tables know of it beside the journal, in the same transaction.
    pub(crate) fn note(&self, tx: &Connection) -> rusqlite::Result<()> {
        if let Planned::Refuse { stem, used, .. } = &self.outcome {
            let used = i64::try_from(*used).unwrap_or(i64::MAX);
            tx.prepare_cached("INSERT OR REPLACE INTO letters VALUES (?1, ?2)")?
                .execute(params![stem, used])?;
        }
        if let (Planned::Hold { input, signer, held_at, expires_us, why }, Some((id, _))) =
            (&self.outcome, &self.accepts)
        {
            let name =
                self.inbound.as_ref().map(|it| String::from_utf8_lossy(&it.name.0).into_owned());
            tx.prepare_cached("INSERT OR REPLACE INTO held VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                .execute(params![
                id,
                name.unwrap_or_default(),
                &input.0[..],
                signer,
                held_at,
                expires_us,
                why
            ])?;
        }
        if let Some((id, _)) = &self.accepts {
            tx.prepare_cached("DELETE FROM retries WHERE id = ?1")?.execute([id])?;
        }
        Ok(())
    }

    /// As the journal keeps it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain structs serialise")
    }

    /// Reads a journal entry.
    pub(crate) fn from_bytes(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// The file of the dead letter it leaves, without `.json`.
    pub(crate) fn letter_file(&self) -> Option<String> {
        match &self.outcome {
            Planned::Refuse { file, .. } => Some(file.clone()),
            _ => None,
        }
    }

    /// How much new content it carries, bytes.
    pub(crate) fn weight(&self) -> u64 {
        match &self.outcome {
            Planned::Execute(it) => {
                let files =
                    it.changes.iter().filter_map(|it| it.after.as_ref()).map(|it| it.0.0.len());
                (files.sum::<usize>() + it.input.0.len() + it.diff.0.len()) as u64
            }
            Planned::Refuse { letter, .. } => letter.input_bytes,
            Planned::Hold { input, .. } => input.0.len() as u64,
            Planned::Note => 0,
        }
    }
}

/// Bytes; in JSON as text behind `t` when they are UTF-8, else as base64 behind `b`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Blob(pub(crate) Arc<[u8]>);

impl<T: Into<Arc<[u8]>>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match std::str::from_utf8(&self.0) {
            Ok(text) => format!("t{text}"),
            Err(_) => format!("b{}", STANDARD.encode(&self.0)),
        };
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.strip_prefix('t'), text.strip_prefix('b')) {
            (Some(text), _) => Ok(text.as_bytes().to_vec().into()),
            (None, Some(text)) => Ok(STANDARD.decode(text).map_err(D::Error::custom)?.into()),
            (None, None) => Err(D::Error::custom("neither text nor base64")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_journal_whatever_they_are() {
        for bytes in [&b""[..], b"text", b"b", b"t\0", &[0xff, 0xfe, 0], "é😀".as_bytes()] {
            let blob = Blob::from(bytes);
            let text = serde_json::to_string(&blob).unwrap();
            assert_eq!(serde_json::from_str::<Blob>(&text).unwrap(), blob, "{text}");
        }
    }
}
