//! The commit that a remote's HEAD is now.

use std::collections::BTreeMap;
use std::time::Duration;

use jobs::{JobTypes, Repositories, Request, Sha, judge};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Exec};

use crate::args::Wish;

/// How long the remote may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks the remote, if the allowlists know it: no other is spoken to.
pub(super) fn of(
    context: &Context,
    wish: &Wish,
    params: &BTreeMap<String, String>,
) -> Result<String, Failure> {
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
    let plan = judge(&request, &repositories, &types).map_err(|against| {
        let lines: Vec<String> =
            against.iter().map(|it| format!("{}: {}", it.field, it.message)).collect();
        Failure::new(Exit::No, "submit the job").because(lines.join("\n"))
    })?;
    let doing = || format!("ask {} for its HEAD", plan.url);
    let done = context.host.run(&question(context, plan.url.as_str(), plan.url.protocol()));
    let done = done.or_fail(Exit::Unavailable, doing())?;
    let said = String::from_utf8_lossy(&done.stdout);
    let sha = said.split_whitespace().next().map(Sha::read);
    match (done.ending, sha) {
        (Ending::Code(0), Some(Ok(sha))) => Ok(sha.as_str().to_owned()),
        _ => Err(Failure::new(Exit::Unavailable, doing())
            .because(String::from_utf8_lossy(&done.stderr).trim().to_owned())
            .hint("--sha names the commit")),
    }
}

/// `git ls-remote`, with no configuration, hook or helper but ssh.
fn question(context: &Context, url: &str, protocol: &str) -> Exec {
    let allowed = format!("protocol.{protocol}.allow=always");
    let settings = ["protocol.allow=never", &allowed, "core.hooksPath=/dev/null"];
    let mut args: Vec<&str> = settings.iter().flat_map(|it| ["-c", it]).collect();
    args.extend(["ls-remote", "--quiet", "--end-of-options", url, "HEAD"]);
    let mut exec = Exec::new("git", args);
    exec.deadline = PATIENCE;
    exec.folder = Some("/".into());
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_PROTOCOL_FROM_USER", "0"),
        ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
    ] {
        exec.env.insert(name.into(), value.into());
    }
    for name in ["HOME", "SSH_AUTH_SOCK"] {
        if let Some(value) = context.host.env(name) {
            exec.env.insert(name.into(), value.into());
        }
    }
    exec
}
