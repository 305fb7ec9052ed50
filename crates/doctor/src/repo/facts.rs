//! What is so in a repository. No judgement here.

use host_facts::Seen;

/// A repository.
#[derive(Clone, Debug)]
pub(crate) struct RepoFacts {
    /// `core.hooksPath`, if it is set.
    pub(crate) hooks_path: Seen<Option<String>>,
    /// The top folder of the work tree.
    pub(crate) top: String,
    /// Every hook file that is there or committed.
    pub(crate) hooks: Seen<Vec<Hook>>,
    /// Lines that go round the hooks, as `file:line`, with what they hold.
    pub(crate) bypass: Seen<Vec<(String, String)>>,
    /// Configuration files, each with what is wrong with it.
    pub(crate) configs: Seen<Vec<(String, Vec<String>)>>,
    /// The approved commit; `None` when the policy names no file of it.
    pub(crate) baseline: Option<Seen<Baseline>>,
    /// Allowlists, each with what is wrong with it.
    pub(crate) allowlists: Vec<(String, Result<(), String>)>,
    /// What looks like secrets in tracked files.
    pub(crate) secrets: Seen<Secrets>,
    /// What systemd says of the units.
    pub(crate) units: Seen<Units>,
}

/// A hook file.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not exclude each other")]
pub(crate) struct Hook {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is there.
    pub(crate) is_there: bool,
    /// Whether its owner may run it.
    pub(crate) is_executable: bool,
    /// Whether git tracks it.
    pub(crate) is_tracked: bool,
    /// Whether it differs from the last commit.
    pub(crate) is_changed: bool,
}

/// The approved commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Baseline {
    /// As the file has it.
    pub(crate) commit: String,
    /// Whether it is an ancestor of the current commit, or that commit.
    pub(crate) is_ancestor: bool,
}

/// What looks like secrets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Secrets {
    /// How many files were looked through.
    pub(crate) files: usize,
    /// `file:line`, and what it looks like, masked.
    pub(crate) found: Vec<(String, String)>,
    /// Files that could not be looked through, and why.
    pub(crate) unread: Vec<(String, String)>,
}

/// systemd units.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Units {
    /// How many there are.
    pub(crate) count: usize,
    /// What `systemd-analyze verify` said: any word is a defect.
    pub(crate) said: Vec<String>,
    /// Programs of the units that are not installed here.
    pub(crate) not_here: Vec<String>,
    /// Timers that start a unit that is not there.
    pub(crate) idle_timers: Vec<String>,
}
