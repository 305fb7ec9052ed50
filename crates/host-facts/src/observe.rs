//! Reads this host: every part at the same time, each with a deadline. No judgement here.
//!
//! A part that fails, panics or is late is `unknown`, with why; the others are not held up.

mod addresses;
mod commands;
mod compose;
mod disk;
mod docker;
mod endpoint;
mod guard;
mod keys;
mod tailscale;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ops_core::host::Host;
use ops_core::time;

use crate::facts::{Facts, Namespace, Part, Seen};
use commands::Commands;

/// How much longer than its deadline a part is waited for: its commands end at the deadline, and
/// then it has something to say.
const GRACE: Duration = Duration::from_millis(500);

/// What is to be looked at, and where.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The parts; the others stay `not_asked`.
    pub parts: BTreeSet<Part>,
    /// How long each part may take.
    pub deadline: Duration,
    /// The folder of state, for what the last report left there.
    pub home: PathBuf,
    /// Compose files.
    pub compose: Vec<PathBuf>,
    /// The API's health endpoint.
    pub api: Endpoint,
    /// HQ's health endpoint.
    pub console: Endpoint,
    /// Places whose file systems are looked at.
    pub mounts: Vec<PathBuf>,
    /// Folders of logs.
    pub logs: Vec<PathBuf>,
    /// The registry of secrets and the folder they lie in; `Err` when it could not be loaded.
    pub keys: Result<Keys, String>,
    /// guard's timer.
    pub guard_timer: String,
    /// guard's log.
    pub guard_log: PathBuf,
}

/// A health endpoint on loopback, spoken to in plain HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// What is asked for: `/healthz`.
    pub path: String,
}

/// Where secrets are described and lie.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The secrets that exist.
    pub registry: secrets::Registry,
    /// The folder of secret files.
    pub folder: PathBuf,
}

/// Puts what was seen of one part into the document.
type Put = Box<dyn FnOnce(&mut Facts) + Send>;

fn put<T: Send + 'static>(looked: Result<T, String>, place: fn(&mut Facts) -> &mut Seen<T>) -> Put {
    Box::new(move |facts| *place(facts) = looked.into())
}

/// Looks at what is wanted.
///
/// It returns when every part has answered or is late; a late one (a dead network mount can hold a
/// thread for ever) is left behind and ends with this process.
pub fn collect(host: &Host, wanted: &Wanted) -> Facts {
    let begun = host.ticks();
    let mut facts = Facts::nothing(host.name(), time::rfc3339(host.now()));
    facts.uid = host.user();
    let shared = Arc::new(wanted.clone());
    let mut waiting = wanted.parts.clone();
    let (tell, told) = mpsc::channel();
    for &part in &wanted.parts {
        let (host, wanted, tell) = (host.clone(), Arc::clone(&shared), tell.clone());
        let spawned = std::thread::Builder::new().name(format!("{part:?}")).spawn(move || {
            // Nobody listens any more when this part is late.
            let _late = tell.send((part, look(&host, &wanted, part))).is_err();
        });
        if let Err(err) = spawned {
            facts.lose(part, &format!("no thread for it: {err}"));
            waiting.remove(&part);
        }
    }
    drop(tell);
    let end = begun + wanted.deadline + GRACE;
    while !waiting.is_empty() {
        let why = match told.recv_timeout(end.saturating_sub(host.ticks())) {
            Ok((part, put)) => {
                waiting.remove(&part);
                facts.part_ms.insert(part, millis(host.ticks().saturating_sub(begun)));
                put(&mut facts);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {
                format!("it took longer than {} s", wanted.deadline.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => "its collector broke off".to_owned(),
        };
        for part in std::mem::take(&mut waiting) {
            facts.part_ms.insert(part, millis(host.ticks().saturating_sub(begun)));
            facts.lose(part, &why);
        }
    }
    facts.took_ms = millis(host.ticks().saturating_sub(begun));
    facts
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn look(host: &Host, wanted: &Wanted, part: Part) -> Put {
    let commands = Commands::new(host, wanted.deadline);
    match part {
        Part::Namespace => put(namespace(host), |facts| &mut facts.namespace),
        Part::Sockets => {
            put(listeners::observe(host, listeners::Ask::Strangers), |facts| &mut facts.sockets)
        }
        Part::Addresses => put(addresses::addresses(), |facts| &mut facts.addresses),
        Part::Tailscale => put(tailscale::tailscale(&commands), |facts| &mut facts.tailscale),
        Part::Docker => put(docker::docker(&commands), |facts| &mut facts.docker),
        Part::Compose => {
            put(compose::compose(&commands, &wanted.compose), |facts| &mut facts.compose)
        }
        Part::Api => put(endpoint::ask(host, &wanted.api, wanted.deadline), |facts| &mut facts.api),
        Part::Console => {
            put(endpoint::ask(host, &wanted.console, wanted.deadline), |facts| &mut facts.console)
        }
        Part::Disk => put(Ok(disk::disk(host, wanted)), |facts| &mut facts.disk),
        Part::Keys => put(keys::keys(host, wanted), |facts| &mut facts.keys),
        Part::Guard => put(Ok(guard::guard(&commands, wanted)), |facts| &mut facts.guard),
    }
}

/// The namespaces of this thread and of process 1.
fn namespace(host: &Host) -> Result<Namespace, String> {
    let read = |path: &str| {
        let link = host.read_link(Path::new(path)).map_err(|err| format!("{path}: {err}"))?;
        Ok::<_, String>(link.to_string_lossy().into_owned())
    };
    Ok(Namespace { own: read("/proc/thread-self/ns/net")?, init: read("/proc/1/ns/net")? })
}

impl Facts {
    /// Says of a part that it could not be looked at.
    fn lose(&mut self, part: Part, why: &str) {
        match part {
            Part::Namespace => self.namespace = Seen::unknown(why),
            Part::Sockets => self.sockets = Seen::unknown(why),
            Part::Addresses => self.addresses = Seen::unknown(why),
            Part::Tailscale => self.tailscale = Seen::unknown(why),
            Part::Docker => self.docker = Seen::unknown(why),
            Part::Compose => self.compose = Seen::unknown(why),
            Part::Api => self.api = Seen::unknown(why),
            Part::Console => self.console = Seen::unknown(why),
            Part::Disk => self.disk = Seen::unknown(why),
            Part::Keys => self.keys = Seen::unknown(why),
            Part::Guard => self.guard = Seen::unknown(why),
        }
    }
}
