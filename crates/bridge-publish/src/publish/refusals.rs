//! Why a publication does not go on, and what a person can do about it.

use bridge::settings::Publish;
use gix::ObjectId;
use ops_core::failure::{Exit, Failure};

use super::Run;
use crate::decide::ground::Compare;
use crate::observe::{conflict, history};
use crate::repository::{PUBLISH, REMOTE, SYNCED};

/// How many paths a message lists.
const LISTED: usize = 10;

impl Run<'_> {
    /// Stops where the remote has evidence that this root did not put there.
    pub(super) fn refuse_conflicts(
        &self,
        compare: Compare,
        tip: ObjectId,
        head: Option<ObjectId>,
    ) -> Result<(), Failure> {
        let git = &self.repository.git;
        let paths = conflict::paths(self.host, git, self.root.path(), compare, tip, head)?;
        if paths.is_empty() {
            return Ok(());
        }
        let mut listed: Vec<&str> = paths.iter().map(String::as_str).take(LISTED).collect();
        let more = format!("and {} more", paths.len().saturating_sub(LISTED));
        if paths.len() > LISTED {
            listed.push(&more);
        }
        let Publish { remote, branch, .. } = self.settings;
        let hint = match compare {
            Compare::Disk => format!(
                "this root meets {remote}/{branch} for the first time and lacks what is there: \
                 git pull in the root, or publish to another branch"
            ),
            Compare::Since(_) | Compare::Nothing => format!(
                "revert that commit on {remote}/{branch}; if it was set back on purpose, remove our \
                 memory of it: git update-ref -d {SYNCED}; git update-ref -d {PUBLISH}"
            ),
        };
        Err(Failure::new(
            Exit::Unavailable,
            "publish: the remote has evidence that is not of this root",
        )
        .because(listed.join("\n"))
        .hint(hint))
    }

    /// The branch that evidence was published to is not there any more.
    pub(super) fn branch_is_gone(&self) -> Failure {
        let Publish { remote, branch, .. } = self.settings;
        Failure::new(
            Exit::Unavailable,
            format!("publish: {remote} has no branch {branch} any more"),
        )
        .because("it had one that evidence was published to".to_owned())
        .hint(format!(
            "git push {remote} {SYNCED}:refs/heads/{branch} puts it back; to start anew: \
                 git update-ref -d {SYNCED}; git update-ref -d {PUBLISH}"
        ))
    }

    /// Every attempt failed; says what waits.
    pub(super) fn waiting(&self, why: &str, attempts: u32) -> Failure {
        let Publish { remote, branch, .. } = self.settings;
        let at = |name: &str| self.repository.commit_at(name).ok().flatten();
        let tracking = format!("refs/remotes/{remote}/{branch}");
        let there = [at(SYNCED), at(REMOTE), at(&tracking)];
        let chain = history::chain(&self.repository.git, at(PUBLISH), there[0]).unwrap_or_default();
        let waiting = match chain.iter().take_while(|id| !there.contains(&Some(**id))).count() {
            1 => "1 commit waits".to_owned(),
            count => format!("{count} commits wait"),
        };
        Failure::new(
            Exit::Unavailable,
            format!("publish to {remote}/{branch}, tried {attempts} times"),
        )
        .because(why.to_owned())
        .hint(format!("{waiting} in {PUBLISH}; the next run pushes again"))
    }
}
