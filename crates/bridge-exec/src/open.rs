//! Opens everything an executor needs, in the order that fails closed: configuration, root, locks,
//! keys, ledger, what a crash left.

use std::path::{Path, PathBuf};

use bridge::audit::Entry;
use bridge::document;
use bridge::evidence::{DeadLetter, hex};
use bridge::keys::Keyring;
use bridge::layout::Root;
use bridge::settings::Settings;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind, Lock};
use sha2::{Digest, Sha256};

use crate::act::Desk;
use crate::args::Args;
use crate::engine::Engine;
use crate::judge::Judge;
use crate::ledger::Ledger;
use crate::working::Working;

/// What every call starts from.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) settings: Settings,
    pub(crate) root: Root,
    /// The executor's own folder under the home, one per bridge root.
    pub(crate) state: PathBuf,
}

/// The locks of a running executor.
#[derive(Debug)]
pub(crate) struct Locks {
    _role: Lock,
    _root: Lock,
}

impl Surroundings {
    /// Reads the configuration and finds the root.
    pub(crate) fn new(args: &Args, context: &Context) -> Result<Self, Failure> {
        let settings = config::load::<Settings>(&context.host, &context.configs)?;
        let root = args.root.find(&context.host)?;
        let state = state_folder(&context.home, &root);
        Ok(Self { settings, root, state })
    }

    /// Takes both locks: of the role in this home, and of the root against other homes.
    pub(crate) fn lock(&self, host: &Host) -> Result<Locks, Failure> {
        let role = host.lock(&self.lock_path())?.map_err(|busy| busy.failure("bridge-exec"))?;
        let root = host.lock_folder(self.root.path())?;
        let root = root.map_err(|busy| busy.failure("bridge-exec"))?;
        Ok(Locks { _role: role, _root: root })
    }

    /// Where the role's lock lies.
    pub(crate) fn lock_path(&self) -> PathBuf {
        self.state.join("executor.lock")
    }

    /// Opens the ledger, rebuilding it from evidence when it is missing, and finishes what a crash
    /// left open.
    pub(crate) fn engine<'a>(
        &'a self,
        args: &Args,
        context: &'a Context,
    ) -> Result<(Engine<'a>, Vec<Entry>), Failure> {
        let keys = Keyring::load(context, &self.settings, args.secrets_dir.as_deref())?;
        let (mut ledger, is_new) = Ledger::open(&context.host, &self.state)?;
        if is_new {
            rebuild(context, &self.root, &mut ledger)?;
        }
        let working = Working::open(&context.host, &self.state)?;
        let limit = self.settings.log_segment_bytes;
        let (desk, recovered) = Desk::open(context, &self.root, ledger, limit)?;
        let judge = Judge::new(context, &self.root, &self.settings, keys)?;
        let engine = Engine::new(context, judge, desk, working)?;
        // Their contents may be large; what became of them is not.
        Ok((engine, recovered.into_iter().map(|plan| plan.entry).collect()))
    }
}

/// The folder of a root's state: named after its path, so that two roots never share one.
pub(crate) fn state_folder(home: &Path, root: &Root) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let name = Sha256::digest(root.path().as_os_str().as_bytes());
    home.join("state/bridge").join(hex(name.get(..8).unwrap_or_default()))
}

/// Learns the used ids from `archive/` and `dead_letter/` when the ledger is missing.
fn rebuild(context: &Context, root: &Root, ledger: &mut Ledger) -> Result<(), Failure> {
    let host = &context.host;
    let mut rows = Vec::new();
    for (folder, is_letter) in [("archive", false), ("dead_letter", true)] {
        let folder = root.path().join(folder);
        let doing = || format!("rebuild the ledger from {}", folder.display());
        if host.look(&folder).or_fail(Exit::Unavailable, doing())?.is_none() {
            continue;
        }
        for entry in host.list(&folder).or_fail(Exit::Unavailable, doing())? {
            let path = folder.join(&entry.name);
            if entry.kind != Kind::File || path.extension().is_none_or(|it| it != "json") {
                continue;
            }
            let bytes = host.read(&path, 1 << 30).or_fail(Exit::Unavailable, doing())?;
            rows.extend(if is_letter { of_letter(&bytes) } else { of_archived(&bytes) });
        }
    }
    if !rows.is_empty() {
        context.say(&format!(
            "the ledger was missing: learnt {} used ids from the evidence",
            rows.len()
        ));
    }
    ledger.note_seen(&rows)
}

fn of_archived(bytes: &[u8]) -> Option<(String, [u8; 32])> {
    let document = document::read(bytes).ok()?;
    let id = document.body().get("id")?.as_str()?.to_owned();
    Some((id, document.content()))
}

fn of_letter(bytes: &[u8]) -> Option<(String, [u8; 32])> {
    let letter: DeadLetter = serde_json::from_slice(bytes).ok()?;
    let id = letter.id.clone().filter(|_| letter.accepted)?;
    let content = letter.whole_input().and_then(|input| of_archived(&input));
    Some((id, content.map_or([0; 32], |it| it.1)))
}
