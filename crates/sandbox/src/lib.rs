//! Runs one program that may read a tree and write one folder, and nothing else.
//!
//! `walls` builds bubblewrap's command line: namespaces and read-only mounts. Inside them our own
//! binary ([`inside`]) gives up what is left: user, privileges, system calls (`filter`), writing
//! (`landlocked`), sizes (`limits`). It then tries every layer (`probe`), tells what held, and
//! becomes the job only when it is told to. `watch` looks at memory and files from outside while the
//! job runs, and `run` ends all of it together.

mod filter;
mod inside;
mod landlocked;
mod limits;
mod order;
mod probe;
mod run;
mod usage;
mod walls;

pub use inside::inside;
pub use order::{Job, Mount, Walls};
pub use run::{Ended, Outcome, Refused, run};
