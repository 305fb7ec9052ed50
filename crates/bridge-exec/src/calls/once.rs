//! `bridge-exec once`: drain and exit.

use std::time::Duration;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::report::Report;

use crate::args::{Args, OnceArgs};
use crate::documents::Drained;
use crate::open::Surroundings;

/// How often files that do not parse yet are waited for, two seconds each time at most.
const WAITS: usize = 3;

pub(crate) fn run(
    args: &Args,
    once: &OnceArgs,
    context: &Context,
) -> Result<Box<dyn Report>, Failure> {
    let mut surroundings = Surroundings::new(args, context)?;
    if let Some(group) = once.group {
        surroundings.settings.group.commands = group.into();
    }
    let _locks = surroundings.lock(&context.host)?;
    let (mut engine, recovered) = surroundings.engine(args, context)?;
    let mut drained = Drained::new();
    drained.add(&recovered);
    for left in (0..=WAITS).rev() {
        let pass = engine.pass()?;
        drained.add(&pass.kept);
        drained.retrying = pass.retrying;
        drained.unfinished = pass.young;
        // Draining means that a file which was just written badly is judged too.
        if pass.young == 0 || left == 0 {
            break;
        }
        context.host.pause(pass.again_in.unwrap_or(Duration::from_secs(2)));
    }
    Ok(Box::new(drained))
}
