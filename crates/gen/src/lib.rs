//! What is generated from the code. Here: JSON Schemas.

use schemars::{Schema, schema_for};

/// Every schema that is checked in: file name below configs/schemas/, and the schema.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("bridge.schema.json", schema_for!(bridge::settings::Settings)),
        ("run.schema.json", schema_for!(ops_core::record::Run)),
    ]
}
