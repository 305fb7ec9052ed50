//! Loads configs/<name>.yaml into a command's own type, after its JSON Schema accepted it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Exit, Failure, OrFail};
use crate::host::Host;

/// Where an installed system keeps its configuration.
pub const SYSTEM_FOLDER: &str = "/etc/ai-ops-runner/configs";

/// The largest configuration file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// A settings file that knows its own rules.
pub trait Settings: DeserializeOwned {
    /// File name below the configuration folder, for example `bridge.yaml`.
    const FILE: &'static str;
    /// Its JSON Schema, as checked in under configs/schemas/.
    const SCHEMA: &'static str;
    /// The file as shipped, for a binary that runs without any configuration folder.
    const SHIPPED: &'static str;

    /// What is wrong beyond the shape: a JSON pointer and what was expected, for each violation.
    fn check(&self) -> Vec<(String, String)>;
}

/// Where a configuration file is looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A folder of files.
    Folder(PathBuf),
    /// What was compiled in.
    Shipped,
}

/// One rule that a file breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The file.
    pub file: String,
    /// JSON pointer of the offending value; empty for the whole document.
    pub pointer: String,
    /// What was expected, and what was found.
    pub expected: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{} at {pointer}: {}", self.file, self.expected)
    }
}

/// Finds the configuration: what was asked for, else the system's, else the checkout's or
/// install's own `configs/`, else what was compiled in.
pub fn source(host: &Host, asked: Option<&Path>) -> Source {
    if let Some(folder) = asked {
        return Source::Folder(folder.to_path_buf());
    }
    if let Some(folder) = host.env("AIOPS_CONFIGS") {
        return Source::Folder(folder.into());
    }
    let beside = host.program().into_iter().flat_map(|program| {
        program.ancestors().skip(1).take(5).map(|dir| dir.join("configs")).collect::<Vec<_>>()
    });
    [PathBuf::from(SYSTEM_FOLDER)]
        .into_iter()
        .chain(beside.filter(|dir| host.look(&dir.join("schemas")).is_ok_and(|it| it.is_some())))
        .find(|dir| host.look(dir).is_ok_and(|it| it.is_some()))
        .map_or(Source::Shipped, Source::Folder)
}

/// Loads and checks one settings file.
///
/// # Errors
/// Exit 78 with every violation when the file is missing, unreadable or wrong.
pub fn load<S: Settings>(host: &Host, source: &Source) -> Result<S, Failure> {
    let (name, text) = match source {
        Source::Shipped => (format!("{} (compiled in)", S::FILE), S::SHIPPED.to_owned()),
        Source::Folder(folder) => {
            let path = folder.join(S::FILE);
            let doing = format!("read {}", path.display());
            let bytes =
                read(host, &path).or_fail(Exit::Config, doing.clone()).map_err(|failure| {
                    failure.hint("--configs DIR or AIOPS_CONFIGS names the folder")
                })?;
            (path.display().to_string(), String::from_utf8(bytes).or_fail(Exit::Config, doing)?)
        }
    };
    parse_text(&name, &text)
}

/// Checks one settings file that was read elsewhere, such as from a commit; `name` is for messages.
///
/// # Errors
/// As [`load`].
pub fn parse<S: Settings>(name: &str, bytes: &[u8]) -> Result<S, Failure> {
    let text = std::str::from_utf8(bytes).or_fail(Exit::Config, format!("read {name}"))?;
    parse_text(name, text)
}

fn parse_text<S: Settings>(name: &str, text: &str) -> Result<S, Failure> {
    let refuse = |violations: Vec<Violation>| {
        let list: Vec<String> = violations.iter().map(Violation::to_string).collect();
        Failure::new(Exit::Config, format!("use {name}")).because(list.join("\n")).hint(format!(
            "mend it; what is allowed: configs/schemas/ ({} there)",
            schema_name(S::FILE)
        ))
    };
    let document = yaml(text).map_err(|why| refuse(vec![violation(name, "", why)]))?;
    // A test holds the shipped text to its schema; compiling that again would cost every call more
    // than all else it does.
    let mut violations =
        if text == S::SHIPPED { vec![] } else { validate(name, S::SCHEMA, &document)? };
    match serde_json::from_value::<S>(document) {
        Err(err) if violations.is_empty() => {
            Err(refuse(vec![violation(name, "", err.to_string())]))
        }
        Err(_) => Err(refuse(violations)),
        Ok(settings) => {
            // What the schema has told already is not told again.
            let told = violations.clone();
            let is_news = |(at, _): &(String, String)| told.iter().all(|it| it.pointer != *at);
            let broken = settings.check().into_iter().filter(is_news);
            violations.extend(broken.map(|(at, why)| violation(name, &at, why)));
            if violations.is_empty() { Ok(settings) } else { Err(refuse(violations)) }
        }
    }
}

