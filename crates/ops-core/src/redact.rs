//! The one redactor: every text that leaves a program passes it.

use std::sync::LazyLock;

use regex::Regex;

/// Shapes of well-known keys. Each is long enough not to hit ordinary words.
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shapes = [
        r"\bsk-[A-Za-z0-9_-]{16,}",
        r"\bgh[opsur]_[A-Za-z0-9]{20,}",
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        r"\bAKIA[0-9A-Z]{16}",
        r"\btskey-[A-Za-z0-9-]{10,}",
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    ];
    Regex::new(&shapes.join("|")).ok()
});

/// What stands where a secret stood.
const MASK: &str = "[redacted]";

/// Knows the secrets this process resolved, and the common shapes of keys.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Vec<String>,
}

impl Redactor {
    /// Adds a secret whose every occurrence is to be masked.
    pub fn learn(&mut self, secret: &str) {
        if !secret.is_empty() && !self.known.iter().any(|known| known == secret) {
            self.known.push(secret.to_owned());
            // Longest first, so that a secret inside another leaves no tail behind.
            self.known.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// Returns the text with every known secret and every key shape masked.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.known {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), MASK);
            }
        }
        match SHAPES.as_ref() {
            Some(shapes) => shapes.replace_all(&clean, MASK).into_owned(),
            None => MASK.to_owned(),
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_and_key_shapes_are_masked() {
        let mut redactor = Redactor::default();
        redactor.learn("canary");
        redactor.learn("canary-long");
        let key = format!(
            "-----BEGIN OPENSSH {0} KEY-----\nabc\n-----END OPENSSH {0} KEY-----",
            "PRIVATE"
        );
        let token = format!("{}-{}", "sk", "proj_0123456789abcdef");
        for (text, want) in [
            ("a canary sang", "a [redacted] sang".to_owned()),
            ("canary-long", "[redacted]".to_owned()),
            (&token, "[redacted]".to_owned()),
            (&format!("x {key} y"), "x [redacted] y".to_owned()),
            ("task-list and skein", "task-list and skein".to_owned()),
            ("task-20250809T062451Z-a1b2c3", "task-20250809T062451Z-a1b2c3".to_owned()),
        ] {
            assert_eq!(redactor.clean(text), want);
        }
        assert!(!format!("{redactor:?}").contains("canary"));
    }
}
