//! Step 2: everything that may be touched, as it was, on disk before the first change.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Belongings, Kind};
use ops_core::time;
use serde::{Deserialize, Serialize};

use super::{Action, Fix};
use crate::decide::{Plan, real_service};
use crate::facts::{Bytes, Facts, Link};
use crate::observe;
use crate::places::UNITS;

/// The file that names the record of an unfinished change.
pub(super) const PENDING: &str = "pending";
const RECORD: &str = "record.json";
const STATE: &str = "state.json";
/// The schema that records name.
const SCHEMA: &str = "aiops.sshd_record/1";
/// The largest record that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// A path as it was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "was")]
pub enum Saved {
    /// Nothing was there.
    Absent {
        /// Where.
        path: PathBuf,
    },
    /// A regular file.
    File {
        /// Where.
        path: PathBuf,
        /// Its contents.
        text: Bytes,
        /// Permission bits.
        mode: u32,
        /// Numeric owner.
        owner: u32,
        /// Numeric group.
        group: u32,
        /// Modification time: seconds since the epoch.
        modified: i64,
        /// And nanoseconds.
        modified_ns: u32,
    },
    /// A symbolic link.
    Link {
        /// Where.
        path: PathBuf,
        /// What it said.
        target: PathBuf,
        /// Numeric owner.
        owner: u32,
        /// Numeric group.
        group: u32,
    },
}

/// A unit as it was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UnitState {
    /// Its name.
    pub name: String,
    /// Whether it ran, listened, or was about to.
    pub was_active: bool,
}

/// All of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `aiops.sshd_record/1`.
    pub schema: String,
    /// RFC 3339 UTC.
    pub made_at: String,
    /// What was to be done.
    pub plan: Plan,
    /// Every path that the plan changes.
    pub paths: Vec<Saved>,
    /// Every name whose links are put back.
    pub names: Vec<String>,
    /// Every link of those names.
    pub links: Vec<Link>,
    /// The folders that were in /etc/systemd/system.
    pub unit_folders: Vec<PathBuf>,
    /// Folders that were missing above the paths, the outermost first.
    pub missing_folders: Vec<PathBuf>,
    /// The service.
    pub service: UnitState,
    /// The sockets.
    pub sockets: Vec<UnitState>,
    /// Where sshd listened; empty where it did not, or that could not be told.
    pub listening: Vec<SocketAddr>,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing was changed yet.
    Recorded,
    /// Steps are being taken.
    Applying,
    /// All is done; undone unless confirmed.
    AwaitingConfirmation,
    /// All is done for good.
    Committed,
    /// All is as before.
    RolledBack,
    /// Not everything could be put back.
    RollbackFailed,
}

/// How far a change is, and what was done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// How far.
    pub phase: Phase,
    /// What was done, in order.
    pub actions: Vec<Action>,
}

impl State {
    pub(super) fn new(phase: Phase) -> Self {
        Self { phase, actions: Vec::new() }
    }
}

