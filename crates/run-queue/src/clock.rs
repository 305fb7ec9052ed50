//! Whose time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ops_host::host::Host;

use crate::Micros;

/// The clock that leases are measured by.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The engine's own: the database server's, so that hosts with different clocks agree; or this
    /// machine's where the database is a file on it.
    Own,
    /// One that tests set.
    Set(Arc<AtomicI64>),
    /// What the wall says and what a clock says that no one can set, as an operator can part them.
    Parted {
        /// The wall clock.
        wall: Arc<AtomicI64>,
        /// The other: time since the machine started.
        steady: Arc<AtomicI64>,
    },
}

impl Clock {
    /// The time that was set; `None` where the engine's own clock counts.
    pub(crate) fn set(&self) -> Option<Micros> {
        match self {
            Self::Own => None,
            Self::Set(at) | Self::Parted { wall: at, .. } => Some(at.load(Ordering::SeqCst)),
        }
    }

    /// The time since this machine started, which nobody can set.
    pub(crate) fn steady(&self, host: &Host) -> Micros {
        match self {
            Self::Own => Micros::try_from(host.uptime().as_micros()).unwrap_or(Micros::MAX),
            Self::Set(at) | Self::Parted { steady: at, .. } => at.load(Ordering::SeqCst),
        }
    }

    /// The time on this machine.
    pub(crate) fn here(&self, host: &Host) -> Micros {
        self.set().unwrap_or_else(|| host.now().as_microsecond())
    }
}
