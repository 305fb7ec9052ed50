//! Allowlists: what a rule matches and yet is no secret.

use std::path::Path;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::rule::Lazy;

/// What an allowlist's expressions are matched against.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// The secret.
    #[default]
    Secret,
    /// All that the rule matched.
    Match,
    /// The lines of the match.
    Line,
}

/// One match of a rule, as an allowlist sees it.
pub(crate) struct Candidate<'a> {
    pub(crate) path: Option<&'a Path>,
    pub(crate) secret: &'a [u8],
    pub(crate) matched: &'a [u8],
    pub(crate) line: &'a [u8],
}

/// An allowlist.
#[derive(Default)]
pub(crate) struct Allow {
    pub(crate) paths: Vec<Lazy>,
    pub(crate) regexes: Vec<Lazy>,
    pub(crate) target: Target,
    pub(crate) stopwords: Vec<String>,
    /// Every kind of entry that there is must agree, not just one.
    pub(crate) all: bool,
    pub(crate) words: OnceLock<AhoCorasick>,
}

impl Allow {
    /// Returns whether the list allows this candidate.
    pub(crate) fn allows(&self, candidate: &Candidate<'_>) -> bool {
        let kinds = [
            (!self.paths.is_empty()).then(|| self.allows_path(candidate.path)),
            (!self.regexes.is_empty()).then(|| self.allows_text(candidate)),
            (!self.stopwords.is_empty()).then(|| self.has_stopword(candidate.secret)),
        ];
        let mut asked = kinds.into_iter().flatten().peekable();
        if asked.peek().is_none() {
            return false;
        }
        if self.all { asked.all(|yes| yes) } else { asked.any(|yes| yes) }
    }

    /// Returns whether the list allows everything in a file of this name.
    pub(crate) fn allows_path(&self, path: Option<&Path>) -> bool {
        let Some(path) = path else { return false };
        let path = path.as_os_str().as_encoded_bytes();
        self.paths.iter().any(|wanted| wanted.regex().is_match(path))
    }

    fn allows_text(&self, candidate: &Candidate<'_>) -> bool {
        let text = match self.target {
            Target::Secret => candidate.secret,
            Target::Match => candidate.matched,
            Target::Line => candidate.line,
        };
        self.regexes.iter().any(|wanted| wanted.regex().is_match(text))
    }

    fn has_stopword(&self, secret: &[u8]) -> bool {
        let words = self.words.get_or_init(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .build(&self.stopwords)
                .expect("a shipped list of words, which a test builds")
        });
        words.is_match(secret)
    }
}
