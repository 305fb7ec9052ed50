//! Keeps promises: stages, commits to the ledger, applies, leaves evidence. Every choice was made
//! before; what is found to have changed meanwhile becomes a refusal by [`decide::outcome`].
//!
//! A group of commands goes through it together:
//! stage (temporary names) → flush → promise (ledger) → apply and leave evidence (renames) → audit
//! log → flush → remove inbound files and pre-images → settle (ledger).
//! Killed before the promise, nothing happened; killed after it, [`Desk::recover`] does the rest
//! again, which changes nothing that was done.

mod evidence;
pub(crate) mod log;
pub(crate) mod validators;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use bridge::layout::Root;
use bridge::reason::Refusal;
use confined_fs::{Change, Fault, Folder, ListedKind, RelPath, Side, Tree};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use sha2::{Digest, Sha256};

use self::evidence::{each_evidence, stage_evidence};
use self::log::tail;
use crate::decide::outcome::{converted, letter_file};
use crate::decide::stage::Stop;
use crate::journal::{Execution, Inbound, Plan, Planned, PlannedChange};
use crate::ledger::{Ledger, Tail};
use crate::observe::{Folders, json_name, stop};

/// Everything that acting needs.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) root: &'a Root,
    pub(crate) ledger: Ledger,
    pub(crate) folders: Folders,
    tail: Tail,
    segment_limit: u64,
    trees: BTreeMap<String, Tree>,
    /// Names of dead letters that open promises will use.
    taken: BTreeSet<String>,
    /// A group failed half way: its promises are finished before anything else is judged.
    is_unfinished: bool,
}

/// What became of a plan.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It was carried out, perhaps as a refusal that only showed while acting.
    Kept(Plan),
    /// It could not be carried out now, and nothing of it was done.
    Postponed(Plan, String),
}

impl<'a> Desk<'a> {
    /// Takes over the ledger and finishes whatever a crash left open.
    pub(crate) fn open(
        context: &'a Context,
        root: &'a Root,
        mut ledger: Ledger,
        segment_limit: u64,
    ) -> Result<(Self, Vec<Plan>), Failure> {
        let folders = Folders::open(root)?;
        let tail = tail(&ledger, &folders, false)?;
        if ledger.tail()?.is_none() {
            // Before the first promise: its line, once written, must not be taken for an earlier one.
            ledger.settle(&[], &tail)?;
        }
        let (trees, taken) = (BTreeMap::new(), BTreeSet::new());
        let is_unfinished = true;
        let mut desk = Self {
            context,
            root,
            ledger,
            folders,
            tail,
            segment_limit,
            trees,
            taken,
            is_unfinished,
        };
        let recovered = desk.recover()?;
        Ok((desk, recovered))
    }

    /// Finishes promises that a crash or a failure left open.
    pub(crate) fn recover(&mut self) -> Result<Vec<Plan>, Failure> {
        if !self.is_unfinished {
            return Ok(vec![]);
        }
        let open = self.ledger.open_promises()?;
        self.tail = tail(&self.ledger, &self.folders, open.is_empty())?;
        self.taken = open.iter().filter_map(|(_, plan)| plan.letter_file()).collect();
        if !open.is_empty() {
            self.context.say(&format!("finishing {} commands that were interrupted", open.len()));
        }
        let fates = self.complete(open, true)?;
        self.is_unfinished = false;
        let kept = |fate| match fate {
            Fate::Kept(plan) => Some(plan),
            Fate::Postponed(..) => None,
        };
        Ok(fates.into_iter().filter_map(kept).collect())
    }

    /// Carries out a group of plans that touch different paths.
    ///
    /// # Errors
    /// When the bridge's own folders or ledger fail: then nothing new was promised, or what was
    /// promised is finished at the next start.
    pub(crate) fn commit(&mut self, plans: Vec<Plan>) -> Result<Vec<Fate>, Failure> {
        let mut ready = Vec::with_capacity(plans.len());
        let mut fates = Vec::new();
        self.is_unfinished = true;
        let rows = match self.promise(plans, &mut ready, &mut fates) {
            Ok(rows) => rows,
            Err(failure) => {
                for plan in &ready {
                    self.abandon(plan);
                }
                self.taken.clear();
                return Err(failure);
            }
        };
        fates.extend(self.complete(rows.into_iter().zip(ready).collect(), false)?);
        self.is_unfinished = false;
        Ok(fates)
    }

