//! The real binary, and the library in simulated time, against local services that fail as told.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves, and a scene that fails is a failed test"
)]

mod calls;
mod chance;
mod crowd;
mod failures;
mod follow;
mod killed;
mod machine;
mod outage;
mod silence;
mod sms;
mod wire;
