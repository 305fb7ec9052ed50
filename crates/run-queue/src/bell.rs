//! Waking those who wait for a change.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts changes, and wakes who waits for the next.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<u64>,
    heard: Condvar,
}

impl Bell {
    /// How often it rang. Ask before looking, then wait for more: no change is missed.
    pub fn rung(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.heard.notify_all();
    }

    /// Waits until it has rung more often than `seen`, at most `limit`. Returns how often it rang.
    pub fn wait(&self, seen: u64, limit: Duration) -> u64 {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.heard.wait_timeout_while(rung, limit, |rung| *rung <= seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_not_missed() {
        let bell = Bell::default();
        let seen = bell.rung();
        bell.ring();
        assert_eq!(bell.wait(seen, Duration::from_mins(1)), 1);
        assert_eq!(bell.wait(1, Duration::from_millis(1)), 1);
    }
}
