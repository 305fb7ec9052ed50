//! What a remote says of itself.

use jobs::{RepoUrl, Repository, Sha};
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;

use crate::git::{self, Bounds};

/// The commit that a remote's HEAD names now; `None` when it has none. It is asked at the address
/// that the allowlist writes; `url` is the same, read.
///
/// # Errors
/// 69 when it cannot be asked, or keeps us waiting longer than the bounds allow.
pub fn head(
    host: &Host,
    repository: &Repository,
    url: &RepoUrl,
    bounds: &Bounds,
) -> Result<Option<Sha>, Failure> {
    let args = ["ls-remote", "--end-of-options", &repository.url, "HEAD"];
    let ran = git::git(host, None, Some(url), &args, bounds)?;
    if let Some(why) = ran.failed {
        let doing = format!("ask {url} for its HEAD");
        return Err(Failure::new(Exit::Unavailable, doing).because(why));
    }
    let text = String::from_utf8_lossy(&ran.stdout);
    let sha = text.lines().find_map(|line| line.strip_suffix("\tHEAD"));
    Ok(sha.and_then(|sha| Sha::read(sha).ok()))
}
