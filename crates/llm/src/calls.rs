//! One file for each call: what it looks at, what it starts, what it reports.

mod ask;
mod cost;
mod models;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::report::Report;

use crate::args::{Args, Verb};
use crate::doctor;

/// Carries out one call.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let secrets_dir = args.secrets_dir.as_deref();
    Ok(match &args.verb {
        Verb::Ask(ask) => Box::new(ask::ask(ask, context, secrets_dir)?),
        Verb::Status => Box::new(doctor::status(context, secrets_dir)?),
        Verb::Doctor => Box::new(doctor::examine(context, secrets_dir)?),
        Verb::Models(models) => Box::new(models::list(models, context)?),
        Verb::Cost(cost) => Box::new(cost::sum(cost, context)?),
    })
}
