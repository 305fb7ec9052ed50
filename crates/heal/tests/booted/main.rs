//! The installed system on machines that really boot: systemd, sshd and a tailnet interface. What the
//! fix does step by step is tested in crate `sshd-fix`; here is what runs it.
//!
//! They need root and the packages that `booted` names; elsewhere they say that they are skipped.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene; a scene that fails is a failed test"
)]

mod bridge;
mod installed;
mod interrupted;
mod jobs;
mod support;
