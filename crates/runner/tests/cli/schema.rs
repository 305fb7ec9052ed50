//! Holds what is printed to the schemas that are checked in.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Holds a document to the schema that it names, as it is checked in.
#[track_caller]
pub(crate) fn valid(document: &Value) {
    let schema = document["schema"].as_str().unwrap_or_else(|| panic!("no schema: {document}"));
    let name = schema.strip_prefix("aiops.").and_then(|it| it.strip_suffix("/1"));
    valid_as(name.unwrap_or_else(|| panic!("{schema}?")), document);
}

/// Holds a document to a schema by its name.
#[track_caller]
pub(crate) fn valid_as(name: &str, document: &Value) {
    let file = format!("../../configs/schemas/{name}.schema.json");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let schema = fs::read(&file).unwrap_or_else(|err| panic!("{}: {err}", file.display()));
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let checker = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = checker.iter_errors(document).map(|it| it.to_string()).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?} in {document}");
}
