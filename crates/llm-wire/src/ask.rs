//! A question, before it has a provider's form; and what of a model decides that form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which form of call a model is asked through.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST /chat/completions` as `OpenAI` has it.
    OpenaiChat,
    /// `POST /responses` of `OpenAI`.
    OpenaiResponses,
    /// `POST /chat/completions` as Mistral has it: unknown fields are refused.
    MistralChat,
    /// `POST /chat/completions` as Moonshot has it.
    MoonshotChat,
    /// `POST /api/chat` of Ollama, not streamed.
    OllamaChat,
}

/// The field that carries the cap on output tokens.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCap {
    /// Mistral, Moonshot, old `OpenAI` models.
    MaxTokens,
    /// `OpenAI` chat: counts reasoning too.
    MaxCompletionTokens,
    /// `OpenAI` responses.
    MaxOutputTokens,
    /// Ollama, among its options.
    NumPredict,
}

/// How a model is held to a schema. Whatever it is, the answer is to be validated.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// The schema goes into the request: strict where the provider knows the word.
    JsonSchema,
    /// Only "some JSON object" can be asked for; the schema goes into the prompt.
    JsonObject,
    /// Nothing can be asked for; the schema goes into the prompt.
    Prompt,
}

/// What has to be known of a model to ask it: from its row in configs/models.json.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Model<'a> {
    /// Which form of call.
    pub api: Api,
    /// The provider's name for it.
    pub name: &'a str,
    /// Where the cap goes.
    pub token_cap: TokenCap,
    /// Whether it accepts a temperature. One that is asked for is left out where it does not, or
    /// where it reasons: any effort but `none`.
    pub takes_temperature: bool,
    /// The reasoning effort to send, in the provider's words. Moonshot knows only `none`
    /// (thinking off) and `default`.
    pub effort: Option<&'a str>,
    /// How it is held to a schema.
    pub structured: Structured,
    /// Tokens of input and output together. Ollama is told how many to make room for.
    pub context_tokens: u64,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask<'a> {
    /// The model.
    pub model: Model<'a>,
    /// Instructions before the user's text; empty for none.
    pub system: &'a str,
    /// The user's text.
    pub user: &'a str,
    /// Instructions once more after it, so that text in between cannot have the last word.
    /// Mistral refuses a last message that is not the user's: there they end the user's message.
    pub closing: Option<&'a str>,
    /// One picture beside the user's text.
    pub image: Option<Image<'a>>,
    /// An upper bound of what all the input comes to, with what lies around messages. Checked
    /// against the context, unless it is 0. Ollama must have it: it drops the oldest messages
    /// without a word when its context is too small.
    pub input_tokens: u64,
    /// The cap on output tokens, reasoning included.
    pub max_output_tokens: u64,
    /// 0 to 2; Mistral and Moonshot take at most 1.
    pub temperature: Option<f64>,
    /// The form the answer must have.
    pub schema: Option<Schema<'a>>,
    /// Asks for the same answer to the same question, where the provider has that; best effort
    /// everywhere.
    pub seed: Option<u32>,
}

/// A picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Image<'a> {
    /// `image/png`, `image/jpeg`, `image/webp` or `image/gif`.
    pub mime: &'a str,
    /// The file.
    pub bytes: &'a [u8],
}

/// A JSON Schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schema<'a> {
    /// What providers call it: at most 64 of `[A-Za-z0-9_-]`.
    pub name: &'a str,
    /// Its JSON text. Text, because models answer in the order of its properties, which a parsed
    /// value would not keep.
    pub text: &'a str,
}
