//! Going back: everything as the record has it. Each part can be done again at any time.

use std::path::Path;
use std::time::Duration;

use ops_core::failure::Failure;

use super::record::{Record, Saved};
use super::{Action, Ended, Fix, Outcome, Phase};
use crate::facts::{Socket, Units};
use crate::observe;
use crate::places::UNITS;

/// How long one call of systemctl may take.
const DEADLINE: Duration = Duration::from_secs(40);

impl Fix<'_> {
    /// Puts everything back, unless the change was completed or is undone. The lock is held.
    pub(super) fn roll_back(&self, folder: &Path, because: &str) -> Result<Outcome, Failure> {
        let mut state = self.state(folder)?;
        if matches!(state.phase, Phase::Committed | Phase::RolledBack) {
            self.disarm()?;
            return Ok(Outcome {
                record: Some(folder.into()),
                ..Outcome::new(Ended::AlreadyEnded)
            });
        }
        let record = self.read_record(folder)?;
        let mut actions = Vec::new();
        let failures = self.put_back(&record, &mut actions);
        state.actions.extend(actions.iter().cloned());
        let because = because.to_owned();
        let outcome = |ended| Outcome { ended, record: Some(folder.into()), actions };
        if !failures.is_empty() {
            state.phase = Phase::RollbackFailed;
            let _unwritten = self.write_state(folder, &state).is_err();
            let rollback = failures.join("; ");
            return Ok(outcome(Ended::RollbackFailed { because, rollback }));
        }
        state.phase = Phase::RolledBack;
        self.write_state(folder, &state)?;
        self.disarm()?;
        Ok(outcome(Ended::RolledBack { because }))
    }

    /// Does all that can be done, whatever fails; returns what failed.
    fn put_back(&self, record: &Record, actions: &mut Vec<Action>) -> Vec<String> {
        let mut failures = Vec::new();
        let mut note = |what: String, done: Result<bool, String>| {
            // What was as before already is not worth a word.
            if done != Ok(false) {
                let done = done.map(|_| ());
                failures.extend(done.as_ref().err().map(|why| format!("{what}: {why}")));
                actions.push(self.action(0, what, &done));
            }
        };
        for saved in &record.paths {
            note(format!("put {} back", saved.path().display()), self.put_path_back(saved));
        }
        note("remove half-written files".into(), self.remove_half_written(record));
        note("put links back".into(), self.put_links_back(record));
        note("remove folders that were not there".into(), self.remove_folders(record));
        note("systemctl daemon-reload".into(), self.ask(&["daemon-reload"]));
        self.put_units_back(record, &mut note);
        failures
    }

    fn ask(&self, args: &[&str]) -> Result<bool, String> {
        self.systemctl(args, DEADLINE).map(|()| true)
    }

    /// Returns whether anything had to be done.
    fn put_path_back(&self, saved: &Saved) -> Result<bool, String> {
        if self.save(saved.path()).is_ok_and(|now| now == *saved) {
            return Ok(false);
        }
        let host = &self.context.host;
        let at = self.place.at(saved.path());
        self.make_folders(saved.path())?;
        let done = match saved {
            Saved::Absent { .. } => host.remove_file_durable(&at),
            Saved::File { text, .. } => match saved.belongings() {
                Some(like) => host.replace_file_as(&at, &text.0, like),
                None => Ok(()),
            },
            Saved::Link { target, owner, group, .. } => {
                host.replace_link(&at, target).and_then(|()| host.own_link(&at, *owner, *group))
            }
        };
        done.map(|()| true).map_err(|err| err.to_string())
    }

    fn put_links_back(&self, record: &Record) -> Result<bool, String> {
        let host = &self.context.host;
        let now = self.own_links(&record.names)?;
        let is_saved = |path: &Path| record.paths.iter().any(|saved| saved.path() == path);
        let told = |path: &Path, err: std::io::Error| format!("{}: {err}", path.display());
        let mut changed = false;
        for link in now.iter().filter(|link| !is_saved(&link.path)) {
            if !record.links.iter().any(|it| it.path == link.path) {
                let removed = host.remove_file_durable(&self.place.at(&link.path));
                removed.map_err(|err| told(&link.path, err))?;
                changed = true;
            }
        }
        for link in record.links.iter().filter(|link| !is_saved(&link.path)) {
            if !now.contains(link) {
                self.make_folders(&link.path)?;
                let set = host.replace_link(&self.place.at(&link.path), &link.target);
                set.map_err(|err| told(&link.path, err))?;
                changed = true;
            }
        }
        Ok(changed)
    }

    fn remove_folders(&self, record: &Record) -> Result<bool, String> {
        let new = self.unit_folders()?;
        let new = new.iter().filter(|folder| !record.unit_folders.contains(folder));
        let missing = record.missing_folders.iter().rev();
        let mut changed = false;
        for folder in missing.chain(new).filter(|it| it.as_path() != Path::new(UNITS)) {
            let at = self.place.at(folder);
            if self.context.host.look(&at).is_ok_and(|it| it.is_some()) {
                let gone = self.context.host.remove_empty_folder(&at);
                changed |= gone.map_err(|err| format!("{}: {err}", folder.display()))?;
            }
        }
        Ok(changed)
    }

    /// What a crash left of files about to be written: only those of the record's own names.
    fn remove_half_written(&self, record: &Record) -> Result<bool, String> {
        let own = super::switch::files();
        let paths = record.paths.iter().map(|it| it.path().to_path_buf()).chain(own);
        let mut changed = false;
        for path in paths {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let end = format!("-{:.80}.tmp", name.to_string_lossy());
            // A folder that is not there holds none.
            let names = self.context.host.names(&self.place.at(folder)).unwrap_or_default();
            let left = names.into_iter().filter(|it| {
                let it = it.to_string_lossy();
                it.starts_with(".aiops-") && it.ends_with(&end)
            });
            for name in left {
                let removed =
                    self.context.host.remove_file_durable(&self.place.at(folder).join(name));
                removed.map_err(|err| format!("{}: {err}", folder.display()))?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Units run as before, and sshd listens and answers as before.
    fn put_units_back(&self, record: &Record, note: &mut impl FnMut(String, Result<bool, String>)) {
        // Only their names and where they listened matter here.
        let socket = |socket: &super::record::UnitState| Socket {
            name: socket.name.clone(),
            listens: record.listening.iter().map(ToString::to_string).collect(),
            ..Socket::default()
        };
        let units = Units {
            services: Vec::new(),
            sockets: record.sockets.iter().map(socket).collect(),
            links: Vec::new(),
            environment: Vec::new(),
        };
        if self.is_as_before(record, &units) {
            return;
        }
        let service = record.service.name.as_str();
        let active: Vec<&str> =
            record.sockets.iter().filter(|it| it.was_active).map(|it| it.name.as_str()).collect();
        let mut ask = |verb: &str, unit: &str| {
            note(format!("systemctl {verb} {unit}"), self.ask(&[verb, unit]));
        };
        if active.is_empty() {
            ask(if record.service.was_active { "restart" } else { "stop" }, service);
        } else {
            // A socket cannot be started while its service runs. Sessions outlive their service.
            ask("stop", service);
            for unit in active {
                ask("start", unit);
            }
            if record.service.was_active {
                ask("start", service);
            }
        }
        if !record.listening.is_empty() {
            let limit = self.options.answer_within;
            let told = self.verify_old(&record.listening, &units, limit).map(|()| true);
            note("sshd must answer as before".into(), told);
        }
    }

    /// Whether the units already run as they did and sshd listens where it did.
    fn is_as_before(&self, record: &Record, units: &Units) -> bool {
        let all = std::iter::once(&record.service).chain(&record.sockets);
        let same = |unit: &super::record::UnitState| {
            self.systemctl(&["is-active", "--quiet", &unit.name], DEADLINE).is_ok()
                == unit.was_active
        };
        let mut now = observe::listening(&self.context.host, units).unwrap_or_default();
        now.retain(|socket| !record.listening.contains(socket));
        let listens =
            now.is_empty() && self.verify_old(&record.listening, units, Duration::ZERO).is_ok();
        listens && all.into_iter().all(same)
    }
}
