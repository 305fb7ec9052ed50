//! The LLM router: one question goes to one model, under a budget that holds across processes.
//!
//! A review falls back to another provider only when the first one fails for a while, never when it
//! says no; everything else ends without an answer. Every call leaves a line of telemetry.

pub mod models;
pub mod money;
pub mod question;
pub mod router;
pub mod settings;

pub use money::Money;
pub use question::{Answer, AnswerSchema, Image, Question, ReviewRun, Usage};
pub use router::{Router, Setup};
pub use settings::{Choice, Provider, Purpose};
