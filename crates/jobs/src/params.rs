//! What a job may be told.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest value, bytes.
const LONGEST: usize = 4096;

/// Variables that mean something to programs, libraries or us: no parameter may become one.
const RESERVED: [&str; 14] = [
    "PATH",
    "HOME",
    "IFS",
    "ENV",
    "PWD",
    "OLDPWD",
    "SHELL",
    "TMPDIR",
    "USER",
    "LANG",
    "CDPATH",
    "SHELLOPTS",
    "ARTIFACT_DIR",
    "NODE_OPTIONS",
];

/// Beginnings of such variables.
const RESERVED_STARTS: [&str; 12] = [
    "LD_", "GIT_", "AIOPS_", "JOB_", "BASH", "PYTHON", "PERL", "RUBY", "GLIBC_", "MALLOC_", "LC_",
    "SSH_",
];

/// A parameter of a job type.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its name, lower case; in capitals it is the job's environment variable.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub name: String,
    /// A regular expression that a whole value must match.
    pub pattern: String,
    /// Whether a request must have it.
    #[serde(default)]
    pub required: bool,
}

impl Param {
    /// The environment variable that holds it.
    pub fn variable(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// What is wrong with the definition: a field below it, and what was expected.
    pub(crate) fn check(&self) -> Vec<(&'static str, String)> {
        let mut wrong = vec![];
        if is_reserved(&self.variable()) {
            wrong.push(("name", format!("{} means something to programs", self.variable())));
        }
        if let Err(err) = self.whole() {
            wrong.push(("pattern", err.to_string()));
        }
        wrong
    }

    /// What is wrong with a value, if anything.
    pub(crate) fn refuses(&self, value: &str) -> Option<String> {
        if value.len() > LONGEST || value.contains('\0') {
            return Some(format!("expected at most {LONGEST} bytes, none of them zero"));
        }
        match self.whole() {
            Ok(whole) if whole.is_match(value) => None,
            _ => Some(format!("expected a value that matches {}", self.pattern)),
        }
    }

    fn whole(&self) -> Result<Regex, regex::Error> {
        // The pattern by itself first: one that closes the group around it would not be anchored.
        Regex::new(&self.pattern)?;
        Regex::new(&format!(r"\A(?:{})\z", self.pattern))
    }
}

/// Whether a variable means something to programs, libraries or us.
pub(crate) fn is_reserved(variable: &str) -> bool {
    RESERVED.contains(&variable) || RESERVED_STARTS.iter().any(|start| variable.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, pattern: &str) -> Param {
        Param { name: name.into(), pattern: pattern.into(), required: false }
    }

    #[test]
    fn a_whole_value_must_match() {
        let it = param("run_id", "[0-9]+|latest");
        for (value, ok) in [
            ("12", true),
            ("latest", true),
            ("12 ", false),
            ("x12", false),
            ("12\n", false),
            ("", false),
        ] {
            assert_eq!(it.refuses(value).is_none(), ok, "{value:?}");
        }
        assert!(param("a", ".*").refuses("x\0y").is_some());
        assert!(param("a", "(?s).*").refuses(&"x".repeat(5000)).is_some());
    }

    #[test]
    fn names_that_mean_something_and_patterns_that_are_none_are_refused() {
        for (name, pattern, ok) in [
            ("since_sha", "[0-9a-f]{40}", true),
            ("path", ".*", false),
            ("ld_preload", ".*", false),
            ("git_dir", ".*", false),
            ("artifact_dir", ".*", false),
            ("bash_env", ".*", false),
            ("x", "(", false),
            ("x", "a)|(b", false),
        ] {
            assert_eq!(param(name, pattern).check().is_empty(), ok, "{name} {pattern}");
        }
    }
}
