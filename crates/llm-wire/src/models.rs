//! A provider's list of models: what there is, and what is going to end.

use std::time::SystemTime;

use canonical_json::Value;
use jiff::civil::Date;

use crate::ask::Api;
use crate::fault::{Class, Fault, Why};
use crate::read::{Head, Received, document, plain_word, read_error};

/// One model of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// Other names it answers to.
    pub aliases: Vec<String>,
    /// When it ends.
    pub shutdown: Shutdown,
    /// What the provider names in its place.
    pub successor: Option<String>,
}

impl Listed {
    /// Whether it is meant by this name. Ollama's `x` is `x:latest`.
    pub fn is_called(&self, name: &str) -> bool {
        let latest = |id: &str| id.strip_suffix(":latest") == Some(name);
        self.id == name || latest(&self.id) || self.aliases.iter().any(|alias| alias == name)
    }
}

/// What a list says of a model's end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shutdown {
    /// Nothing.
    Unannounced,
    /// The day (UTC) from which on it is gone.
    On(Date),
    /// Something that is not a date: look for yourself.
    Unreadable,
}

/// Where the list is, below the provider's base address.
pub fn models_path(api: Api) -> &'static str {
    match api {
        Api::OllamaChat => "/api/tags",
        _ => "/models",
    }
}

/// Reads a list: `shutdown_date` of `OpenAI`, `deprecation` and its replacement of Mistral, the
/// tags of Ollama. The order is the provider's. One entry without a name spoils all of it: then
/// "not listed" would prove nothing.
pub fn models(
    api: Api,
    received: &Received<'_>,
    now: SystemTime,
) -> Result<Vec<Listed>, Box<Fault>> {
    if received.status != 200 {
        return Err(Box::new(read_error(api, received, now)));
    }
    let head = Head::of(received);
    let document = document(received, &head)?;
    let name = if api == Api::OllamaChat { "models" } else { "data" };
    let shape = || {
        let class = Class::NonTransient(Why::Shape);
        Box::new(head.fault(200, class, "the answer is not a list of models"))
    };
    let Some(Value::Array(entries)) = document.get(name) else { return Err(shape()) };
    entries.iter().map(|entry| listed(api, entry).ok_or_else(shape)).collect()
}

fn listed(api: Api, entry: &Value) -> Option<Listed> {
    let word = |name: &str| entry.get(name).and_then(Value::as_str).and_then(plain_word);
    let id = word(if api == Api::OllamaChat { "name" } else { "id" })?;
    let aliases = match entry.get("aliases") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).filter_map(plain_word).collect()
        }
        _ => Vec::new(),
    };
    let end = match api {
        Api::MistralChat => entry.get("deprecation"),
        Api::OllamaChat => None,
        _ => entry.get("shutdown_date"),
    };
    let shutdown = match end {
        None | Some(Value::Null) => Shutdown::Unannounced,
        Some(end) => end.as_str().and_then(date).map_or(Shutdown::Unreadable, Shutdown::On),
    };
    Some(Listed { id, aliases, shutdown, successor: word("deprecation_replacement_model") })
}

/// `2027-01-14`, or a whole time of that day.
fn date(text: &str) -> Option<Date> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Some(time.to_zoned(jiff::tz::TimeZone::UTC).date()),
        Err(_) if text.len() == 10 => text.parse().ok(),
        Err(_) => None,
    }
}
