//! The calls that need this machine: a cycle, how guard stands, a new beginning.

use std::path::Path;
use std::time::Duration;

use doctor::Selection;
use ops_core::alert::{self, Alert, Kind, Severity};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Lock;
use ops_core::report::Report;

use crate::act;
use crate::args::RunArgs;
use crate::cycle::{self, Powers};
use crate::decide::Situation;
use crate::documents::{Reset, Standing};
use crate::memory::{self, Memory};
use crate::policy::Policy;

/// doctor's check of guard itself, which guard leaves to doctor: its own failure would keep it
/// failing for ever.
const SELF: &str = "guard";

fn lock(context: &Context) -> Result<Lock, Failure> {
    let path = context.home.join("state/guard/lock");
    context.host.lock(&path)?.map_err(|busy| busy.failure("guard"))
}

pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let _lock = lock(context)?;
    let loaded = settings(context);
    let (judging, policy) = loaded.inspect_err(|failure| blind(context, failure))?;
    let secrets_dir = args.secrets_dir.as_deref();
    let powers = Powers {
        look: Box::new(|| look(context, &judging, secrets_dir)),
        fix: Box::new(|| act::fix(context, Duration::from_secs(u64::from(policy.fix_seconds)))),
    };
    Ok(Box::new(cycle::run(context, &policy, judging.guard.log.clone(), powers)))
}

fn settings(context: &Context) -> Result<(doctor::Policy, Policy), Failure> {
    let judging = config::load(&context.host, &context.configs)?;
    Ok((judging, config::load(&context.host, &context.configs)?))
}

/// Tells that guard cannot see: nobody reads the exit codes of timers.
fn blind(context: &Context, failure: &Failure) {
    let alert = Alert {
        title: format!("{}: guard cannot run", context.host.name()),
        message: failure.lines().join("\n"),
        check: Some("guard.run".into()),
        severity: Severity::High,
        kind: Kind::Event,
        channel: None,
    };
    if let Err(failure) = alert::raise(context, "guard", &alert) {
        context.tell(0, &failure.lines().join("\n"));
    }
}

fn look(context: &Context, policy: &doctor::Policy, secrets_dir: Option<&Path>) -> Situation {
    let selection = Selection { skip: [SELF.to_owned()].into(), ..Selection::default() };
    let wanted = doctor::observe::wanted(context, policy, &selection, secrets_dir);
    let facts = host_facts::collect(&context.host, &wanted);
    let report = doctor::judge(&facts, policy, &selection, context.host.now());
    Situation::of(&report, &facts)
}

pub(crate) fn status(context: &Context) -> Result<Box<dyn Report>, Failure> {
    let (judging, policy) = settings(context)?;
    let host = &context.host;
    let selection = Selection { only: [SELF.to_owned()].into(), ..Selection::default() };
    let wanted = doctor::observe::wanted(context, &judging, &selection, None);
    let facts = host_facts::collect(host, &wanted);
    let report = doctor::judge(&facts, &judging, &selection, host.now());
    let check = report.check(SELF).cloned().ok_or_else(|| {
        Failure::new(Exit::Internal, "judge guard: doctor has no such check any more")
    })?;
    let (memory, memory_error) = match memory::load(host, &context.home) {
        Ok(memory) => (Some(memory), None),
        Err(why) => (None, Some(why)),
    };
    let fixes_left = memory.as_ref().filter(|it| it.latched_at.is_none()).map_or(0, |memory| {
        policy.fixes_per_hour.saturating_sub(memory.fixes_within_an_hour(host.now()))
    });
    Ok(Box::new(Standing {
        schema: "aiops.guard_status/1".into(),
        host: host.name(),
        check,
        log: judging.guard.log.display().to_string(),
        running: host.lock_holder(&context.home.join("state/guard/lock")),
        memory,
        memory_error,
        fixes_left,
    }))
}

pub(crate) fn reset(context: &Context) -> Result<Box<dyn Report>, Failure> {
    let _lock = lock(context)?;
    let loaded = memory::load(&context.host, &context.home);
    let was_unreadable = loaded.as_ref().err().cloned();
    let old = loaded.unwrap_or_default();
    let new = Memory {
        fixes: Vec::new(),
        fix_begun_at: None,
        failed_fixes: 0,
        latched_at: None,
        ..old.clone()
    };
    memory::save(&context.host, &context.home, &new)?;
    Ok(Box::new(Reset {
        schema: "aiops.guard_reset/1".into(),
        was_latched: old.latched_at.is_some(),
        failed_fixes: old.failed_fixes,
        was_unreadable,
    }))
}
