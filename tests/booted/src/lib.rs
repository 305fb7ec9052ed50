//! A real Debian, booted in a container, for tests of what acts on a whole machine.
//!
//! ```no_run
//! use booted::{Base, Machine, Options, Over};
//!
//! fn sshd_answers_on_the_public_address() {
//!     let base = booted::or_skip!(Base::get());
//!     let machine = Machine::boot(&base, Options::default());
//!     let ran = machine.ssh(Over::Public, "hostname").expect("sshd answers");
//!     assert_eq!(ran.stdout, "booted\n");
//! }
//! ```
//!
//! systemd, sshd, the kernel's sockets and interfaces are real. Not real: `tailscale` and
//! `tailscaled`, which are stand-ins ([`State`]), and the internet, which is a network namespace
//! with one ssh client in it. docs/testing.md says how it is put together.
//!
//! Whatever goes wrong in the harness itself is a panic, so a failed test; what the machine does is
//! a value.
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "the support of tests sets the scene itself, and a scene that fails is a failed test"
)]

mod apt;
mod base;
mod cache;
mod cgroup;
mod docker;
mod hold;
mod lifecycle;
mod listeners;
mod machine;
mod outside;
mod ran;
mod runs;
mod skip;
mod tailnet;
mod tailscale;

use std::time::{Duration, Instant};

pub use base::Base;
pub use docker::IMAGE;
pub use lifecycle::Until;
pub use listeners::Listener;
pub use machine::{Machine, Options};
pub use outside::{Answer, Over, PUBLIC_ADDRESS, PUBLIC_ADDRESS_V6, Session, Unreachable};
pub use ran::{Background, Call, Ran};
pub use skip::{Skipped, note, or_told};
pub use tailscale::{Backend, BackendState, Fault, Funnel, State};

/// Waits until something holds, looking again every few milliseconds. `false` when it does not
/// hold within the limit.
pub fn holds_within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until something holds, and panics when it does not within half a minute.
#[track_caller]
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    assert!(holds_within(Duration::from_secs(30), holds), "in vain: {what}");
}