    /// Stages plans and promises those that could be staged. Until it returns nothing is promised.
    fn promise(
        &mut self,
        plans: Vec<Plan>,
        ready: &mut Vec<Plan>,
        fates: &mut Vec<Fate>,
    ) -> Result<Vec<i64>, Failure> {
        for mut plan in plans {
            let staged = match &mut plan.outcome {
                Planned::Execute(execution) => {
                    self.stage_target(execution).map(|made| execution.made = made)
                }
                _ => Ok(()),
            };
            match staged {
                Ok(()) => ready.push(plan),
                Err(Stop::Refused(refusal)) => ready.push(self.convert(&plan, &refusal)?),
                Err(Stop::Transient(why)) => fates.push(Fate::Postponed(plan, why)),
            }
        }
        if ready.is_empty() {
            return Ok(vec![]);
        }
        stage_evidence(&self.folders, ready)?;
        self.flush(ready.iter())?;
        self.ledger.promise(ready, self.context.host.now())
    }

    fn stage_target(&mut self, execution: &Execution) -> Result<Vec<String>, Stop> {
        let mut made: Vec<RelPath> = Vec::new();
        let changes = changes(execution);
        let host = &self.context.host;
        let tree = self.tree(&execution.target).map_err(stop)?;
        for (at, change) in changes.iter().enumerate() {
            match tree.prepare(change) {
                Ok(folders) => made.extend(folders),
                Err(fault) => {
                    for change in changes.iter().take(at) {
                        let _kept = persistently(host, || tree.finish(change)).is_err();
                    }
                    made.iter().rev().for_each(|it| drop(tree.remove_empty_dir(it)));
                    return Err(stop(fault));
                }
            }
        }
        Ok(made.iter().map(|it| it.as_str().to_owned()).collect())
    }

    /// Drops what was staged for a plan that is not to be.
    fn abandon(&self, plan: &Plan) {
        // Best effort: what stays is overwritten when the command is tried again.
        let _left =
            each_evidence(&self.folders, plan, |folder, name, _| folder.unstage(&name)).is_err();
        if let Planned::Execute(execution) = &plan.outcome
            && let Some(tree) = self.trees.get(&execution.target)
        {
            for change in &changes(execution) {
                let _kept = persistently(&self.context.host, || tree.finish(change)).is_err();
            }
            remove_made(tree, &execution.made);
        }
    }

    /// Keeps promises that are in the ledger, writes the audit log, tidies up and settles.
    fn complete(&mut self, open: Vec<(i64, Plan)>, again: bool) -> Result<Vec<Fate>, Failure> {
        if open.is_empty() {
            return Ok(vec![]);
        }
        let mut kept: Vec<(i64, Plan)> = Vec::with_capacity(open.len());
        let mut fates = Vec::new();
        for (row, plan) in open {
            match self.keep(row, plan, again)? {
                Fate::Kept(plan) => kept.push((row, plan)),
                postponed @ Fate::Postponed(..) => fates.push(postponed),
            }
        }
        self.write_log(kept.iter().map(|(_, plan)| plan))?;
        self.flush(kept.iter().map(|(_, plan)| plan))?;
        for (_, plan) in &kept {
            self.tidy(plan)?;
        }
        self.ledger.settle(&kept, &self.tail)?;
        self.taken.clear();
        fates.extend(kept.into_iter().map(|(_, plan)| Fate::Kept(plan)));
        Ok(fates)
    }

