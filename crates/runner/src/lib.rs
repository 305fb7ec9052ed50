//! Read-only jobs over other repositories: a queue behind an HTTP API, the workers that have
//! `orb-wrap` run the jobs, and the client.
//!
//! The API and the workers know each other through the queue alone; each can be killed and started
//! again at any time. A job is run by a child process, so that a crash of one cannot take the other.

pub mod api;
pub mod args;
mod client;
pub mod documents;
mod keep;
mod service;
pub mod settings;
mod smoke;
mod store;
mod work;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;

use args::{Args, Call};
use service::Part;

/// Carries out one call.
///
/// # Errors
/// When there is no answer: no API (69), no token (77), configuration (78).
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    match &args.call {
        Call::Api { listen } => service::run(args, context, &[Part::Api(*listen)]),
        Call::Work { concurrency } => service::run(args, context, &[Part::Workers(*concurrency)]),
        Call::Serve { listen, concurrency } => {
            service::run(args, context, &[Part::Api(*listen), Part::Workers(*concurrency)])
        }
        Call::Submit(wish) => client::submit(args, context, wish),
        Call::List(filter) => client::list(args, context, filter),
        Call::Show { job_id } => client::show(args, context, job_id),
        Call::Cancel { job_id } => client::cancel(args, context, job_id),
        Call::Logs { job_id, stream, tail } => client::logs(args, context, job_id, *stream, *tail),
        Call::Smoke => smoke::run(args, context),
        Call::Inside { parent, command } => work::inside(context, *parent, command),
    }
}

/// A failure of the caller's input.
fn malformed(doing: &str, why: impl Into<String>) -> Failure {
    Failure::new(Exit::Malformed, doing).because(why.into())
}
