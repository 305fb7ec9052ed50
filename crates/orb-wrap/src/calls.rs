//! One function for each call.

use std::time::Duration;

use jobs::{JobTypes, Repositories};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::Failure;
use ops_core::report::Report;
use repo_mirror::{Mirrors, Scratch, Swept};

use crate::args::{Asked, Call, Task};
use crate::documents::{Collected, Explained, List, Listed};
use crate::{run, task};

pub(crate) fn run(call: &Call, context: &Context) -> Result<Box<dyn Report>, Failure> {
    match call {
        Call::Run { asked, artifact_dir } => {
            run::run(context, &asked.request()?, artifact_dir.as_deref())
        }
        Call::List => list(context),
        Call::Explain { asked } => explain(context, asked),
        Call::Gc { unused_days, max_mib } => gc(context, *unused_days, *max_mib),
        Call::Inside => Err(sandbox::inside(&context.host)),
        Call::Task { task: Task::ReviewBundle { max_bytes } } => {
            task::review_bundle::run(context, *max_bytes)
        }
        Call::Task { task: Task::LogAudit } => task::log_audit::run(context),
    }
}

fn list(context: &Context) -> Result<Box<dyn Report>, Failure> {
    let types: JobTypes = config::load(&context.host, &context.configs)?;
    let repositories: Repositories = config::load(&context.host, &context.configs)?;
    let listed = |job: &jobs::JobType| Listed {
        about: job.about.clone(),
        params: job.allowed_params.clone(),
        timeout: job.timeout.clone(),
    };
    Ok(Box::new(List {
        schema: "aiops.job-list/1".to_owned(),
        jobs: types.jobs.iter().map(|(name, job)| (name.clone(), listed(job))).collect(),
        repos: repositories.repos,
    }))
}

fn explain(context: &Context, asked: &Asked) -> Result<Box<dyn Report>, Failure> {
    let types: JobTypes = config::load(&context.host, &context.configs)?;
    let repositories: Repositories = config::load(&context.host, &context.configs)?;
    let request = asked.request()?;
    let judged = jobs::judge(&request, &repositories, &types);
    let plan = judged.as_ref().ok();
    let bubblewrap = context.host.find_program("bwrap");
    Ok(Box::new(Explained {
        schema: "aiops.job-plan/1".to_owned(),
        allowed: plan.is_some(),
        argv: plan.map(|it| it.job.argv.clone()).unwrap_or_default(),
        or: plan.map(|it| it.job.or.clone()).unwrap_or_default(),
        url: plan.map(|it| it.url.to_string()),
        sha: plan.and_then(|it| it.sha.as_ref()).map(ToString::to_string),
        limits: plan.map(|it| it.job.limits),
        network: plan.map(|it| it.job.network),
        params: plan.map(|it| it.params.clone()).unwrap_or_default(),
        timeout: plan.map(|it| it.job.timeout.clone()),
        minimum: types.sandbox.minimum.clone(),
        bubblewrap: bubblewrap.map(|it| it.display().to_string()),
        rejections: judged.err().unwrap_or_default(),
    }))
}

fn gc(context: &Context, unused_days: u16, max_mib: u32) -> Result<Box<dyn Report>, Failure> {
    let repositories: Repositories = config::load(&context.host, &context.configs)?;
    let (host, home) = (&context.host, context.home.as_path());
    let swept = Scratch::sweep(host, home);
    let listed: Vec<&str> = repositories.repos.iter().map(|it| it.name.as_str()).collect();
    let unused = Duration::from_hours(24 * u64::from(unused_days));
    let most = u64::from(max_mib) << 20;
    let working = context.working("packing mirrors");
    let mirrors = Mirrors::new(host, home).gc(&listed, unused, most)?;
    drop(working);
    let (removed, kept): (Vec<_>, Vec<_>) = mirrors.into_iter().partition(|it| it.removed);
    let kept_bytes = kept.iter().map(|it| it.bytes).sum();
    let unpacked = |it: &Swept| Some((it.name.clone(), it.unpacked.clone()?));
    Ok(Box::new(Collected {
        schema: "aiops.job-gc/1".to_owned(),
        worktrees_removed: swept.iter().map(ToString::to_string).collect(),
        mirrors_removed: removed.iter().map(|it| it.name.clone()).collect(),
        freed: removed.into_iter().map(|it| (it.name, it.bytes)).collect(),
        mirrors_unpacked: kept.iter().filter_map(unpacked).collect(),
        kept_bytes,
        over_bytes: u64::saturating_sub(kept_bytes, most),
        mirrors_kept: kept.into_iter().map(|it| (it.name, it.bytes)).collect(),
    }))
}
