//! Drains the inbound folder: observe each file, decide, gather what does not touch the same paths,
//! act on the group.

mod batch;
mod refuse;
mod waiting;

use std::collections::{BTreeMap, HashSet};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use bridge::audit::Entry;
use bridge::reason::{Reason, Refusal};
use bridge::settings::Settings;
use confined_fs::{Fault, Listed, ListedKind};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time::Timestamp;

use self::batch::{Batch, Depends};
use self::refuse::inbound;
use crate::act::{Desk, Fate};
use crate::decide::outcome::{self, Accepted};
use crate::decide::stage::Stop;
use crate::decide::{self, arrival::Class};
use crate::journal::{Inbound, Plan};
use crate::judge::{Judge, Rehearsed, Turned};
use crate::ledger::RetryRow;
use crate::observe::{self, Arrival, shown};
use crate::working::Working;

/// When a file in commands/ that could not be read is looked at again.
const UNREADABLE: Duration = Duration::from_secs(1);

/// A running executor.
#[derive(Debug)]
pub(crate) struct Engine<'a> {
    context: &'a Context,
    settings: &'a Settings,
    pub(crate) judge: Judge<'a>,
    pub(crate) desk: Desk<'a>,
    retries: BTreeMap<String, RetryRow>,
    high_water: Timestamp,
    working: Working,
    /// Ids that were tried, or still wait to be, in this pass.
    tried: HashSet<String>,
    /// Files that were passed over, told once.
    passed_over: HashSet<u64>,
}

/// What one pass over commands/ did, and when to look again.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Everything that was carried out, in order.
    pub(crate) kept: Vec<Entry>,
    /// How many commands wait for another attempt.
    pub(crate) retrying: usize,
    /// How many files may still be being written.
    pub(crate) young: usize,
    /// When the next of them should be looked at.
    pub(crate) again_in: Option<Duration>,
}

/// What is to be done about one file.
enum Considered {
    Nothing,
    Young(Duration),
    Waiting(Timestamp),
    Ready { plan: Box<Plan>, depends: Depends },
    Postpone { accepted: Box<Accepted>, arrival: Box<Arrival>, why: String },
}

impl<'a> Engine<'a> {
    /// Takes over an open desk.
    pub(crate) fn new(
        context: &'a Context,
        judge: Judge<'a>,
        desk: Desk<'a>,
        working: Working,
    ) -> Result<Self, Failure> {
        let retries = desk.ledger.retries()?.into_iter().map(|row| (row.id.clone(), row)).collect();
        let high_water = desk.ledger.high_water()?;
        Ok(Self {
            context,
            settings: judge.settings,
            judge,
            desk,
            retries,
            high_water,
            working,
            tried: HashSet::new(),
            passed_over: HashSet::new(),
        })
    }

    /// The time by which documents are judged: a clock set back reopens nothing.
    fn now(&self) -> Timestamp {
        self.context.host.now().max(self.high_water)
    }

    /// What every pass begins with: keys and folders as they are now, and what a crash left undone.
    fn begin(&mut self) -> Result<Pass, Failure> {
        self.judge.refresh_keys()?;
        self.judge.reopen()?;
        self.desk.reopen()?;
        self.raise_time()?;
        let mut pass = Pass::default();
        self.recover(&mut pass)?;
        Ok(pass)
    }

    /// Works through everything that is there now.
    pub(crate) fn pass(&mut self) -> Result<Pass, Failure> {
        let mut pass = self.begin()?;
        self.tried.clear();
        self.held(&mut pass)?;
        let listed = observe::inbound(&self.desk.folders.commands)
            .or_fail(Exit::Unavailable, "list commands/")?;
        let mut batch = Batch::default();
        let mut progress = self.context.progress("commands", listed.len());
        for file in &listed {
            progress.step();
            let mut considered = self.consider(file, &batch)?;
            if let Considered::Ready { plan, depends } = &considered
                && batch.clashes(plan, depends)
            {
                // It was judged by what the batch is about to change: judge it anew afterwards.
                self.desk.forget_name(plan);
                self.commit(&mut batch, &mut pass)?;
                considered = self.consider(file, &batch)?;
            }
            self.take(considered, &mut batch, &mut pass)?;
            let group = &self.settings.group;
            if batch.plans.len() >= group.commands || batch.bytes >= group.bytes {
                self.commit(&mut batch, &mut pass)?;
            }
        }
        self.commit(&mut batch, &mut pass)?;
        self.working.done().or_fail(Exit::Unavailable, "note the end of the pass")?;
        self.forget_retries()?;
        pass.retrying = self.retries.len();
        Ok(pass)
    }

