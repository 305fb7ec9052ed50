//! Watches one host, repairs the one thing that is safe to repair by itself, and tells the rest.
//!
//! `doctor` says what is wrong, [`decide`] what guard may do about it, and `heal ssh` does it: guard
//! itself touches nothing but its log, its memory and the spool of alerts.

mod act;
pub mod args;
mod calls;
mod cycle;
pub mod decide;
pub mod documents;
mod install;
mod line;
pub mod memory;
pub mod policy;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::report::Report;

pub use policy::Policy;

use args::{Args, Call};

/// Does one call.
///
/// # Errors
/// Exit 69 when the memory cannot be written, 75 when another guard runs, 78 for configuration.
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    match &args.call {
        Call::Run(run) => calls::run(run, context),
        Call::Status => calls::status(context),
        Call::Reset => calls::reset(context),
        Call::Install(install) => install::install(install, context),
        Call::Uninstall(install) => install::uninstall(install, context),
    }
}
