//! Checks a host's posture, applies the fixes that are safe, verifies, and leaves evidence.
//!
//! `doctor` looks and judges, crate `sshd-fix` changes and goes back; here is the order of things
//! and [`evidence`], which every run leaves, also one that failed or refused.

mod alert;
pub mod args;
mod calls;
mod decide;
pub mod documents;
pub mod evidence;
mod observe;
mod posture;
mod ssh;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::report::Report;

use args::{Args, Call};

/// Does one call.
///
/// # Errors
/// Exit 69 when something could not be asked or the evidence not be written, 75 when another heal
/// runs, 78 for configuration.
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    match &args.call {
        None => posture::run(&args.posture, context),
        Some(Call::Ssh(ssh)) => calls::ssh(ssh, context),
        Some(Call::Confirm) => calls::confirm(context),
        Some(Call::WaitAddress(wait)) => Ok(calls::wait_address(wait, context)),
        Some(Call::VerifyEvidence { folder }) => calls::verify_evidence(folder, context),
    }
}
