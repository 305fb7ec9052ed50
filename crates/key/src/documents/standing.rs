//! What is there: `list`, `status`, `print-source`.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Where;

/// One registered name.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Where,
    /// Known prefix, `…`, last four characters; `…` alone when short. Nothing when it is missing.
    pub masked: Option<String>,
    /// 8 hexadecimal digits by which hosts that share a pepper can compare it.
    pub fingerprint: Option<String>,
    /// RFC 3339 UTC: when it was last written, where its source tells.
    pub since: Option<String>,
    /// Seconds since then.
    pub age_seconds: Option<u64>,
    /// Whether every install needs it.
    pub required: bool,
    /// What it is.
    pub hint: String,
    /// Why what is there must not be used.
    pub trouble: Option<String>,
}

impl Standing {
    fn is_fine(&self) -> bool {
        self.trouble.is_none() && (self.source != Where::None || !self.required)
    }

    fn source(&self) -> &'static str {
        if self.trouble.is_some() { "unusable" } else { self.source.name() }
    }
}

/// Every registered name.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Listing {
    /// `aiops.key.list/1`.
    pub schema: String,
    /// In the order of keys.yaml.
    pub keys: Vec<Standing>,
}

impl Listing {
    pub(crate) fn new(keys: Vec<Standing>) -> Self {
        Self { schema: "aiops.key.list/1".into(), keys }
    }
}

impl Report for Listing {
    fn exit(&self) -> Exit {
        if self.keys.iter().all(Standing::is_fine) { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let head =
            ["NAME", "SOURCE", "MASKED", "FINGERPRINT", "AGE", "REQUIRED"].map(str::to_owned);
        let rows: Vec<[String; 6]> =
            std::iter::once(head).chain(self.keys.iter().map(row)).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for row in &rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        for key in self.keys.iter().filter(|key| !key.is_fine()) {
            let why = key.trouble.as_deref().unwrap_or("it is required and missing");
            writeln!(out, "{}: {why}", key.name)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// One name.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Status {
    /// `aiops.key.status/1`.
    pub schema: String,
    /// What is known of it.
    pub key: Standing,
}

impl Status {
    pub(crate) fn new(key: Standing) -> Self {
        Self { schema: "aiops.key.status/1".into(), key }
    }
}

impl Report for Status {
    fn exit(&self) -> Exit {
        let is_there = self.key.source != Where::None && self.key.trouble.is_none();
        if is_there { Exit::Ok } else { Exit::NotPermitted }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let [name, source, masked, fingerprint, age, required] = row(&self.key);
        writeln!(out, "{name}: {}", self.key.hint)?;
        writeln!(out, "source       {source}")?;
        writeln!(out, "masked       {masked}")?;
        writeln!(out, "fingerprint  {fingerprint}")?;
        writeln!(out, "age          {age}")?;
        writeln!(out, "required     {required}")?;
        if let Some(why) = &self.key.trouble {
            writeln!(out, "trouble      {why}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// Where one comes from.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Origin {
    /// `aiops.key.source/1`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Where from.
    pub source: Where,
}

impl Origin {
    pub(crate) fn new(name: &str, source: Where) -> Self {
        Self { schema: "aiops.key.source/1".into(), name: name.into(), source }
    }
}

impl Report for Origin {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.source.name())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

fn row(key: &Standing) -> [String; 6] {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        key.name.clone(),
        key.source().to_owned(),
        or_dash(key.masked.as_deref()),
        or_dash(key.fingerprint.as_deref()),
        key.age_seconds.map_or_else(|| "-".to_owned(), age),
        if key.required { "yes" } else { "no" }.to_owned(),
    ]
}

/// A rough age for people: the largest unit that fits.
fn age(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: Where, required: bool, trouble: Option<&str>) -> Standing {
        Standing {
            name: "a".into(),
            source,
            masked: None,
            fingerprint: None,
            since: None,
            age_seconds: Some(90),
            required,
            hint: "h".into(),
            trouble: trouble.map(str::to_owned),
        }
    }

    #[test]
    fn only_what_is_required_may_not_be_missing_and_nothing_may_be_unusable() {
        use Where::{File, None};
        let no = Option::None;
        for (standing, listed, alone) in [
            (key(File, true, no), Exit::Ok, Exit::Ok),
            (key(None, false, no), Exit::Ok, Exit::NotPermitted),
            (key(None, true, no), Exit::No, Exit::NotPermitted),
            (key(None, false, Some("mode")), Exit::No, Exit::NotPermitted),
        ] {
            assert_eq!(Listing::new(vec![standing.clone()]).exit(), listed, "{standing:?}");
            assert_eq!(Status::new(standing.clone()).exit(), alone, "{standing:?}");
        }
    }

    #[test]
    fn ages_are_rough() {
        for (seconds, want) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (172_800, "2 d")]
        {
            assert_eq!(age(seconds), want);
        }
    }
}
