//! What was changed: `set`, `generate`, `delete`, `migrate`.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Where;

/// A secret was stored, and reads back.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Stored {
    /// `aiops.key.stored/1`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Where to.
    pub stored_in: Where,
    /// Known prefix, `…`, last four characters; `…` alone when short.
    pub masked: String,
    /// 8 hexadecimal digits by which hosts that share a pepper can compare it.
    pub fingerprint: String,
    /// Whether that place held an older value.
    pub replaced: bool,
    /// Places that are asked earlier and hold something: what was stored is not what is found.
    pub hidden_by: Vec<Where>,
    /// The public half of a key pair that was made.
    pub public: Option<Public>,
}

/// The public half of a key pair. Not secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Public {
    /// As `.pub` files hold it.
    pub line: String,
    /// As a file of allowed signers holds it.
    pub allowed_signers: String,
}

impl Stored {
    pub(crate) fn new(
        name: &str,
        stored_in: Where,
        masked: String,
        fingerprint: String,
        replaced: bool,
        hidden_by: Vec<Where>,
        public: Option<Public>,
    ) -> Self {
        let schema = "aiops.key.stored/1".to_owned();
        let name = name.to_owned();
        Self { schema, name, stored_in, masked, fingerprint, replaced, hidden_by, public }
    }
}

impl Report for Stored {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { name, masked, fingerprint, .. } = self;
        let place = self.stored_in.name();
        let how = if self.replaced { "replaced" } else { "stored" };
        writeln!(out, "{name}: {how} in {place} ({masked}, fingerprint {fingerprint})")?;
        for hider in &self.hidden_by {
            writeln!(
                out,
                "warning: {} is asked first and holds it too; that one is used",
                hider.name()
            )?;
        }
        if let Some(public) = &self.public {
            writeln!(out, "public key:      {}", public.line)?;
            writeln!(out, "allowed signers: {}", public.allowed_signers)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What became of a secret on deletion.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Deletion {
    /// `aiops.key.deleted/1`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Every place, in the order in which they are asked.
    pub places: Vec<PlaceLeft>,
}

/// One place after a deletion.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PlaceLeft {
    /// Which.
    pub source: Where,
    /// What became of it there.
    pub outcome: Gone,
    /// Why it is still there, and what to do.
    pub why: Option<String>,
}

/// What became of a secret in one place.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// It was there and is not any more.
    Deleted,
    /// It was not there.
    NotThere,
    /// It is there, or may be.
    Still,
}

impl Deletion {
    pub(crate) fn new(name: &str, places: Vec<PlaceLeft>) -> Self {
        Self { schema: "aiops.key.deleted/1".into(), name: name.into(), places }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.places.iter().all(|place| place.outcome != Gone::Still)
    }
}

impl Report for Deletion {
    fn exit(&self) -> Exit {
        if self.is_gone() { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for place in &self.places {
            let what = match place.outcome {
                Gone::Deleted => "deleted",
                Gone::NotThere => "not there",
                Gone::Still => "STILL THERE",
            };
            let why = place.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            writeln!(out, "{:10}  {what}{why}", place.source.name())?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What became of the folders of older installs.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Migrated {
    /// `aiops.key.migrated/1`.
    pub schema: String,
    /// The folder that secrets were moved to.
    pub to: String,
    /// Every name that lies in an older folder.
    pub files: Vec<MovedFile>,
}

/// One file of an older folder.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct MovedFile {
    /// Where it lies, or lay.
    pub path: String,
    /// The secret it is; nothing for a name that is not registered.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: Took,
    /// Why it was left.
    pub why: Option<String>,
}

/// What became of a file of an older folder.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Took {
    /// It was stored, read back, and removed here.
    Moved,
    /// The same value was stored before; it was removed here.
    AlreadyThere,
    /// Another value is stored: left.
    Differs,
    /// It must not be used, or could not be stored or removed: left.
    Refused,
    /// It is no registered secret, or is empty: left.
    Unknown,
}

impl Migrated {
    pub(crate) fn new(to: String, files: Vec<MovedFile>) -> Self {
        Self { schema: "aiops.key.migrated/1".into(), to, files }
    }
}

impl Report for Migrated {
    fn exit(&self) -> Exit {
        let is_left = |file: &MovedFile| matches!(file.outcome, Took::Differs | Took::Refused);
        if self.files.iter().any(is_left) { Exit::No } else { Exit::Ok }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.files.is_empty() {
            writeln!(out, "nothing lies in older places")?;
        }
        for file in &self.files {
            let what = match file.outcome {
                Took::Moved => "moved",
                Took::AlreadyThere => "was there already; removed here",
                Took::Differs => "DIFFERS from the one in use; left",
                Took::Refused => "REFUSED; left",
                Took::Unknown => "not a registered secret; left",
            };
            let why = file.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            writeln!(out, "{}: {what}{why}", file.path)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