    fn take(
        &mut self,
        considered: Considered,
        batch: &mut Batch,
        pass: &mut Pass,
    ) -> Result<(), Failure> {
        let sooner = |pass: &mut Pass, wait: Duration| {
            pass.again_in = Some(pass.again_in.map_or(wait, |known| known.min(wait)));
        };
        match considered {
            Considered::Nothing => {}
            Considered::Young(wait) => {
                pass.young += 1;
                sooner(pass, wait);
            }
            Considered::Waiting(until) => sooner(pass, self.until(until)),
            Considered::Ready { plan, depends } => batch.add(*plan, depends),
            Considered::Postpone { accepted, arrival, why } => {
                let id = accepted.dated.command.id.clone();
                if let Some(refusal) = self.postpone(&id, &why)? {
                    let plan = self.refuse_accepted(
                        &accepted,
                        &arrival,
                        &refusal,
                        Some(inbound(&arrival)),
                    )?;
                    batch.add(plan, Depends::Nothing);
                } else if let Some(row) = self.retries.get(&id) {
                    let wait = self.until(row.next);
                    sooner(pass, wait);
                }
            }
        }
        Ok(())
    }

    fn until(&self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.context.host.now())).unwrap_or_default()
    }

    fn commit(&mut self, batch: &mut Batch, pass: &mut Pass) -> Result<(), Failure> {
        let batch = std::mem::take(batch);
        if batch.plans.is_empty() {
            return Ok(());
        }
        self.working.done().or_fail(Exit::Unavailable, "note what is being worked on")?;
        let mut fates = self.desk.commit(batch.plans)?;
        let mut exhausted = Vec::new();
        for fate in &fates {
            if let Fate::Postponed(plan, why) = fate
                && let Some((id, _)) = &plan.accepts
                && let Some(refusal) = self.postpone(id, why)?
            {
                exhausted.push(self.desk.convert(plan, &refusal)?);
            }
        }
        if !exhausted.is_empty() {
            fates.extend(self.desk.commit(exhausted)?);
        }
        let kept = fates.into_iter().filter_map(|fate| match fate {
            Fate::Kept(plan) => Some(plan),
            Fate::Postponed(..) => None,
        });
        self.note_kept(kept.collect(), pass)?;
        self.high_water = self.high_water.max(self.context.host.now());
        self.desk.rotate_log()
    }

    fn note_kept(&mut self, kept: Vec<Plan>, pass: &mut Pass) -> Result<(), Failure> {
        let mut settled = false;
        for plan in kept {
            self.tell(&plan);
            let id = plan.accepts.as_ref().map(|it| &it.0);
            settled |= id.is_some_and(|id| self.retries.remove(id).is_some());
            pass.kept.push(plan.entry);
        }
        if settled { self.write_retries() } else { Ok(()) }
    }

    /// Finishes a group that failed half way in an earlier pass.
    fn recover(&mut self, pass: &mut Pass) -> Result<(), Failure> {
        let recovered = self.desk.recover()?;
        self.note_kept(recovered, pass)
    }

    /// Drops retries of commands that were not there any more in this pass, or refused since.
    fn forget_retries(&mut self) -> Result<(), Failure> {
        let gone: Vec<String> =
            self.retries.keys().filter(|id| !self.tried.contains(*id)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        for id in gone {
            self.desk.ledger.forget_retry(&id)?;
            self.retries.remove(&id);
        }
        self.write_retries()
    }

    fn tell(&self, plan: &Plan) {
        if self.context.verbosity < 2 {
            return;
        }
        let entry = &plan.entry;
        let reason = entry.reason.map(|it| format!(" {it}")).unwrap_or_default();
        let files = entry.files_changed;
        self.context.tell(2, &format!("{} {}{reason}, {files} files", entry.id, entry.result));
    }

    fn raise_time(&mut self) -> Result<(), Failure> {
        let now = self.context.host.now();
        if now.duration_since(self.high_water).as_secs() >= 1 {
            self.desk.ledger.raise_time(now)?;
            self.high_water = now;
        }
        Ok(())
    }

    /// Judges one file. A bug in judging is that file's refusal, not everybody's end.
    fn consider(&mut self, file: &Listed, batch: &Batch) -> Result<Considered, Failure> {
        let class = decide::arrival::class(&file.name, file.kind, file.size);
        if class == Class::Ignored || class == Class::NotAFile {
            if class == Class::NotAFile {
                self.pass_over(file, "is no file: left alone");
            }
            return Ok(Considered::Nothing);
        }
        let now = self.context.host.now();
        let deaths = self
            .working
            .begin(file, now)
            .or_fail(Exit::Unavailable, "note what is being worked on")?;
        let arrival = match self.read(file) {
            Ok(Some(arrival)) => arrival,
            Ok(None) => return Ok(Considered::Nothing),
            Err(fault) => {
                // It was replaced meanwhile, or cannot be read: that is no reason to stop for others.
                self.pass_over(file, &fault.to_string());
                return Ok(Considered::Young(UNREADABLE));
            }
        };
        if deaths >= self.settings.retries.attempts {
            return self.refuse_unverified(&arrival, &outcome::deadly(deaths));
        }
        let judged = panic::catch_unwind(AssertUnwindSafe(|| match class {
            Class::Hidden => {
                let why = "the file's name starts with a dot";
                self.refuse_unverified(&arrival, &Refusal::new(Reason::Hidden, why))
            }
            Class::Link => {
                let why = "commands/ takes regular files, this is a symbolic link";
                self.refuse_unverified(&arrival, &Refusal::new(Reason::Symlink, why))
            }
            _ => self.judge(&arrival, batch),
        }));
        judged.unwrap_or_else(|_| {
            let why = "the executor failed on it; please report this document's shape";
            self.refuse_unverified(&arrival, &Refusal::new(Reason::Internal, why))
        })
    }

    /// Tells once that a file is left where it is.
    fn pass_over(&mut self, file: &Listed, why: &str) {
        if self.passed_over.insert(file.inode) {
            self.context.say(&format!("commands/{}: {why}", shown(&file.name)));
        }
    }

    /// Reads one file; `None` when it has gone. What is not a regular file reads as empty.
    fn read(&self, file: &Listed) -> Result<Option<Arrival>, Fault> {
        if file.kind != ListedKind::File {
            return Ok(Some(Arrival { listed: file.clone(), bytes: vec![] }));
        }
        observe::read(&self.desk.folders.commands, file, self.settings.max_command_bytes)
    }

    fn judge(&mut self, arrival: &Arrival, batch: &Batch) -> Result<Considered, Failure> {
        let clock = self.context.host.ticks();
        let accepted = match self.judge.read(&arrival.bytes, arrival.listed.size, self.now()) {
            Ok(accepted) => accepted,
            Err(Turned { id, refusal }) => {
                let age = self.context.host.now().as_nanosecond() - arrival.listed.changed_ns;
                return match decide::arrival::still_young(age) {
                    Some(wait) if refusal.reason == Reason::NotJson => Ok(Considered::Young(wait)),
                    _ => self.refuse(arrival, id.map(|it| (it, None)), &refusal),
                };
            }
        };
        let id = accepted.dated.command.id.clone();
        if let Err(refusal) = self.admit(&accepted, batch)? {
            return self.refuse(arrival, Some((id, None)), &refusal);
        }
        self.tried.insert(id.clone());
        if let Some(row) = self.retries.get(&id).filter(|row| row.next > self.context.host.now()) {
            return Ok(Considered::Waiting(row.next));
        }
        self.execute(&accepted, arrival, clock, Some(inbound(arrival)))
    }

    /// The uniqueness layer: past it, the id counts as used.
    fn admit(&self, accepted: &Accepted, batch: &Batch) -> Result<Result<(), Refusal>, Failure> {
        let id = &accepted.dated.command.id;
        if batch.ids.contains(id) {
            // The batch is committed first and this file judged again.
            return Ok(Ok(()));
        }
        let seen = self.desk.ledger.seen(id)?;
        let exists = self.desk.folders.has_evidence(id);
        let exists = exists.or_fail(Exit::Unavailable, "look for evidence of this id")?;
        Ok(decide::uniqueness(id, &accepted.content, seen, exists))
    }

    /// Policy, dry run and validators; then the plan. Without an inbound file it is a held command
    /// that somebody approved.
    fn execute(
        &mut self,
        accepted: &Accepted,
        arrival: &Arrival,
        clock: Duration,
        inbound: Option<Inbound>,
    ) -> Result<Considered, Failure> {
        let spent = || self.context.host.ticks().saturating_sub(clock);
        let rehearsed = match self.judge.rehearse(accepted, spent) {
            Ok(rehearsed) => rehearsed,
            Err(Stop::Refused(refusal)) => {
                let plan = self.refuse_accepted(accepted, arrival, &refusal, inbound)?;
                return Ok(Considered::Ready { plan: Box::new(plan), depends: Depends::Target });
            }
            Err(Stop::Transient(why)) => {
                let (accepted, arrival) = (Box::new(accepted.clone()), Box::new(arrival.clone()));
                return Ok(Considered::Postpone { accepted, arrival, why });
            }
        };
        let Rehearsed { staged, validated, target, hold } = rehearsed;
        let looked = staged.looked.iter().map(|path| format!("{target}/{path}")).collect();
        let (now, input) = (self.now(), &arrival.bytes);
        let plan = match hold.filter(|_| inbound.is_some()) {
            Some(why) => outcome::holding(accepted, input, why, now, inbound),
            None => outcome::execution(accepted, &staged, &validated, input, &target, now, inbound),
        };
        Ok(Considered::Ready { plan: Box::new(plan), depends: Depends::Paths(looked) })
    }
}
