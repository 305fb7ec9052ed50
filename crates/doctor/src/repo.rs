//! `doctor repo`: a repository's own health.

mod decide;
mod facts;
mod fix;
mod observe;

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::Failure;
use ops_core::{report, time};

use crate::args::{Format, RepoArgs};
use crate::calls::Shown;
use crate::policy::Policy;

pub(crate) use decide::CHECKS;

/// Looks at a repository, judges it, and with `--fix` sets what is safe first.
pub(crate) fn run(
    args: &RepoArgs,
    format: Format,
    context: &Context,
) -> Result<Box<dyn report::Report>, Failure> {
    let policy: Policy = config::load(&context.host, &context.configs)?;
    let git = observe::Git::open(&context.host, &args.path)?;
    if args.fix {
        for done in fix::fix(&git, &policy.repo)? {
            context.say(&done);
        }
    }
    let begun = context.host.ticks();
    let now = context.host.now();
    let facts = observe::facts(&git, &policy.repo);
    let taken = context.host.ticks().saturating_sub(begun).as_millis();
    let report = decide::judge(
        &facts,
        &policy,
        (context.host.name(), time::rfc3339(now), u64::try_from(taken).unwrap_or(u64::MAX)),
        now,
    );
    Ok(Box::new(Shown { report, format, is_kept: true }))
}
