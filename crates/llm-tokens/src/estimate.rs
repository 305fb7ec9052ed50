//! What a question will be billed as input, at most.

use llm_wire::{Api, Ask};

use crate::{Count, Tokenizer, count};

/// Tokens around one message: its role and its separators. `OpenAI`'s own recipe says 3 and one
/// for the role; other templates are longer.
const AROUND_MESSAGE: u64 = 4;
/// Tokens that begin the answer, and whatever a template puts around all messages.
const AROUND_ALL: u64 = 3;
/// The same for templates that are not known: Mistral's, Moonshot's, those of local models.
const UNKNOWN_TEMPLATE: u64 = 256;
/// What a provider writes around a schema that goes into the request.
const AROUND_SCHEMA: u64 = 64;
/// The dearest picture: gpt-4o-mini bills 2,833 and 5,667 for each of at most 8 tiles.
const PICTURE: u64 = 2_833 + 8 * 5_667;

/// An upper bound of the input tokens of a question: never less than what is billed. Exact up to
/// the few tokens around messages for text alone in a known vocabulary.
pub fn estimate(tokenizer: Tokenizer, ask: &Ask<'_>) -> Count {
    let texts = [Some(ask.system), Some(ask.user), ask.closing];
    let texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
    let mut tokens = AROUND_ALL;
    for text in texts {
        tokens += count(tokenizer, text).tokens + AROUND_MESSAGE;
    }
    if let Some(schema) = &ask.schema {
        tokens += count(tokenizer, schema.text).tokens + AROUND_SCHEMA;
    }
    if ask.image.is_some() {
        tokens += PICTURE;
    }
    if !matches!(ask.model.api, Api::OpenaiChat | Api::OpenaiResponses) {
        tokens += UNKNOWN_TEMPLATE;
    }
    Count { tokens, is_exact: false }
}
