//! Limits that the kernel keeps for each process, or for all of a user's.

use jobs::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files of a process.
const OPEN_FILES: u64 = 1024;
/// Bytes in message queues, and of memory that is never swapped.
const QUEUES: u64 = 0;
const LOCKED: u64 = 8 << 20;
/// Signals and timers that wait.
const PENDING: u64 = 4096;

/// Sets them, for good. What was lower already stays so.
///
/// # Errors
/// What the system says.
pub(crate) fn apply(limits: &Limits) -> Result<(), String> {
    for (resource, value) in table(limits) {
        let value = getrlimit(resource).maximum.map_or(value, |it| it.min(value));
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit).map_err(|err| format!("{resource:?}: {err}"))?;
    }
    Ok(())
}

/// Whether they hold.
///
/// # Errors
/// Names one that does not.
pub(crate) fn hold(limits: &Limits) -> Result<String, String> {
    for (resource, value) in table(limits) {
        let now = getrlimit(resource);
        if now.maximum.is_none_or(|it| it > value) || now.current.is_none_or(|it| it > value) {
            return Err(format!("{resource:?} is above {value}"));
        }
    }
    Ok(format!("{} processes, {} MiB for each", limits.processes, limits.memory_mib))
}

fn table(limits: &Limits) -> [(Resource, u64); 10] {
    let mib = |number: u64| number.saturating_mul(1 << 20);
    [
        (Resource::Core, 0),
        (Resource::Data, mib(limits.memory_mib)),
        (Resource::Fsize, mib(limits.artifact_mib.max(limits.tmp_mib))),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Msgqueue, QUEUES),
        (Resource::Memlock, LOCKED),
        (Resource::Sigpending, PENDING),
        // No place before others at the processor, whatever whoever started us may.
        (Resource::Nice, 0),
        (Resource::Rtprio, 0),
        (Resource::Nproc, limits.processes),
    ]
}
