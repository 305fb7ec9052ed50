//! The fix on machines that really boot: systemd, sshd and a tailnet interface.
//!
//! They need root and the packages that `booted` names; elsewhere they say that they are skipped.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves"
)]

mod confirm;
mod fixes;
mod killed;
mod refusals;
mod support;
