//! The LLM router: one question goes to one model, under a budget that holds across processes.
//!
//! A review falls back to another provider only when the first one fails for a while, never when it
//! says no; everything else ends without an answer. Every call leaves a line of telemetry.

mod answer_form;
pub mod args;
pub mod budget;
mod calls;
pub mod decide;
pub mod doctor;
pub mod documents;
pub mod health;
pub mod keys;
pub mod models;
pub mod money;
pub mod price;
pub mod question;
pub mod router;
pub mod settings;
pub mod telemetry;

pub use money::Money;
pub use question::{Answer, AnswerSchema, Image, Instructions, Question, ReviewRun, Usage};
pub use router::{Lent, Made, Most, Router, Setup};
pub use settings::{Choice, Provider, Purpose};
