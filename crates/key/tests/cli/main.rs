//! The real binary: every call, over real files, a made-up environment and real terminals.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves"
)]

mod calls;
mod canary;
mod killed;
mod live;
mod machine;
mod migration;
mod rotation;
mod scanning;
mod stubborn;
mod typed;
