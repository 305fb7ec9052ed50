//! The real binary against real repositories and remotes, in folders and a home of their own.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set up and look at the world themselves"
)]

mod batch;
mod crash;
mod evidence;
mod inbound;
mod remote;
mod watch;
mod work_tree;
mod world;
