//! Finds what looks like a secret in text, files, folders and diffs, and never shows it.
//!
//! The rules are gitleaks' (`rules/gitleaks.toml`), the shapes of `key-shapes`, and a small file of
//! our own (`rules/own.toml`). As in gitleaks, words that a rule needs are searched for first, all
//! at once; unlike there, a rule is then tried only around its words, and compiled only when one of
//! them is seen. A line with `aiops:allow` or `gitleaks:allow` is passed over, and so is what
//! `.gitleaksignore` names.

mod allow;
mod compile;
mod diff;
mod finding;
mod ignore;
mod lines;
mod load;
mod made_up;
mod rule;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod walk;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

pub use diff::DiffScan;
pub use finding::Finding;
pub use ignore::Ignored;
pub use walk::{Limits, Passed, Unread, Walk, Why};

use allow::Allow;
use rule::Rule;

/// A set of rules, ready to be used from many threads.
pub struct Rules {
    all: Vec<Rule>,
    /// What holds for the rules that go by a name beside the value, and for gitleaks' own.
    common: Allow,
    words: AhoCorasick,
    /// For each word, the rules that need it.
    users: Vec<Vec<usize>>,
}

impl Rules {
    /// Returns the rules that come with this crate. Read once, compiled as they are needed.
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<Rules> = LazyLock::new(load::shipped);
        &SHIPPED
    }

    /// Returns the rules' ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|rule| rule.id.as_str())
    }

    /// Finds secrets in a text, which may be of any bytes. A rule that is for certain paths is only
    /// tried when there is a path.
    pub fn scan_text(&self, path: Option<&Path>, bytes: &[u8]) -> Vec<Finding> {
        text::scan_part(self, &text::Part::whole(path, bytes))
    }

    /// Returns whether files of this path are passed over whatever they hold: pictures, lock files,
    /// installed packages, and the rules themselves. [`Rules::walk`] asks by itself.
    pub fn passes_over(&self, path: &Path) -> bool {
        self.common.allows_path(Some(path))
    }

    /// Judges a file by its name alone, of any bytes: the name can be a secret itself, and some
    /// names say that a file is one.
    pub fn scan_name(&self, name: &[u8]) -> Vec<Finding> {
        let path = Path::new(OsStr::from_bytes(name));
        let mut found = text::scan_part(self, &text::Part::whole(None, name));
        found.extend(text::scan_path(self, path));
        found
    }

    /// Finds secrets in what a unified diff adds, by the new file's name and line. A diff that lies
    /// about its hunks is scanned all the same: every line that starts with `+` counts.
    pub fn scan_diff(&self, diff: &[u8]) -> DiffScan {
        diff::scan(self, diff)
    }

    /// Finds secrets in a file, or in every file below a folder; see [`Walk`] for what is passed
    /// over. Reads `.gitleaksignore` of the folder.
    pub fn walk(&self, host: &ops_host::host::Host, root: &Path, limits: Limits) -> Walk {
        walk::walk(self, host, root, limits)
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rules({})", self.all.len())
    }
}
