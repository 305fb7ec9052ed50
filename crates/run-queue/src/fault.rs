//! Why an engine could not answer.

use std::fmt;

use ops_host::failure::{Exit, Failure};

/// No answer. Whether anything was changed is not known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The database could not be reached, or broke off. Later it may answer.
    Unreachable(String),
    /// It answered, and not as it should: a wrong schema, no room, no permission.
    Broken(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the queue cannot be reached: {why}"),
            Self::Broken(why) => write!(f, "the queue cannot be used: {why}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Exit::Unavailable, "use the queue").because(fault)
    }
}
