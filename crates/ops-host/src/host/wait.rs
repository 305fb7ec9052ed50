//! Waiting for time to pass, and telling a service manager.

use std::time::Duration;

use rustix::event::{Timespec, poll};

use super::Host;

impl Host {
    /// Does nothing for a while; a signal may end it sooner.
    pub fn pause(&self, limit: Duration) {
        let limit = Timespec::try_from(limit).unwrap_or_default();
        // An interrupted pause is a shorter one.
        let _interrupted = poll(&mut [], Some(&limit)).is_err();
    }

    /// Tells the service manager something (`READY=1`, `STATUS=…`), if there is one.
    pub fn tell_manager(&self, state: &str) {
        // A manager that does not listen is not our concern.
        let _unheard = sd_notify::notify(&[sd_notify::NotifyState::Custom(state)]).is_err();
    }
}
