//! The `key` binary as a library: one file per thing it does.
//!
//! `look` and `observe`-like calls change nothing; `change`, `rotate` and `migrate` act under a lock
//! and leave audit lines; what is to be done is judged in `decide`.

pub mod args;
pub mod audit;
mod change;
mod decide;
mod desk;
mod doctor;
pub mod documents;
mod hand_over;
mod look;
mod make;
mod migrate;
mod rotate;
mod scan;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::report::Report;

use args::{Args, Call};
use desk::Desk;

/// Does what the command line asks.
///
/// # Errors
/// When there is no answer.
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    if let Call::Scan { path, diff } = &args.call {
        return Ok(Box::new(scan::scan(context, path, *diff)?));
    }
    let desk = Desk::open(context, args.secrets_dir.as_deref())?;
    Ok(match &args.call {
        Call::List => Box::new(look::list(&desk)),
        Call::Status { name } => Box::new(look::status(&desk, name)?),
        Call::PrintSource { name } => Box::new(look::source(&desk, name)?),
        Call::Set { name, place } => Box::new(change::set(&desk, name, *place)?),
        Call::Delete { name } => Box::new(change::delete(&desk, name)?),
        Call::Doctor { name, timeout } => {
            Box::new(doctor::examine(&desk, name.as_deref(), *timeout)?)
        }
        Call::EmitEnv { names } => Box::new(hand_over::emit(&desk, names, args.common.json)?),
        Call::Exec { names, command } => Box::new(hand_over::exec(&desk, names, command)?),
        Call::Rotate { name, step, window, now } => {
            Box::new(rotate::rotate(&desk, name, *step, *window, *now)?)
        }
        Call::Generate { name, place, force } => {
            Box::new(change::generate(&desk, name, *place, *force)?)
        }
        Call::Migrate => Box::new(migrate::migrate(&desk)?),
        Call::Scan { .. } => {
            unreachable!("scanning needs no secrets, so it went its own way above")
        }
    })
}
