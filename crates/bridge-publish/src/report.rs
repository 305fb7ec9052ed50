//! What a run has to say.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What was published: `bridge-publish once`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// `aiops.bridge.publish/1`.
    pub schema: String,
    /// Commits made in this run that are on the remote, oldest first.
    pub commits: Vec<Commit>,
    /// Whether anything was pushed.
    pub pushed: bool,
    /// The remote's branch afterwards, 40 hex digits; `None` while it does not exist.
    pub remote_tip: Option<String>,
    /// Names of documents that appeared in commands/.
    pub inbound: Vec<String>,
    /// Whether the local branch followed.
    pub branch_moved: bool,
    /// Evidence that cannot be published, and why.
    pub left_out: Vec<String>,
    /// What a person may want to know besides.
    pub notes: Vec<String>,
    /// `origin/main`, for people.
    #[serde(skip)]
    pub(crate) place: String,
    /// How many outcomes are among the commits.
    #[serde(skip)]
    pub(crate) outcomes: usize,
}

/// One evidence commit.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Its id, 40 hex digits.
    pub oid: String,
    /// Its first line.
    pub subject: String,
}

impl Default for Watched {
    fn default() -> Self {
        let schema = "aiops.bridge.publish_watch/1".into();
        Self { schema, rounds: 0, failed: 0, commits: 0 }
    }
}

impl Published {
    /// Nothing yet, to a remote and branch.
    pub(crate) fn new(place: String) -> Self {
        Self { schema: "aiops.bridge.publish/1".into(), place, ..Self::default() }
    }

    /// One line for a person.
    pub fn summary(&self) -> String {
        let tip = self.remote_tip.as_deref().and_then(|tip| tip.get(..7)).unwrap_or("no branch");
        let place = &self.place;
        if !self.pushed {
            return format!("nothing to publish ({place} {tip})");
        }
        let (outcomes, commits) =
            (count(self.outcomes, "outcome"), count(self.commits.len(), "commit"));
        format!("published {outcomes} in {commits}, pushed to {place} ({tip})")
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

impl Report for Published {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.summary())?;
        for name in &self.inbound {
            writeln!(out, "inbound: commands/{name}")?;
        }
        for what in &self.left_out {
            writeln!(out, "left out: {what}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What `bridge-publish watch` did, said when it ends.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// `aiops.bridge.publish_watch/1`.
    pub schema: String,
    /// Rounds that published or had nothing to publish.
    pub rounds: u64,
    /// Rounds that failed; each was said when it did.
    pub failed: u64,
    /// Commits that reached the remote.
    pub commits: u64,
}

impl Report for Watched {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { rounds, failed, commits, .. } = self;
        writeln!(
            out,
            "ended as asked: {rounds} rounds, {failed} failed, {commits} commits published"
        )
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_and_the_document_names_its_schema() {
        let mut it = Published::new("origin/main".into());
        assert_eq!(it.summary(), "nothing to publish (origin/main no branch)");
        it.remote_tip = Some("abc1234def".into());
        it.pushed = true;
        it.outcomes = 1;
        it.commits = vec![Commit { oid: "x".into(), subject: "y".into() }; 2];
        assert_eq!(
            it.summary(),
            "published 1 outcome in 2 commits, pushed to origin/main (abc1234)"
        );
        assert_eq!(it.json()["schema"], "aiops.bridge.publish/1");
        assert_eq!(it.json()["commits"][1]["subject"], "y");
        assert_eq!(Watched::default().json()["schema"], "aiops.bridge.publish_watch/1");
    }
}
