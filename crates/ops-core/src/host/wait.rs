//! Waiting: the only place where a program does nothing on purpose.

use std::time::Duration;

use rustix::event::{Timespec, poll};

use super::Host;

impl Host {
    /// Does nothing for `limit`, or less when a signal arrives: between two looks at a condition
    /// that somebody else brings about, in a loop that has a limit of its own.
    pub fn pause(&self, limit: Duration) {
        let limit = Timespec::try_from(limit).unwrap_or_default();
        // An interrupted pause is a short one, which the caller's loop takes care of.
        let _interrupted = poll(&mut [], Some(&limit)).is_err();
    }
}
