//! Local servers that speak the real formats of outside services, and fail as told.
//!
//! A [`Fake`] listens on loopback and hands each request to a [`Service`]; a script of
//! [`Behaviour`]s decides, request by request, whether the answer gets through. Every request is
//! kept byte for byte, and what the service took is kept apart from that, so that a test can tell
//! "asked twice" from "acted twice".
//!
//! Formats are those of the facts files; what was filled in from general knowledge says so.

mod behaviour;
mod http;
mod kajabi;
pub mod llm;
mod ntfy;
mod pushover;
mod server;
mod twilio;
mod webhook;

pub use behaviour::{Behaviour, How};
pub use http::{Received, Reply};
pub use kajabi::Kajabi;
pub use llm::{Mistral, Moonshot, Ollama, OpenAi};
pub use ntfy::Ntfy;
pub use pushover::{Pushover, Receipt};
pub use server::Fake;
pub use twilio::{Sms, Twilio};
pub use webhook::Webhook;

use std::collections::BTreeMap;

/// An outside service's rules: what it makes of a request.
pub trait Service: Send + 'static {
    /// Judges a request, acts on it and answers.
    fn answer(&mut self, request: &Received) -> Reply;

    /// What the service took so far, in order: each entry is one message that reached its reader,
    /// or would have.
    fn accepted(&self) -> Vec<Accepted>;
}

/// One message that a service took.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// The id the service gave it.
    pub id: String,
    /// Its parameters, by the service's own names.
    pub fields: BTreeMap<String, String>,
}

impl Accepted {
    /// A parameter, empty when it was not given.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}
