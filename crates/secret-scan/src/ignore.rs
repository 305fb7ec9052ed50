//! `.gitleaksignore`: findings that were judged before.

use std::collections::HashSet;

use crate::finding::Finding;

/// The findings a `.gitleaksignore` names: one `path:rule:line` a line, `#` starts a comment.
///
/// Entries that begin with a commit (`commit:path:rule:line`) are for scans of a history, which this
/// crate does not do, and are passed over.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    fingerprints: HashSet<Vec<u8>>,
}

impl Ignored {
    /// Reads the text of a `.gitleaksignore`. Lines of any other form ignore nothing.
    pub fn parse(text: &[u8]) -> Self {
        let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let is_entry = |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#");
        Self { fingerprints: lines.filter(is_entry).map(<[u8]>::to_vec).collect() }
    }

    /// Returns whether a finding is named, by the line of its secret or, as gitleaks counts, by that
    /// of the whole match.
    pub fn covers(&self, finding: &Finding) -> bool {
        let Some(path) = &finding.path else { return false };
        !self.fingerprints.is_empty()
            && [finding.line, finding.match_line].into_iter().any(|line| {
                let mut fingerprint = path.as_os_str().as_encoded_bytes().to_vec();
                fingerprint.extend_from_slice(format!(":{}:{line}", finding.rule).as_bytes());
                self.fingerprints.contains(&fingerprint)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_finding_is_covered() {
        let ignored = Ignored::parse(b"# judged\r\n\r\nsrc/a b.rs:sk-key:7\r\n");
        let finding = |path: &str, rule: &str, line, match_line| Finding {
            path: Some(path.into()),
            line,
            column: 1,
            match_line,
            rule: rule.to_owned(),
            description: String::new(),
            masked: String::new(),
        };
        for (path, rule, line, match_line, want) in [
            ("src/a b.rs", "sk-key", 7, 7, true),
            ("src/a b.rs", "sk-key", 8, 7, true),
            ("src/a b.rs", "sk-key", 8, 8, false),
            ("src/a b.rs", "jwt", 7, 7, false),
            ("src/c.rs", "sk-key", 7, 7, false),
        ] {
            assert_eq!(ignored.covers(&finding(path, rule, line, match_line)), want);
        }
    }
}