/// Reads a settings file, through links; never waits for a pipe's other end.
fn read(host: &Host, path: &Path) -> io::Result<Vec<u8>> {
    host.read_plain(&host.resolve(path)?, LARGEST + 1).and_then(|(_, bytes)| {
        if bytes.len() as u64 > LARGEST {
            let why = format!("larger than {LARGEST} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(bytes)
    })
}

/// Returns every violation of a schema, in document order.
///
/// # Errors
/// Exit 70 when the schema itself is not valid, which is a bug here.
pub fn validate(file: &str, schema: &str, document: &Value) -> Result<Vec<Violation>, Failure> {
    let doing = || format!("use the schema of {file}");
    let schema: Value = serde_json::from_str(schema).or_fail(Exit::Internal, doing())?;
    let checker = jsonschema::validator_for(&schema)
        .map_err(|err| err.to_string())
        .or_fail(Exit::Internal, doing())?;
    let found = checker.iter_errors(document);
    Ok(found.map(|err| violation(file, err.instance_path().as_str(), err.to_string())).collect())
}

/// The schema file of a settings file: `bridge.yaml` has `bridge.schema.json`.
pub fn schema_name(file: &str) -> String {
    format!("{}.schema.json", file.rsplit_once('.').map_or(file, |(stem, _)| stem))
}

fn violation(file: &str, pointer: &str, expected: String) -> Violation {
    Violation { file: file.to_owned(), pointer: pointer.to_owned(), expected }
}

/// Whether a text is well-formed YAML, of any number of documents.
///
/// # Errors
/// What is wrong, with its place.
pub fn check_yaml(text: &str) -> Result<(), String> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(text)
        .try_for_each(|it| serde_yaml::Value::deserialize(it).map(drop))
        .map_err(|err| err.to_string())
}

/// Reads YAML (and so JSON) into a JSON value. Only this and the function above know the YAML crate.
///
/// # Errors
/// What is wrong, with its place; duplicate keys too.
pub fn yaml(text: &str) -> Result<Value, String> {
    // By way of the crate's own value type, which refuses duplicate keys.
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|err| err.to_string())?;
    serde_json::to_value(value).map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Sample {
        count: u8,
    }

    impl Settings for Sample {
        const FILE: &'static str = "sample.yaml";
        const SCHEMA: &'static str = r#"{"type":"object","additionalProperties":false,
            "required":["count"],"properties":{"count":{"type":"integer","minimum":1}}}"#;
        const SHIPPED: &'static str = "count: 1\n";

        fn check(&self) -> Vec<(String, String)> {
            if self.count == 13 {
                vec![("/count".into(), "anything but 13".into())]
            } else {
                vec![]
            }
        }
    }

    fn load_text(text: &str) -> Result<Sample, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        host.replace_file(&dir.path().join("sample.yaml"), text.as_bytes(), 0o640).unwrap();
        load(&host, &Source::Folder(dir.path().into()))
    }

    #[test]
    fn every_violation_is_listed_with_file_pointer_and_expectation() {
        let told = load_text("count: 0\ncuont: 1\nother: 2\n").unwrap_err();
        assert_eq!(told.exit, Exit::Config);
        let told = told.lines().join("\n");
        for part in ["sample.yaml at /count: ", "minimum of 1", "cuont", "other"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        for (text, part) in [
            ("count: 13", "/count: anything but 13"),
            ("count: 1\ncount: 2", "duplicate"),
            ("count: [", "at line"),
            ("", "sample.yaml at /"),
        ] {
            let told = load_text(text).unwrap_err().lines().join("\n");
            assert!(told.contains(part), "{part} in {told}");
        }
        assert_eq!(load_text("count: 7").unwrap().count, 7);
    }

    #[test]
    fn a_missing_file_is_78_and_the_shipped_text_serves_without_a_folder() {
        let host = Host::real();
        let gone = load::<Sample>(&host, &Source::Folder("/nonexistent".into())).unwrap_err();
        assert_eq!(gone.exit, Exit::Config);
        assert_eq!(load::<Sample>(&host, &Source::Shipped).unwrap().count, 1);
    }
}
