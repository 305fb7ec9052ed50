//! What a bridge did in a period: counts, durations, keys, retries, and whether the log holds.
//!
//! Everything is read from the evidence the executor left; nothing but summaries/ is written.

mod act;
pub mod args;
mod decide;
pub mod documents;
mod markdown;
mod observe;
mod period;
mod told;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use ops_core::time;

use args::Args;

/// Makes one report, writes it, and tells whoever was asked to be told.
///
/// # Errors
/// When the evidence cannot be read, or the report not be written or sent (69); when there is no
/// bridge root (78).
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let now = host.now();
    let period = period::Period::new(args.since, args.until, now)
        .map_err(|why| Failure::new(Exit::Usage, "choose the period").because(why))?;
    let root = args.root.find(host)?;
    let ledger = observe::ledger(host, &root, period)?;
    let facts = observe::facts(context, &root, &ledger);
    let summary = decide::summary(ledger, facts, period, now);
    let written = act::write(host, &root, &time::stamp(now), &summary)?;
    context.say(&format!("wrote {} and .json beside it", written.display()));
    if args.notify
        && let Err(failure) = act::notify(context, &summary, &written)
    {
        if summary.chain.ok {
            return Err(failure);
        }
        // The broken chain is the worse news; it is printed, and its exit code stays.
        failure.lines().iter().for_each(|line| context.tell(0, line));
    }
    Ok(Box::new(summary))
}
