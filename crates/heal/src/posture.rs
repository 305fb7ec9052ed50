//! One run: look, perhaps fix, look again, leave evidence. What fails on the way is in the evidence
//! too.

use std::time::Duration;

use doctor::{Policy, Status};
use host_facts::Facts;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Lock;
use ops_core::report::Report;
use ops_core::time;
use sshd_fix::act::{Action, Outcome};

use crate::args::{Fix, PostureArgs};
use crate::documents::{Ended, Mode, Summary};
use crate::evidence::{self, Gathered};
use crate::observe::{self, Look};
use crate::{alert, decide, ssh};

/// Why nothing was looked at before.
const NOT_BEFORE: &str = "not looked at: acting came first";

/// A run that is under way.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    context: &'a Context,
    mode: Mode,
    started_at: String,
    begun: Duration,
    fixes: Vec<Fix>,
    actions: Vec<Action>,
    record: Option<String>,
    before: Option<Look>,
}

/// Only one heal at a time looks and acts.
pub(crate) fn lock(context: &Context) -> Result<Lock, Failure> {
    let path = context.home.join("state/heal/lock");
    context.host.lock(&path)?.map_err(|busy| busy.failure("heal"))
}

/// `heal` without a part of it.
pub(crate) fn run(args: &PostureArgs, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let _lock = lock(context)?;
    let mut summary = whole(args, context);
    if args.notify {
        let told = match &summary {
            Ok(summary) => alert::tell(context, summary),
            Err(failure) => alert::tell_failed(context, failure),
        };
        if let Err(failure) = told {
            context.tell(0, &failure.lines().join("\n"));
            if let Ok(summary) = &mut summary {
                summary.exit = summary.exit.map(|exit| exit.or(Exit::Unavailable));
            }
        }
    }
    Ok(Box::new(summary?))
}

fn whole(args: &PostureArgs, context: &Context) -> Result<Summary, Failure> {
    let mode = match args {
        PostureArgs { check_only: true, .. } => Mode::CheckOnly,
        PostureArgs { verify_only: true, .. } => Mode::VerifyOnly,
        _ => Mode::Heal,
    };
    let mut run = Run::new(context, mode);
    let policy = match config::load::<Policy>(&context.host, &context.configs) {
        Err(failure) => return run.end_failed(None, failure),
        Ok(policy) => policy,
    };
    let before = observe::look(context, &policy);
    let fixes = decide::fixes(args, &before.report);
    run.before = Some(before);
    let nothing = if mode == Mode::Heal { Ended::NotNeeded } else { Ended::Checked };
    let mut ended = (nothing, String::new(), Exit::Ok);
    for fix in fixes {
        match run.apply(fix, None) {
            Ok(outcome) => ended = run.note(&outcome),
            Err(failure) => return run.end_failed(Some(&policy), failure),
        }
    }
    run.end(Some(&policy), ended, true)
}

impl<'a> Run<'a> {
    pub(crate) fn new(context: &'a Context, mode: Mode) -> Self {
        Self {
            context,
            mode,
            started_at: time::rfc3339(context.host.now()),
            begun: context.host.ticks(),
            fixes: Vec::new(),
            actions: Vec::new(),
            record: None,
            before: None,
        }
    }

    /// Looks before anything is done, where there is a policy to judge by.
    pub(crate) fn look_before(&mut self, policy: Option<&Policy>) {
        self.before = policy.map(|policy| observe::look(self.context, policy));
    }

    /// Carries a fix out.
    pub(crate) fn apply(&mut self, fix: Fix, confirm: Option<u32>) -> Result<Outcome, Failure> {
        self.fixes.push(fix);
        match fix {
            Fix::Ssh => ssh::fix(self.context, confirm)?.run(),
        }
    }

    /// Takes down what came of it.
    pub(crate) fn note(&mut self, outcome: &Outcome) -> (Ended, String, Exit) {
        self.actions.extend(outcome.actions.iter().cloned());
        self.record = outcome.record.as_ref().map(|it| it.display().to_string());
        let (ended, reason) = ssh::words(outcome);
        (ended, reason, outcome.exit())
    }

    /// Looks again, writes the evidence, and sums up. With `by_doctor` the code is 0 only if doctor
    /// passes now.
    pub(crate) fn end(
        self,
        policy: Option<&Policy>,
        (outcome, reason, exit): (Ended, String, Exit),
        by_doctor: bool,
    ) -> Result<Summary, Failure> {
        let context = self.context;
        let host = &context.host;
        let is_changed = !self.actions.is_empty() || self.before.is_none();
        // What only looked need not look twice.
        let after = match (&self.before, policy) {
            (Some(before), _) if !is_changed && self.fixes.is_empty() => Some(before.clone()),
            (_, Some(policy)) => Some(observe::look(context, policy)),
            (before, None) => before.clone(),
        };
        let judged = after.as_ref().map_or(Exit::Unavailable, |it| it.report.exit());
        let exit = if by_doctor { exit.or(judged) } else { exit };
        let is_trouble = |status| matches!(status, Status::Fail | Status::Unknown);
        let checks = after.iter().flat_map(|it| &it.report.checks);
        let troubles = checks.filter(|it| is_trouble(it.status));
        let nothing = |why: &str| {
            let mut facts = Facts::nothing(host.name(), time::rfc3339(host.now()));
            facts.sockets = host_facts::Seen::unknown(why);
            facts
        };
        let mut summary = Summary {
            schema: "aiops.heal/1".into(),
            host: host.name(),
            started_at: self.started_at,
            duration_ms: u64::try_from(host.ticks().saturating_sub(self.begun).as_millis())
                .unwrap_or(u64::MAX),
            version: ops_core::VERSION.into(),
            mode: self.mode,
            fixes: self.fixes,
            outcome,
            reason: context.clean(&reason),
            before: self.before.as_ref().map(|it| it.report.status),
            after: after.as_ref().map(|it| it.report.status),
            troubles: troubles
                .map(|it| format!("{} {}: {}", it.status.name(), it.id, it.summary))
                .collect(),
            record: self.record,
            actions: self.actions.len(),
            evidence: None,
            exit_code: exit.code(),
            exit: Some(exit),
        };
        let folder = evidence::make_folder(context)?;
        summary.evidence = Some(folder.display().to_string());
        let files = evidence::files(&Gathered {
            before: self.before.as_ref().map_or_else(|| nothing(NOT_BEFORE), |it| it.facts.clone()),
            report_before: self.before.map(|it| it.report),
            after: after.as_ref().map_or_else(|| nothing("no policy"), |it| it.facts.clone()),
            report_after: after.map(|it| it.report),
            sshd: ssh::fix(context, None).ok().map(|fix| fix.observe()),
            guard: observe::guard_status(context),
            actions: self.actions,
            summary: summary.clone(),
        });
        evidence::write(context, &folder, &files)?;
        context.tell(2, &format!("evidence in {}", folder.display()));
        Ok(summary)
    }

    /// Leaves evidence of a run that has no answer, and fails.
    pub(crate) fn end_failed<T>(
        self,
        policy: Option<&Policy>,
        failure: Failure,
    ) -> Result<T, Failure> {
        let context = self.context;
        let ended = (Ended::Failed, failure.to_string(), failure.exit);
        match self.end(policy, ended, false) {
            Ok(summary) => {
                let folder = summary.evidence.unwrap_or_default();
                context.say(&format!("evidence in {folder}"));
            }
            Err(unwritten) => context.tell(0, &unwritten.lines().join("\n")),
        }
        Err(failure)
    }
}
