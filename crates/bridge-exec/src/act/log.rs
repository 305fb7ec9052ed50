//! The audit log on disk: lines at its end, full ones set aside, its end found again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bridge::audit::{self, GENESIS};
use confined_fs::Fault;
use ops_core::failure::{Exit, Failure, OrFail};

use super::Desk;
use crate::journal::Plan;
use crate::ledger::{Ledger, Tail};
use crate::observe::Folders;

impl Desk<'_> {
    pub(super) fn write_log<'p>(
        &mut self,
        plans: impl Iterator<Item = &'p Plan>,
    ) -> Result<(), Failure> {
        let doing = "write logs/bridge.log; it is finished at the next start";
        let failed = |fault: Fault| Failure::new(Exit::Unavailable, doing).because(fault);
        let mut text = String::new();
        let mut hash = self.tail.hash.clone();
        for plan in plans {
            let line = audit::line(&plan.entry, &hash);
            text.push_str(&line.text);
            hash = line.hash;
        }
        if text.is_empty() {
            return Ok(());
        }
        let name = OsStr::new("bridge.log");
        self.folders.logs.write_at(name, self.tail.offset, text.as_bytes()).map_err(failed)?;
        self.tail.hash = hash;
        self.tail.offset += text.len() as u64;
        Ok(())
    }

    /// Sets a full log aside under the next number. Between groups, so that no promise is open.
    pub(crate) fn rotate_log(&mut self) -> Result<(), Failure> {
        if self.tail.offset < self.segment_limit {
            return Ok(());
        }
        let logs = &self.folders.logs;
        let mut segment = self.tail.segment + 1;
        let doing = |segment| format!("set the log aside as {}", segment_name(segment));
        // A run that died just behind the rename below set one aside and did not note it.
        while logs
            .look(OsStr::new(&segment_name(segment)))
            .or_fail(Exit::Unavailable, doing(segment))?
            .is_some()
        {
            segment += 1;
        }
        logs.rename(OsStr::new("bridge.log"), OsStr::new(&segment_name(segment)))
            .or_fail(Exit::Unavailable, doing(segment))?;
        self.tail = Tail {
            hash: self.tail.hash.clone(),
            offset: 0,
            segment,
            segment_prev: self.tail.hash.clone(),
        };
        self.ledger.settle(&[], &self.tail)
    }
}

/// The name of a log that was set aside.
pub(crate) fn segment_name(segment: u64) -> String {
    format!("bridge-{segment:06}.log")
}

/// Finds the end of the audit log.
pub(super) fn tail(ledger: &Ledger, folders: &Folders, is_settled: bool) -> Result<Tail, Failure> {
    let name = OsStr::new("bridge.log");
    let look = folders.logs.look(name).or_fail(Exit::Unavailable, "look at logs/bridge.log")?;
    let size = look.map_or(0, |it| it.size);
    match ledger.tail()? {
        // Lines of an unfinished group are written again from where it began.
        Some(tail) if !is_settled && size >= tail.offset => Ok(tail),
        // Whoever changed the log since shows in `verify`; what follows goes behind it.
        Some(tail) => Ok(Tail { offset: size, ..tail }),
        None => adopt(folders, size),
    }
}

/// A log without a ledger: the chain goes on from its last line.
fn adopt(folders: &Folders, size: u64) -> Result<Tail, Failure> {
    let doing = "read logs/";
    let names = folders.logs.names().or_fail(Exit::Unavailable, doing)?;
    let segment = names.iter().filter_map(|name| segment_number(name)).max().unwrap_or(0);
    let last_hash = |name: &str| {
        let read =
            folders.logs.read(OsStr::new(name), u64::MAX).or_fail(Exit::Unavailable, doing)?;
        let text = read.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned());
        let line = text.as_deref().and_then(|it| it.lines().last()).unwrap_or_default();
        let hash = line.rsplit_once(",\"hash\":\"").and_then(|(_, it)| it.strip_suffix("\"}"));
        Ok::<_, Failure>(hash.map(str::to_owned))
    };
    let before = if segment > 0 { last_hash(&segment_name(segment))? } else { None };
    let segment_prev = before.unwrap_or_else(|| GENESIS.to_owned());
    let hash = last_hash("bridge.log")?.unwrap_or_else(|| segment_prev.clone());
    Ok(Tail { hash, offset: size, segment, segment_prev })
}

/// The number of a log that was set aside.
pub(crate) fn segment_number(name: &OsStr) -> Option<u64> {
    let name = std::str::from_utf8(name.as_bytes()).ok()?;
    name.strip_prefix("bridge-")?.strip_suffix(".log")?.parse().ok()
}
