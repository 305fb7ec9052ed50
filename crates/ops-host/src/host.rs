//! The one place that touches the machine: processes, files, locks, the clock, the environment.
//!
//! A struct, not a trait: tests give it their own environment and clock, and what runs is real.
#![expect(clippy::disallowed_methods, reason = "this module is the seam the lint protects")]

mod changes;
mod files;
mod links;
mod lock;
mod process;
#[cfg(target_os = "linux")]
mod remove;
mod replace;
mod run_bits;
#[cfg(target_os = "linux")]
mod running;
mod space;
mod stop;
mod terminal;
mod wait;
#[cfg(target_os = "linux")]
mod watch;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::time::Timestamp;

pub use files::{Entry, Kind};
pub use links::Belongings;
pub use lock::{Busy, Lock};
pub use process::{Ending, Exec, Finished};
pub use replace::Replacement;
#[cfg(target_os = "linux")]
pub use running::{Event, Running, Stream};
pub use space::{Memory, Space};
pub use stop::Stop;
#[cfg(target_os = "linux")]
pub use watch::{Watcher, Woken};

/// Access to one machine.
#[derive(Clone, Debug)]
pub struct Host {
    env: BTreeMap<OsString, OsString>,
    clock: Clock,
    started: Instant,
}

#[derive(Clone, Debug)]
enum Clock {
    Real,
    /// Microseconds since the epoch, moved by tests.
    Set(Arc<AtomicI64>),
}

impl Host {
    /// The machine this process runs on.
    pub fn real() -> Self {
        Self { env: std::env::vars_os().collect(), clock: Clock::Real, started: Instant::now() }
    }

    /// The same machine with an environment and a clock of the caller's. For tests.
    pub fn with<K: Into<OsString>, V: Into<OsString>>(
        env: impl IntoIterator<Item = (K, V)>,
        now: Timestamp,
    ) -> Self {
        Self {
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            clock: Clock::Set(Arc::new(AtomicI64::new(now.as_microsecond()))),
            started: Instant::now(),
        }
    }

    /// Sets the clock of a host made by [`Host::with`]; a real one is left alone.
    pub fn set_clock(&self, now: Timestamp) {
        if let Clock::Set(at) = &self.clock {
            at.store(now.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        match &self.clock {
            Clock::Real => Timestamp::now(),
            Clock::Set(at) => {
                Timestamp::from_microsecond(at.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// A stopwatch that no one can set: time since this value was made.
    pub fn ticks(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long the machine has been up, time in which it was suspended included: a clock that no
    /// one can set, the same for all processes of one boot.
    pub fn uptime(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        #[cfg(target_os = "linux")]
        let now = clock_gettime(ClockId::Boottime);
        #[cfg(not(target_os = "linux"))]
        let now = clock_gettime(ClockId::Monotonic);
        let whole = Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or(0));
        whole + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0))
    }

    /// An environment variable; an empty one counts as missing.
    pub fn env(&self, name: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The user's own folder: `HOME`, else what the system's list of users says. A hook that a web
    /// server starts may have no `HOME`.
    pub fn home_folder(&self) -> Option<PathBuf> {
        self.env("HOME").map(PathBuf::from).or_else(std::env::home_dir)
    }

    /// The whole environment.
    pub fn environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The file this program runs from, if the system tells.
    pub fn program(&self) -> Option<PathBuf> {
        std::env::current_exe().ok()
    }

    /// The command line this process was started with.
    pub fn argv(&self) -> Vec<String> {
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    /// The name of this machine, as the kernel has it.
    pub fn name(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// Whether this process runs as root.
    pub fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    /// The numeric user id this process acts as.
    pub fn user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// Forbids core dumps, which could hold secrets, and other users' processes of the same kind a
    /// look into this one's memory. A limit alone is not enough: the kernel ignores it where dumps
    /// go to a program.
    pub fn forbid_core_dumps(&self) {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        // Lowering a limit cannot be refused; where it is, there is nothing better to do.
        let _refused = setrlimit(Resource::Core, none).is_err();
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{DumpableBehavior, set_dumpable_behavior};
            let _refused = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err();
        }
    }

    /// Random bytes from the kernel.
    ///
    /// # Panics
    /// When the kernel has no random source, which leaves nothing safe to do.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).expect("the kernel has a random source");
        bytes
    }
}
