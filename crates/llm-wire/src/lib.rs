//! What language-model providers are sent, and what their answers mean.
//!
//! [`write`] makes the body of a call; [`read`] makes a [`Reply`] of an answer, or a [`Fault`]
//! whose [`Class`] says whether another provider may be asked. Classes come from the status and
//! from parsed codes, never from the text of a message: whoever can put text into an error could
//! otherwise choose the class. [`models`] reads a provider's list of models.
//!
//! No network, no clock, no secrets: keys are headers, and headers are the caller's. Formats are
//! those of the facts files (`OpenAI`, Mistral, Moonshot, Ollama).

mod ask;
mod fault;
mod models;
mod ordered;
mod read;
mod strict;
mod unredacted;
mod wait;
mod write;

pub use ask::{Api, Ask, Image, Model, Schema, Structured, TokenCap};
pub use fault::{Class, Fault, Why};
pub use models::{Listed, Shutdown, models, models_path};
pub use read::{End, Received, Reply, Usage, read};
pub use strict::strict_violations;
pub use unredacted::Unredacted;
pub use wait::LONGEST_WAIT;
pub use write::{Unaskable, Wire, write};
