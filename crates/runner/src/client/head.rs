//! The commit that a remote's HEAD is now.

use std::collections::BTreeMap;
use std::time::Duration;

use jobs::{JobTypes, Repositories, Request, judge};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure};
use repo_mirror::Bounds;

use crate::args::Wish;
use crate::documents::{NOT_LISTED, Refused, fields};

/// How long the remote may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks the remote, if the allowlists know it: no other is spoken to. What they refuse is told as the
/// API would.
pub(super) fn of(
    context: &Context,
    wish: &Wish,
    params: &BTreeMap<String, String>,
) -> Result<Result<String, Refused>, Failure> {
    let repositories: Repositories = config::load(&context.host, &context.configs)?;
    let types: JobTypes = config::load(&context.host, &context.configs)?;
    let by_url = wish.repo.contains(':');
    let request = Request {
        job_type: wish.job.clone(),
        repo_name: (!by_url).then(|| wish.repo.clone()),
        remote_url: by_url.then(|| wish.repo.clone()),
        sha: None,
        params: params.clone(),
    };
    let plan = match judge(&request, &repositories, &types) {
        Ok(plan) => plan,
        Err(against) => return Ok(Err(Refused::new(422, NOT_LISTED.into(), fields(against)))),
    };
    let bounds = Bounds { deadline: PATIENCE, ..Bounds::default() };
    let head = repo_mirror::head(&context.host, &plan.repository, &plan.url, &bounds);
    let hint = "--sha names the commit";
    let head = head.map_err(|err| err.hint(hint))?;
    head.map(|sha| Ok(sha.as_str().to_owned())).ok_or_else(|| {
        let doing = format!("ask {} for its HEAD", plan.url);
        Failure::new(Exit::Unavailable, doing).because("it has none").hint(hint)
    })
}
