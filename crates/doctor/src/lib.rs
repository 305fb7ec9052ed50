//! Is this host still private and healthy?
//!
//! Crate `host-facts` reads the machine once; [`decide`] judges what it saw by the [`policy`], and
//! touches nothing; [`report`] is the answer. guard and heal judge with the same function.

pub mod act;
pub mod args;
mod calls;
pub mod decide;
mod finding;
pub mod observe;
pub mod policy;
mod render;
mod repo;
pub mod report;

pub use decide::{CHECKS, Selection, Tailnet, judge, tailnet};
pub use policy::Policy;
pub use report::{Check, Report, Status};
