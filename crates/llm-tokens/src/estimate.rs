//! What a question will be billed as input, at most.

use llm_wire::{Api, Ask};

use crate::{Count, Tokenizer, count};

/// Tokens around one message: `OpenAI`'s own recipe says 3, and one for the role.
const AROUND_MESSAGE: u64 = 4;
/// Tokens that begin the answer: the recipe says 3. The rest is room for what newer models add.
const AROUND_ALL: u64 = 16;
/// The same for templates that are not known: Mistral's, Moonshot's, those of local models.
const UNKNOWN_TEMPLATE: u64 = 256;
/// What is written around a schema that goes into the request.
const AROUND_SCHEMA: u64 = 64;
/// A schema is billed in a form of the provider's own, which is not documented: room for twice
/// what its text counts.
const SCHEMA_TIMES: u64 = 2;
/// The dearest picture: gpt-4o-mini bills 2,833 and 5,667 for each of at most 8 tiles.
const PICTURE: u64 = 2_833 + 8 * 5_667;

/// An upper bound of the input tokens of a question: never less than what is billed. For text in
/// a known vocabulary it is exact up to the few tokens around messages and the schema.
pub fn estimate(tokenizer: Tokenizer, ask: &Ask<'_>) -> Count {
    let texts = [Some(ask.system), Some(ask.user), ask.closing];
    let texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
    let mut tokens = AROUND_ALL;
    for text in texts {
        tokens += count(tokenizer, text).tokens + AROUND_MESSAGE;
    }
    if let Some(schema) = &ask.schema {
        tokens += SCHEMA_TIMES * count(tokenizer, schema.text).tokens + AROUND_SCHEMA;
    }
    if ask.image.is_some() {
        tokens += PICTURE;
    }
    if !matches!(ask.model.api, Api::OpenaiChat | Api::OpenaiResponses) {
        tokens += UNKNOWN_TEMPLATE;
    }
    Count { tokens, is_exact: false }
}

#[cfg(test)]
mod tests {
    use llm_wire::{Image, Model, Schema, Structured, TokenCap};

    use super::*;

    #[test]
    fn everything_that_is_sent_is_counted() {
        let model = Model {
            api: Api::OpenaiChat,
            name: "gpt-4o-mini",
            token_cap: TokenCap::MaxCompletionTokens,
            takes_temperature: true,
            effort: None,
            structured: Structured::JsonSchema,
            context_tokens: 128_000,
        };
        let bare = Ask {
            model,
            system: "",
            user: "hello world",
            closing: None,
            image: None,
            input_tokens: 0,
            max_output_tokens: 600,
            temperature: None,
            schema: None,
            seed: None,
        };
        let schema = Some(Schema { name: "x", text: "hello world" });
        let image = Some(Image { mime: "image/png", bytes: b"" });
        let mistral = Model { api: Api::MistralChat, ..model };
        for (ask, tokens) in [
            (bare, 16 + 4 + 2),
            (Ask { system: "hello", ..bare }, 22 + 4 + 1),
            (Ask { closing: Some("hello"), ..bare }, 22 + 4 + 1),
            (Ask { schema, ..bare }, 22 + 2 * 2 + 64),
            (Ask { image, ..bare }, 22 + 48_169),
            (Ask { model: mistral, ..bare }, 22 + 256),
        ] {
            assert_eq!(estimate(Tokenizer::O200kBase, &ask).tokens, tokens);
            assert!(estimate(Tokenizer::Other, &ask).tokens > tokens);
        }
    }
}