    /// Makes one promise visible, all of it or none.
    fn keep(&mut self, row: i64, plan: Plan, again: bool) -> Result<Fate, Failure> {
        let mut plan = plan;
        if let Planned::Execute(execution) = &plan.outcome {
            match self.apply(execution, again)? {
                Ok(()) => {}
                Err(Stop::Refused(refusal)) => {
                    self.abandon(&plan);
                    plan = self.convert(&plan, &refusal)?;
                    self.ledger.amend(row, &plan)?;
                    stage_evidence(&self.folders, std::slice::from_ref(&plan))?;
                }
                Err(Stop::Transient(why)) => {
                    self.abandon(&plan);
                    self.ledger.withdraw(row, &plan)?;
                    return Ok(Fate::Postponed(plan, why));
                }
            }
        }
        let doing = "leave evidence; it is finished at the next start";
        each_evidence(&self.folders, &plan, |folder, name, bytes| {
            if again {
                folder.stage(&name, &bytes, 0o640)?;
            }
            folder.place(&name)
        })
        .or_fail(Exit::Unavailable, doing)
        .map_err(|it| it.hint("look at the disk and at the permissions of the bridge root"))?;
        Ok(Fate::Kept(plan))
    }

    /// Applies every change of an execution, or puts every one back. The outer error is that neither
    /// was possible: the promise stays open.
    fn apply(&mut self, execution: &Execution, again: bool) -> Result<Result<(), Stop>, Failure> {
        let stuck = |fault: Fault| {
            Failure::new(Exit::Unavailable, format!("finish {}, or put it back", execution.id))
                .because(fault)
                .hint(format!("nothing goes on until {} is as it was", execution.target))
        };
        // Opened in any case: tidying up takes it too. Before a crash some of it may have been done.
        match self.tree(&execution.target) {
            Ok(_) => {}
            Err(fault) if again => return Err(stuck(fault)),
            Err(fault) => return Ok(Err(stop(fault))),
        }
        if again && self.was_finished(execution) {
            return Ok(Ok(()));
        }
        let changes = changes(execution);
        let host = &self.context.host;
        let tree = self.tree(&execution.target).map_err(stuck)?;
        for (at, change) in changes.iter().enumerate() {
            if let Err(fault) = apply_one(tree, change, again) {
                for change in changes.iter().take(at + 1).rev() {
                    // A file somebody edited since is theirs; the others go back.
                    let undone = persistently(host, || tree.undo(change));
                    if let Err(fault @ Fault::Io { .. }) = undone {
                        return Err(stuck(fault));
                    }
                }
                remove_made(tree, &execution.made);
                return Ok(Err(stop(fault)));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the result is there, byte for byte: then all of it was visible before the crash, and
    /// whoever changed a file since did so rightly.
    fn was_finished(&self, execution: &Execution) -> bool {
        let limit = execution.result.0.len() as u64 + 1;
        let found = self.folders.results.read(&json_name(&execution.id), limit);
        matches!(found, Ok(Some((_, bytes))) if *bytes == *execution.result.0)
            && is_all_after(execution)
    }

    /// Turns an execution into the refusal it came to.
    pub(crate) fn convert(&mut self, plan: &Plan, refusal: &Refusal) -> Result<Plan, Failure> {
        let Planned::Execute(execution) = &plan.outcome else { return Ok(plan.clone()) };
        let file = self.letter_name(&execution.id)?;
        Ok(converted(plan, execution, refusal, file, self.context.host.now()))
    }

    /// A free file name for a dead letter: the name, else with the next number.
    pub(crate) fn letter_name(&mut self, stem: &str) -> Result<(String, String, u64), Failure> {
        let mut used = self.ledger.letters(stem)?;
        loop {
            used += 1;
            let file = letter_file(stem, used);
            let there = self.folders.dead_letter.look(&json_name(&file));
            let there = there.or_fail(Exit::Unavailable, "look into dead_letter/")?;
            if there.is_none() && self.taken.insert(file.clone()) {
                return Ok((file, stem.to_owned(), used));
            }
        }
    }

    /// Gives back the name a dead letter was to have: its document is judged anew.
    pub(crate) fn forget_name(&mut self, plan: &Plan) {
        if let Some(file) = plan.letter_file() {
            self.taken.remove(&file);
        }
    }

    /// Flushes the bridge root and every other file system that plans touched.
    fn flush<'p>(&self, plans: impl IntoIterator<Item = &'p Plan>) -> Result<(), Failure> {
        let doing = "flush the disk; what was promised is finished at the next start";
        self.folders.results.sync().or_fail(Exit::Unavailable, doing)?;
        let root = self.root.path();
        let elsewhere: BTreeSet<&str> = plans
            .into_iter()
            .filter_map(|plan| match &plan.outcome {
                Planned::Execute(it) if !it.changes.is_empty() => Some(it.target.as_str()),
                _ => None,
            })
            .filter(|target| Path::new(target) != root)
            .collect();
        for target in elsewhere {
            if let Some(tree) = self.trees.get(target) {
                tree.sync().or_fail(Exit::Unavailable, doing)?;
            }
        }
        Ok(())
    }

    /// Removes what a kept promise no longer needs: inbound file, held copy, pre-images.
    fn tidy(&self, plan: &Plan) -> Result<(), Failure> {
        let failed = |fault: Fault| {
            Failure::new(Exit::Unavailable, "tidy up; it is finished at the next start")
                .because(fault)
        };
        if let Planned::Execute(execution) = &plan.outcome
            && let Some(tree) = self.trees.get(&execution.target)
        {
            for change in changes(execution) {
                let finished = persistently(&self.context.host, || tree.finish(&change));
                if let Err(fault @ Fault::Io { .. }) = finished {
                    return Err(failed(fault));
                }
            }
        }
        if let Some(inbound) = &plan.inbound {
            let name = OsString::from_vec(inbound.name.0.to_vec());
            let is_it = |folder: &Folder, name: &OsStr| is_it(inbound, folder, name);
            self.folders.commands.remove_if(&name, is_it).map_err(failed)?;
        }
        match &plan.releases {
            Some(id) => self.folders.held.remove(&json_name(id)).map_err(failed),
            None => Ok(()),
        }
    }

    fn tree(&mut self, target: &str) -> Result<&Tree, Fault> {
        if !self.trees.contains_key(target) {
            self.trees.insert(target.to_owned(), Tree::open_resolved(Path::new(target))?);
        }
        self.trees.get(target).ok_or_else(|| Fault::Denied(format!("{target} is not open")))
    }

    /// Forgets opened targets, so that one that was replaced is opened anew.
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        self.trees.clear();
        self.folders = Folders::open(self.root)?;
        Ok(())
    }
}

/// Whether a name still leads to the very file that was judged: what a client wrote since, over it or
/// into it, is another document.
fn is_it(inbound: &Inbound, folder: &Folder, name: &OsStr) -> Result<bool, Fault> {
    let Some(now) = folder.look(name)? else { return Ok(false) };
    if now.inode != inbound.inode {
        return Ok(false);
    }
    if now.kind != ListedKind::File || (now.modified_ns, now.size) == inbound.written {
        return Ok(true);
    }
    let (hash, size) = &inbound.read;
    let read = folder.read(name, size.saturating_add(1))?;
    Ok(read.is_some_and(|(_, bytes)| {
        bytes.len() as u64 == *size && Sha256::digest(&bytes)[..] == hash.0[..]
    }))
}

fn changes(execution: &Execution) -> Vec<Change> {
    execution.changes.iter().filter_map(PlannedChange::change).collect()
}

fn apply_one(tree: &Tree, change: &Change, again: bool) -> Result<(), Fault> {
    if again {
        match tree.state(change)? {
            Side::After => return Ok(()),
            Side::Before => drop(tree.prepare(change)?),
            Side::Neither => {}
        }
    }
    tree.commit(change)
}

/// Whether no file is left on the old side of its change.
fn is_all_after(execution: &Execution) -> bool {
    let Ok(tree) = Tree::open_resolved(Path::new(&execution.target)) else { return false };
    let on_the_old_side = |change: &Change| matches!(tree.state(change), Ok(Side::Before) | Err(_));
    !changes(execution).iter().any(on_the_old_side)
}

/// Does what has to be done while somebody may be swapping folders for links: tries again for a
/// tenth of a second. A link that stays has taken the files out of the tree, and out of reach.
fn persistently(host: &Host, act: impl Fn() -> Result<(), Fault>) -> Result<(), Fault> {
    for _ in 0..100 {
        match act() {
            Err(Fault::Symlink(_)) => host.pause(Duration::from_millis(1)),
            outcome => return outcome,
        }
    }
    act()
}

fn remove_made(tree: &Tree, made: &[String]) {
    let folders = made.iter().rev().filter_map(|it| RelPath::parse(it).ok());
    folders.for_each(|it| drop(tree.remove_empty_dir(&it)));
}
