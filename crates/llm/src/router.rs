//! Asks a question under the rules.

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure};

use crate::models::Models;
use crate::question::{Answer, Question};
use crate::settings::Settings;

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Setup {
    /// configs/llm.json.
    pub settings: Settings,
    /// configs/models.json.
    pub models: Models,
}

impl Setup {
    /// From the configuration folder.
    ///
    /// # Errors
    /// Exit 78 with every violation of either file.
    pub fn load(context: &Context) -> Result<Self, Failure> {
        let settings = config::load(&context.host, &context.configs);
        let models = config::load(&context.host, &context.configs);
        Self::both(settings, models)
    }

    /// From the bytes of llm.json and models.json, wherever they come from; the names are for
    /// messages.
    ///
    /// # Errors
    /// Exit 78 with every violation of either file.
    pub fn from_bytes(settings: (&str, &[u8]), models: (&str, &[u8])) -> Result<Self, Failure> {
        Self::both(config::parse(settings.0, settings.1), config::parse(models.0, models.1))
    }

    fn both(
        settings: Result<Settings, Failure>,
        models: Result<Models, Failure>,
    ) -> Result<Self, Failure> {
        match (settings, models) {
            (Ok(settings), Ok(models)) => Ok(Self { settings, models }),
            (Err(one), Err(other)) => Err(one.and(&other)),
            (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
        }
    }
}

/// Asks questions. One call at a time.
#[derive(Debug)]
pub struct Router<'a> {
    context: &'a Context,
    setup: Setup,
}

impl<'a> Router<'a> {
    /// A router for one run of a program.
    ///
    /// # Errors
    /// Exit 78 when the registry of secrets or the proxy variables are unusable.
    pub fn new(context: &'a Context, setup: Setup) -> Result<Self, Failure> {
        Ok(Self { context, setup })
    }

    /// The configuration in force.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Asks one question and waits for the answer, at most until the deadline.
    ///
    /// # Errors
    /// Exit 1 refused by budget or because no price is known, nothing was sent; 65 the question
    /// cannot be asked of any model so; 69 no answer that holds; 77 a key is missing.
    pub fn ask(&mut self, question: &Question<'_>) -> Result<Answer, Failure> {
        let what = question.purpose.name();
        self.context.tell(2, what);
        Err(Failure::new(Exit::Unavailable, format!("ask a model for {what}")))
    }
}
