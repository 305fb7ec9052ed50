//! What `--fix` sets: `core.hooksPath` and the run bits of hooks, nothing else.

use ops_core::failure::{Exit, Failure, OrFail};

use super::observe::Git;
use crate::policy::RepoPolicy;

/// Sets what is safe to set; returns what was changed.
///
/// # Errors
/// Exit 69 when it cannot be set.
pub(super) fn fix(git: &Git, policy: &RepoPolicy) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    let hooks = policy.hooks.to_string_lossy();
    let set = git.config("core.hooksPath").or_fail(Exit::Unavailable, "read core.hooksPath")?;
    if set.as_deref() != Some(&*hooks) {
        git.output(&["config", "core.hooksPath", &hooks])
            .or_fail(Exit::Unavailable, "set core.hooksPath")?;
        done.push(format!("set core.hooksPath to {hooks}"));
    }
    let found =
        super::observe::hooks(git, policy).or_fail(Exit::Unavailable, "look at the hooks")?;
    // A hook that nobody committed gets no run bit: somebody would have to vouch for it.
    for hook in found.iter().filter(|it| it.is_there && it.is_tracked && !it.is_executable) {
        let path = git.top.join(&policy.hooks).join(&hook.name);
        git.host
            .make_executable(&path)
            .or_fail(Exit::Unavailable, format!("make {} executable", path.display()))?;
        done.push(format!("made {hooks}/{} executable", hook.name));
    }
    Ok(done)
}
