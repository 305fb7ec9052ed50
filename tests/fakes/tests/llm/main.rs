//! The providers of language models: asked in the words of `llm-wire`, then by their own clients.

mod asked;
mod sdk;
