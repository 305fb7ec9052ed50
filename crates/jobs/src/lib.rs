//! The contract of read-only jobs over other repositories, as types. Acts on nothing.
//!
//! [`Repositories`] and [`JobTypes`] are the two allowlists; [`judge`] holds a [`Request`] to them
//! and gives a [`Plan`] or every reason against it; [`Artifact`] is what a job leaves.

mod artifact;
mod judge;
mod names;
mod params;
mod refs;
mod repositories;
mod shown;
mod types;
mod url;

pub use artifact::{
    Artifact, Change, ChangeKind, Count, Held, Invariants, Layer, Output, SCHEMA, Status, Target,
};
pub use judge::{Plan, Reason, Rejection, Request, judge};
pub use names::{JobId, Sha};
pub use params::Param;
pub use refs::RefPattern;
pub use repositories::{Repositories, Repository};
pub use shown::shown;
pub use types::{JobType, JobTypes, Kind, Limits, Network, Program, Sandbox};
pub use url::RepoUrl;