impl Fix<'_> {
    /// Writes down everything the plan will touch. Returns the record's folder.
    pub(super) fn make_record(&self, plan: &Plan, facts: &Facts) -> Result<PathBuf, Failure> {
        let host = &self.context.host;
        let id = time::run_id(host.now(), host.random());
        let folder = self.folder().join(id);
        let doing = || format!("record the state before the change in {}", folder.display());
        let unknown = |why: String| Failure::new(Exit::Unavailable, doing()).because(why);
        let record = self.record_of(plan, facts).map_err(unknown)?;
        let bytes = serde_json::to_vec_pretty(&record).or_fail(Exit::Internal, doing())?;
        host.make_dir(&self.folder(), 0o750)
            .and_then(|()| host.make_dir_durable(&folder, 0o700))
            .and_then(|_| host.replace_file(&folder.join(RECORD), &bytes, 0o600))
            .or_fail(Exit::Unavailable, doing())?;
        Ok(folder)
    }

    fn record_of(&self, plan: &Plan, facts: &Facts) -> Result<Record, String> {
        let units = facts.units.as_ref().map_err(Clone::clone)?;
        let service = real_service(units).map_err(|refusal| refusal.found)?;
        let paths: BTreeSet<&Path> = plan.steps.iter().filter_map(|step| step.path()).collect();
        let mut missing: Vec<PathBuf> = Vec::new();
        for path in &paths {
            let above = path.ancestors().skip(1).take_while(|it| {
                self.context.host.look(&self.place.at(it)).is_ok_and(|it| it.is_none())
            });
            let above: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
            for folder in above.into_iter().rev() {
                if !missing.contains(&folder) {
                    missing.push(folder);
                }
            }
        }
        let mut names: Vec<String> = service.names.clone();
        names.extend(units.sockets.iter().map(|it| it.name.clone()));
        let active = |state: &str| !matches!(state, "inactive" | "failed" | "deactivating");
        let paths = paths.into_iter().map(|path| self.save(path)).collect::<Result<_, _>>()?;
        Ok(Record {
            schema: SCHEMA.into(),
            made_at: time::rfc3339(self.context.host.now()),
            plan: plan.clone(),
            paths,
            links: self.own_links(&names)?,
            names,
            unit_folders: self.unit_folders()?,
            missing_folders: missing,
            service: UnitState {
                name: service.name.clone(),
                was_active: active(&service.active_state),
            },
            sockets: units
                .sockets
                .iter()
                .map(|it| UnitState { name: it.name.clone(), was_active: active(&it.active_state) })
                .collect(),
            listening: facts.listening.clone().unwrap_or_default(),
        })
    }

    /// A path as it is.
    pub(super) fn save(&self, path: &Path) -> Result<Saved, String> {
        let host = &self.context.host;
        let at = self.place.at(path);
        let told = |err: std::io::Error| format!("{}: {err}", path.display());
        let Some(entry) = host.look(&at).map_err(told)? else {
            return Ok(Saved::Absent { path: path.into() });
        };
        match entry.kind {
            Kind::File => {
                let (entry, bytes) = host.read_plain(&at, LARGEST).map_err(told)?;
                let second = 1_000_000_000;
                Ok(Saved::File {
                    path: path.into(),
                    text: Bytes(bytes),
                    mode: entry.mode,
                    owner: entry.owner,
                    group: entry.group,
                    modified: i64::try_from(entry.modified_ns.div_euclid(second)).unwrap_or(0),
                    modified_ns: u32::try_from(entry.modified_ns.rem_euclid(second)).unwrap_or(0),
                })
            }
            Kind::Link => Ok(Saved::Link {
                path: path.into(),
                target: host.read_link(&at).map_err(told)?,
                owner: entry.owner,
                group: entry.group,
            }),
            Kind::Folder | Kind::Other => {
                Err(format!("{} is neither a file nor a link", path.display()))
            }
        }
    }

    /// The links of those names in the folders that the fix writes to.
    pub(super) fn own_links(&self, names: &[String]) -> Result<Vec<Link>, String> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = observe::links(&self.context.host, &self.place, &names)?;
        let is_own = |link: &Link| {
            link.path.starts_with(UNITS) || link.path.starts_with("/run/systemd/system")
        };
        Ok(all.into_iter().filter(is_own).collect())
    }

    pub(super) fn unit_folders(&self) -> Result<Vec<PathBuf>, String> {
        let told = |err: std::io::Error| format!("{UNITS}: {err}");
        let entries = self.context.host.list(&self.place.at(UNITS)).map_err(told)?;
        let folders = entries.into_iter().filter(|it| it.kind == Kind::Folder);
        Ok(folders.map(|it| Path::new(UNITS).join(it.name)).collect())
    }

    /// Reads a record back.
    pub(super) fn read_record(&self, folder: &Path) -> Result<Record, Failure> {
        let path = folder.join(RECORD);
        let doing = || format!("read the record {}", path.display());
        let bytes = self.context.host.read(&path, LARGEST).or_fail(Exit::Malformed, doing());
        let record =
            bytes.and_then(|it| serde_json::from_slice(&it).or_fail(Exit::Malformed, doing()));
        let pending = self.folder().join(PENDING);
        record.map_err(|failure| {
            failure.hint(format!("if sshd is as it should be, remove {}", pending.display()))
        })
    }

    pub(super) fn state(&self, folder: &Path) -> Result<State, Failure> {
        let path = folder.join(STATE);
        let doing = || format!("read {}", path.display());
        match self.context.host.read(&path, LARGEST) {
            Ok(bytes) => serde_json::from_slice(&bytes).or_fail(Exit::Malformed, doing()),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                Ok(State::new(Phase::Recorded))
            }
            Err(err) => Err(err).or_fail(Exit::Unavailable, doing()),
        }
    }

    pub(super) fn write_state(&self, folder: &Path, state: &State) -> Result<(), Failure> {
        let path = folder.join(STATE);
        let doing = || format!("write {}", path.display());
        let bytes = serde_json::to_vec_pretty(state).or_fail(Exit::Internal, doing())?;
        self.context.host.replace_file(&path, &bytes, 0o600).or_fail(Exit::Unavailable, doing())
    }

    pub(super) fn set_pending(&self, folder: &Path) -> Result<(), Failure> {
        let path = self.folder().join(PENDING);
        let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
        let written = self.context.host.replace_file(&path, name, 0o600);
        written.or_fail(Exit::Unavailable, format!("write {}", path.display()))
    }

    pub(super) fn clear_pending(&self) -> Result<(), Failure> {
        let path = self.folder().join(PENDING);
        let removed = self.context.host.remove_file_durable(&path);
        removed.or_fail(Exit::Unavailable, format!("remove {}", path.display()))
    }
}

impl Saved {
    /// Where it was.
    pub fn path(&self) -> &Path {
        match self {
            Self::Absent { path } | Self::File { path, .. } | Self::Link { path, .. } => path,
        }
    }

    /// What a file was like.
    pub(super) fn belongings(&self) -> Option<Belongings> {
        let Self::File { mode, owner, group, modified, modified_ns, .. } = self else {
            return None;
        };
        let modified_ns = i128::from(*modified) * 1_000_000_000 + i128::from(*modified_ns);
        Some(Belongings {
            mode: *mode,
            owner: *owner,
            group: *group,
            modified_ns: Some(modified_ns),
        })
    }
}
