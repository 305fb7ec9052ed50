//! The review gate: reviews exactly the range that is about to move, keeps a signed verdict, and
//! lets nothing move without one.
//!
//! `observe` is [`range`], [`basis`] and `run::look`; what decides is in the crates `verdict`,
//! `review-rules` and `review-check`; what acts is in [`run`], [`finish`](mod@finish), [`init`](mod@init)
//! and [`hooks`].

pub mod approval;
pub mod args;
pub mod basis;
pub mod bundling;
pub mod checking;
pub mod commit;
pub mod documents;
pub mod finish;
pub mod git;
pub mod ground;
mod guarded;
pub mod hooks;
pub mod init;
pub mod prompt;
pub mod range;
pub mod reviewer;
pub mod run;
pub mod show;
pub mod signing;
pub mod verify_tree;
pub mod waive;

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::report::Report;
use review_check::Mode;

use args::{Args, Verb};

/// Carries out one call.
///
/// # Errors
/// When there is no answer.
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let here = Path::new(".");
    Ok(match &args.verb {
        Verb::Check { remote } => Box::new(checking::check(context, Mode::PrePush, remote)?),
        Verb::PreReceive => Box::new(checking::check(context, Mode::PreReceive, &[])?),
        Verb::Bundle(it) => Box::new(bundling::bundle(context, it, here, false)?),
        Verb::Packets(it) => Box::new(bundling::bundle(context, it, here, true)?),
        Verb::Run(it) => Box::new(run::review(context, here, it)?),
        Verb::Finish => Box::new(finish::finish(context, here)?),
        Verb::Show(it) => match show::show(context, it, here)? {
            Ok(shown) => Box::new(shown),
            Err(none) => Box::new(none),
        },
        Verb::VerifyTree => Box::new(verify_tree::look(context, here)?),
        Verb::Init(it) => Box::new(init::init(context, it, here)?),
        Verb::InstallHooks { server: Some(bare) } => {
            Box::new(hooks::install_on_server(&context.host, bare)?)
        }
        Verb::InstallHooks { server: None } => Box::new(hooks::install(&context.host, here)?),
        Verb::Waive(it) => Box::new(waive::waive(context, it, here)?),
    })
}
