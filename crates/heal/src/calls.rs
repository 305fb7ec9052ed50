//! The parts of a run that can be called alone.

use std::path::Path;
use std::time::Duration;

use doctor::Policy;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use sshd_fix::act;
use sshd_fix::decide::Decision;

use crate::args::{Fix, SshArgs, WaitArgs};
use crate::documents::{Mode, Planned, Waited};
use crate::posture::{self, Run};
use crate::{evidence, ssh};

pub(crate) fn ssh(args: &SshArgs, context: &Context) -> Result<Box<dyn Report>, Failure> {
    if args.plan {
        return plan(context);
    }
    if let Some(record) = &args.rollback {
        return rollback(record, context);
    }
    let _lock = posture::lock(context)?;
    let mut run = Run::new(context, Mode::Ssh);
    let policy = policy(context);
    run.look_before(policy.as_ref());
    match run.apply(Fix::Ssh, args.confirm) {
        Err(failure) => run.end_failed(policy.as_ref(), failure),
        Ok(outcome) => {
            let ended = run.note(&outcome);
            Ok(Box::new(run.end(policy.as_ref(), ended, false)?))
        }
    }
}

/// Puts everything back, and only then looks at anything else: nothing may hold this up.
fn rollback(record: &Path, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let mut run = Run::new(context, Mode::Rollback);
    match ssh::fix(context, None).and_then(|fix| fix.rollback(record)) {
        Err(failure) => run.end_failed(policy(context).as_ref(), failure),
        Ok(outcome) => {
            let ended = run.note(&outcome);
            Ok(Box::new(run.end(policy(context).as_ref(), ended, false)?))
        }
    }
}

pub(crate) fn confirm(context: &Context) -> Result<Box<dyn Report>, Failure> {
    let mut run = Run::new(context, Mode::Confirm);
    match ssh::fix(context, None).and_then(|fix| fix.confirm()) {
        Err(failure) => run.end_failed(policy(context).as_ref(), failure),
        Ok(outcome) => {
            let ended = run.note(&outcome);
            Ok(Box::new(run.end(policy(context).as_ref(), ended, false)?))
        }
    }
}

/// What doctor judges by. Without it the fix runs all the same: its own verification counts.
fn policy(context: &Context) -> Option<Policy> {
    config::load(&context.host, &context.configs)
        .inspect_err(|failure: &Failure| context.tell(0, &failure.lines().join("\n")))
        .ok()
}

fn plan(context: &Context) -> Result<Box<dyn Report>, Failure> {
    let fix = ssh::fix(context, None)?;
    let facts = fix.observe();
    let decision = fix.decide(&facts);
    let mut text = Vec::new();
    let written = match &decision {
        Decision::Planned(plan) => plan.write_human(&facts, &mut text),
        Decision::Refused(refusal) => {
            text = format!("refused: {refusal}\n").into_bytes();
            Ok(())
        }
    };
    written.or_fail(Exit::Internal, "write the plan")?;
    Ok(Box::new(Planned { decision, text }))
}

/// Whether an address came within its time.
pub(crate) fn wait_address(args: &WaitArgs, context: &Context) -> Box<dyn Report> {
    let limit = Duration::from_secs(u64::from(args.seconds));
    let came = act::wait_address(&context.host, args.address, limit);
    Box::new(Waited { address: args.address, came })
}

pub(crate) fn verify_evidence(
    folder: &Path,
    context: &Context,
) -> Result<Box<dyn Report>, Failure> {
    Ok(Box::new(evidence::verify(context, folder)?))
}
