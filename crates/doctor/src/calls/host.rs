//! `doctor host` and `doctor facts`.

use host_facts::{Facts, collect, sizes};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report;
use ops_core::time::{self, Timestamp};

use super::{Json, Shown, selection, watch};
use crate::args::{FactsArgs, Format, HostArgs};
use crate::decide::{Selection, judge};
use crate::policy::Policy;
use crate::report::Report;
use crate::{act, observe};

pub(super) fn run(
    args: &HostArgs,
    format: Format,
    context: &Context,
) -> Result<Box<dyn report::Report>, Failure> {
    let policy: Policy = config::load(&context.host, &context.configs)?;
    let selection = selection(&args.only, &args.skip)?;
    let look = Look { args, context, policy: &policy, selection: &selection };
    if let Some(seconds) = args.watch {
        return watch::run(&look, seconds, format);
    }
    let (report, is_kept) = look.once()?;
    Ok(Box::new(Shown { report, format, is_kept }))
}

pub(super) fn facts(
    args: &FactsArgs,
    context: &Context,
) -> Result<Box<dyn report::Report>, Failure> {
    let policy: Policy = config::load(&context.host, &context.configs)?;
    let selection = selection(&args.only, &[])?;
    let wanted = observe::wanted(context, &policy, &selection, args.secrets_dir.as_deref());
    let facts = collect(&context.host, &wanted);
    Ok(Box::new(Json(serde_json::to_value(&facts).or_fail(Exit::Internal, "write facts")?)))
}

/// One look at one host, which `--watch` repeats.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) args: &'a HostArgs,
    pub(super) context: &'a Context,
    policy: &'a Policy,
    selection: &'a Selection,
}

impl Look<'_> {
    /// Looks, judges, saves, tells. The second part is whether all that was to be kept was.
    pub(super) fn once(&self) -> Result<(Report, bool), Failure> {
        let (facts, now) = self.facts()?;
        let report = judge(&facts, self.policy, self.selection, now);
        let mut is_kept = true;
        let mut keep = |kept: Result<(), Failure>| {
            if let Err(failure) = kept {
                is_kept = false;
                self.context.tell(0, &failure.lines().join("\n"));
            }
        };
        let (args, context) = (self.args, self.context);
        if args.facts.is_none() {
            keep(act::save(context, &report).map(|path| {
                context.tell(2, &format!("saved as {}", path.display()));
            }));
        }
        if args.facts.is_none() && args.remote.is_none() {
            keep(sizes::save(&context.host, &context.home, &facts));
        }
        if args.notify {
            keep(act::tell(context, &report, args.remote.as_ref().map(|_| report.host.as_str())));
        }
        Ok((report, is_kept))
    }

    /// The facts, and the moment as of which they are judged: recorded ones as of their recording.
    fn facts(&self) -> Result<(Facts, Timestamp), Failure> {
        let context = self.context;
        if let Some(path) = &self.args.facts {
            let facts = observe::recorded(context, path)?;
            let then = time::parse(&facts.collected_at)
                .or_fail(Exit::Malformed, "read when the facts were collected")?;
            return Ok((facts, then));
        }
        let facts = if let Some(target) = &self.args.remote {
            observe::remote(context, self.policy, target)?
        } else {
            let secrets_dir = self.args.secrets_dir.as_deref();
            let wanted = observe::wanted(context, self.policy, self.selection, secrets_dir);
            collect(&context.host, &wanted)
        };
        Ok((facts, context.host.now()))
    }
}
