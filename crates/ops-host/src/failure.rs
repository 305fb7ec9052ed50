//! Why a command could not give an answer. A "no" is not a failure: it is a report.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// Exit codes, one table for every binary: docs/exit-codes.md.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// Yes: done, healthy, approved.
    Ok = 0,
    /// The tool worked and the answer is no.
    No = 1,
    /// The command line is wrong. Clap's own code.
    Usage = 2,
    /// A size cap is exceeded (review bundles only).
    SizeCap = 6,
    /// The input is malformed.
    Malformed = 65,
    /// Something outside failed or could not be asked. No answer, so: no.
    Unavailable = 69,
    /// A bug in this command.
    Internal = 70,
    /// No answer now; the same call may work later.
    TryLater = 75,
    /// A needed secret is missing or unusable, or the caller may not do this.
    NotPermitted = 77,
    /// A configuration file is missing or wrong.
    Config = 78,
    /// `key exec` could not start its program, for whatever reason of its own.
    WrapperFailed = 125,
    /// The program that `key exec` should become cannot be run.
    CannotRun = 126,
    /// The program that `key exec` should become is not there.
    NotFound = 127,
}

impl Exit {
    /// Every code with its meaning and what a caller should do, as docs/exit-codes.md lists them.
    pub const TABLE: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Ok, "yes: done, healthy, approved", "go on"),
        (Self::No, "the tool worked and the answer is no", "stop, read the report"),
        (Self::Usage, "usage error", "mend the call"),
        (Self::SizeCap, "size cap exceeded (review bundle only)", "use the packets"),
        (Self::Malformed, "the input is malformed", "mend the input"),
        (Self::Unavailable, "something outside failed or could not be asked", "retry or look"),
        (Self::Internal, "internal error: a bug", "report it"),
        (Self::TryLater, "another instance holds the lock, or rate limited", "retry"),
        (Self::NotPermitted, "a needed secret is missing or unusable", "provide it"),
        (Self::Config, "configuration invalid or missing", "mend the file"),
        (Self::WrapperFailed, "`key exec` failed before its program ran", "read what it says"),
        (Self::CannotRun, "`key exec`: the program cannot be run", "mend the call"),
        (Self::NotFound, "`key exec`: the program is not there", "mend the call"),
    ];

    /// Returns `other` instead of `Ok`, and keeps anything else.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Ok { other } else { self }
    }

    /// The number a shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// No answer, why, and what to try.
#[derive(Debug)]
pub struct Failure {
    /// Which exit code this becomes.
    pub exit: Exit,
    /// What could not be done, in lower case: "read configs/bridge.yaml".
    pub doing: String,
    /// The underlying error, if there is one.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// What a person could try.
    pub hint: Option<String>,
}

impl Failure {
    /// Makes a failure with no underlying error.
    pub fn new(exit: Exit, doing: impl Into<String>) -> Self {
        Self { exit, doing: doing.into(), source: None, hint: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// Adds what a person could try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Two failures told as one: this one's code and hint, both causes.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let cause = match self.source.take() {
            Some(cause) => format!("{cause}\n{other}"),
            None => other.to_string(),
        };
        self.because(cause)
    }

    /// What failed, why, and what to do, a line each, without a program name.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("cannot {}", self.doing)];
        let mut cause: Option<&dyn Error> = self.source.as_deref().map(|err| err as &dyn Error);
        while let Some(err) = cause {
            lines.extend(err.to_string().lines().map(|line| format!("  because {line}")));
            cause = err.source();
        }
        lines.extend(self.hint.iter().map(|hint| format!("hint: {hint}")));
        lines
    }
}

/// The same in one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let parts: Vec<&str> = lines.iter().map(|line| line.trim_start()).collect();
        f.write_str(&parts.join("; "))
    }
}

impl Error for Failure {}

/// Turns any error into a [`Failure`] where it crosses out of the library it came from.
pub trait OrFail<T> {
    /// Says which exit code the error becomes and what was being done.
    fn or_fail(self, exit: Exit, doing: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrFail<T> for Result<T, E> {
    fn or_fail(self, exit: Exit, doing: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|err| Failure::new(exit, doing).because(err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_one_line_the_parts_are_joined_without_their_indentation() {
        let failure = Failure::new(Exit::Config, "read it").because("it is\ntorn").hint("mend it");
        let want = "cannot read it; because it is; because torn; hint: mend it";
        assert_eq!(failure.to_string(), want);
        assert_eq!(failure.lines()[1], "  because it is");
    }

    #[test]
    fn the_table_lists_every_code_once_and_the_documentation_shows_it() {
        let codes: Vec<u8> = Exit::TABLE.iter().map(|row| row.0.code()).collect();
        assert_eq!(codes, [0, 1, 2, 6, 65, 69, 70, 75, 77, 78, 125, 126, 127]);
        let docs = include_str!("../../../docs/exit-codes.md");
        for (exit, meaning, action) in Exit::TABLE {
            let row = format!("| {} | {meaning} | {action} |", exit.code());
            assert!(docs.contains(&row), "docs/exit-codes.md lacks: {row}");
        }
    }

    #[test]
    fn a_no_is_never_weakened() {
        assert_eq!(Exit::No.or(Exit::Unavailable), Exit::No);
        assert_eq!(Exit::Ok.or(Exit::Unavailable), Exit::Unavailable);
    }
}
