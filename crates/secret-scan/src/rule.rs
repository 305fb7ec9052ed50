//! One rule, compiled when it is first needed.

use std::path::Path;
use std::sync::OnceLock;

use regex_automata::meta::Regex;

use crate::allow::Allow;
use crate::compile::{self, Compiled};

/// A pattern that is compiled at its first use.
pub(crate) struct Lazy {
    pattern: String,
    compiled: OnceLock<Compiled>,
}

impl Lazy {
    pub(crate) fn new(pattern: String) -> Self {
        Self { pattern, compiled: OnceLock::new() }
    }

    pub(crate) fn get(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            compile::compile(&self.pattern).expect("a shipped pattern, which a test compiles")
        })
    }

    pub(crate) fn regex(&self) -> &Regex {
        &self.get().regex
    }

    #[cfg(test)]
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }
}

/// How sure a rule is of itself: where two find the same, the surer one speaks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trust {
    /// A shape of its own.
    Shape,
    /// A value beside the name of a service.
    Near,
    /// Any value beside a word such as `password`.
    Generic,
}

/// A rule of gitleaks' kind.
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) description: String,
    /// What to find; none: the path alone is the finding.
    pub(crate) regex: Option<Lazy>,
    /// The paths it is for.
    pub(crate) path: Option<Lazy>,
    /// Lower case; one of them is part of every match.
    pub(crate) keywords: Vec<String>,
    /// Bits a byte that the secret's entropy must exceed.
    pub(crate) entropy: Option<f64>,
    /// The group that holds the secret; 0: the first that took part, else the whole match.
    pub(crate) group: usize,
    pub(crate) allow: Vec<Allow>,
    pub(crate) trust: Trust,
    /// Tells values that are plainly no key; none for gitleaks' own rules, which stay as they are.
    pub(crate) doubt: Option<fn(&[u8]) -> bool>,
}

impl Rule {
    /// Returns whether the rule is for a file of this name.
    pub(crate) fn is_for(&self, path: Option<&Path>) -> bool {
        match (&self.path, path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(path)) => {
                wanted.regex().is_match(path.as_os_str().as_encoded_bytes())
            }
        }
    }
}

/// Returns the Shannon entropy of a text in bits a byte.
pub(crate) fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in text {
        counts[usize::from(byte)] = counts[usize::from(byte)].saturating_add(1);
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)).max(1.0);
    let part = |&count: &u32| f64::from(count) / total;
    counts.iter().filter(|&&count| count > 0).map(part).map(|part| -part * part.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_zero_for_one_letter_and_grows_to_eight_bits() {
        let all: Vec<u8> = (0..=255).collect();
        for (text, want) in
            [(&b""[..], 0.0), (b"aaaa", 0.0), (b"abab", 1.0), (b"abcd", 2.0), (&all, 8.0)]
        {
            assert!((entropy(text) - want).abs() < 1e-9, "{text:?}");
        }
    }
}
