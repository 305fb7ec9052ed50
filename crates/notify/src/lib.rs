//! Reaches the operator: alerts from the spool to Pushover, SMS, ntfy and webhooks, each once.
//!
//! Whoever alerts writes a file into the spool (`ops_core::alert`). Here it is admitted (`decide`),
//! remembered (`store`) and told (`flush`); no port is opened and nothing calls back.

pub mod args;
mod calls;
pub mod channels;
pub mod decide;
pub mod documents;
pub mod flush;
pub mod lines;
pub mod model;
pub mod settings;
pub mod spool;
pub mod store;
