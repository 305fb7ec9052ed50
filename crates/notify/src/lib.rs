//! Reaches the operator: alerts from the spool to Pushover, SMS, ntfy and webhooks, each once.
//!
//! Whoever alerts writes a file into the spool (`ops_core::alert`). Here it is admitted (`decide`),
//! remembered (`store`) and told; no port is opened and nothing calls back.

pub mod decide;
pub mod model;
pub mod settings;
pub mod store;
