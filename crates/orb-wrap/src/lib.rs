//! Runs one allowlisted job over a commit of another repository: read-only, isolated, and compared
//! with the commit afterwards.
//!
//! `run` leads a job through its steps; `scene` says what the job sees; `decide` names how it ended;
//! `logs` keeps what it says, `outputs` what it leaves, and `place` says where that may not go. `task`
//! holds the jobs that are ours.

pub mod args;
mod calls;
mod decide;
pub mod documents;
mod logs;
mod outputs;
mod place;
mod run;
mod scene;
mod task;
