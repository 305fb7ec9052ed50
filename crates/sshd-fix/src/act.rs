//! Carries a plan out, one step after the other, with a way back from each. Chooses nothing.

mod outcome;
mod record;
mod restore;
mod steps;
mod switch;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Lock;

use crate::decide::{self, Decision, Plan, Policy, Refusal, Why};
use crate::facts::Facts;
use crate::observe;
use crate::places::{self, Place};

pub use outcome::{Action, Ended, Outcome, SCHEMA as OUTCOME_SCHEMA};
pub use record::{Phase, Record, Saved, State};
pub use verify::wait_address;

/// What the caller settles.
#[derive(Clone, Debug)]
pub struct Options {
    /// What decides whether and how.
    pub policy: Policy,
    /// How long all steps may take. When it is over and nobody said it is done, the machine goes
    /// back by itself.
    pub dead_man: Duration,
    /// How long sshd may take to listen and answer after a restart.
    pub answer_within: Duration,
    /// How long to wait for [`Fix::confirm`] before going back; `None`: the verification confirms.
    pub confirm_within: Option<Duration>,
}

impl Options {
    /// Two minutes for all, 20 seconds for sshd to answer, no confirmation. The program is the one
    /// that takes `ssh --rollback RECORD` and `wait-address ADDRESS --seconds N`.
    pub fn new(program: PathBuf) -> Self {
        Self {
            policy: Policy::new(program),
            dead_man: Duration::from_mins(2),
            answer_within: Duration::from_secs(20),
            confirm_within: None,
        }
    }
}

/// The fix, on one machine.
#[derive(Debug)]
pub struct Fix<'a> {
    context: &'a Context,
    place: Place,
    options: Options,
}

impl<'a> Fix<'a> {
    /// Makes one. Nothing is touched.
    pub fn new(context: &'a Context, place: Place, options: Options) -> Self {
        Self { context, place, options }
    }

    /// Looks at the machine.
    pub fn observe(&self) -> Facts {
        observe::facts(&self.context.host, &self.place, &self.options.policy)
    }

    /// Decides what would be done.
    pub fn decide(&self, facts: &Facts) -> Decision {
        decide::decide(facts, &self.options.policy)
    }

    /// Looks, decides and does it: all of the fix.
    ///
    /// # Errors
    /// Exit 75 when another one runs or waits for its confirmation, 69 when no record could be
    /// made or the way back not be prepared; nothing was touched then.
    pub fn run(&self) -> Result<Outcome, Failure> {
        let _lock = self.lock()?;
        let mut actions = self.finish_interrupted()?;
        let facts = self.observe();
        let mut outcome = match self.decide(&facts) {
            Decision::Refused(refusal) => Outcome::new(Ended::Refused(refusal)),
            Decision::Planned(plan) => self.carry_out(&plan, &facts)?,
        };
        actions.append(&mut outcome.actions);
        outcome.actions = actions;
        Ok(outcome)
    }

    /// Does what a plan made earlier says, if the machine is still as it was then.
    ///
    /// # Errors
    /// As [`Fix::run`].
    pub fn run_plan(&self, plan: &Plan) -> Result<Outcome, Failure> {
        let _lock = self.lock()?;
        self.finish_interrupted()?;
        let facts = self.observe();
        if let Decision::Refused(refusal) = self.decide(&facts) {
            return Ok(Outcome::new(Ended::Refused(refusal)));
        }
        if facts.digest() != plan.facts {
            let found =
                format!("the machine is not as it was at {}, when the plan was made", plan.at);
            let refusal = Refusal::new(Why::Stale, found, "make a new plan");
            return Ok(Outcome::new(Ended::Refused(refusal)));
        }
        self.carry_out(plan, &facts)
    }

    /// Does what a plan says, on a machine that is as these facts say.
    ///
    /// # Errors
    /// As [`Fix::run`].
    pub fn apply(&self, plan: &Plan, facts: &Facts) -> Result<Outcome, Failure> {
        let _lock = self.lock()?;
        self.finish_interrupted()?;
        self.carry_out(plan, facts)
    }

    /// Confirms a change that waits for it, when called over a connection made after it: anything
    /// else proves nothing.
    ///
    /// # Errors
    /// Exit 75 when the fix runs, 69 when the confirmation could not be written.
    pub fn confirm(&self) -> Result<Outcome, Failure> {
        let _lock = self.lock()?;
        let Some(record) = self.pending()? else {
            return Ok(Outcome::new(Ended::NothingPending));
        };
        let mut state = self.state(&record)?;
        if state.phase != Phase::AwaitingConfirmation {
            return Ok(Outcome::new(Ended::NothingPending));
        }
        let service = self.read_record(&record)?.plan.service;
        let because = match observe::is_new_connection(&self.context.host, &service) {
            Ok(true) => None,
            Ok(false) => Some("this is not a connection that was made after the change".to_owned()),
            Err(why) => Some(format!("whether this is a new connection is unknown: {why}")),
        };
        if let Some(because) = because {
            let ended = Ended::NotConfirmed { because };
            return Ok(Outcome { record: Some(record), ..Outcome::new(ended) });
        }
        state.phase = Phase::Committed;
        self.write_state(&record, &state)?;
        self.disarm()?;
        Ok(Outcome { record: Some(record), ..Outcome::new(Ended::Confirmed) })
    }

    /// Puts everything back as a record has it, unless that change was completed or is undone
    /// already. Safe to call again at any time, also after a crash of itself.
    ///
    /// # Errors
    /// Exit 75 when the fix runs, 65 when the record cannot be read, 69 when something could not be
    /// put back: the machine tries again by itself.
    pub fn rollback(&self, record: &Path) -> Result<Outcome, Failure> {
        let _lock = self.lock()?;
        let outcome = self.roll_back(record, "it was asked for")?;
        let ended = match outcome.ended {
            Ended::RolledBack { .. } => Ended::PutBack,
            other => other,
        };
        Ok(Outcome { ended, ..outcome })
    }

    /// The record of a change that is neither completed nor undone, if there is one.
    ///
    /// # Errors
    /// Exit 69 when that cannot be told.
    pub fn pending(&self) -> Result<Option<PathBuf>, Failure> {
        let path = self.folder().join(record::PENDING);
        let doing = || format!("read {}", path.display());
        match self.context.host.read(&path, 256) {
            Ok(name) => {
                let name = String::from_utf8(name).or_fail(Exit::Unavailable, doing())?;
                Ok(Some(self.folder().join(name.trim())))
            }
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err).or_fail(Exit::Unavailable, doing()),
        }
    }

    /// Where records lie.
    fn folder(&self) -> PathBuf {
        self.context.home.join("state/sshd-fix")
    }

    /// One at a time per home, and per machine whatever the homes.
    fn lock(&self) -> Result<[Lock; 2], Failure> {
        let host = &self.context.host;
        let busy = |busy: ops_core::host::Busy| busy.failure("sshd fix");
        let first = host.lock(&self.folder().join("lock"))?.map_err(busy)?;
        let second = host.lock_folder(&self.place.at(places::SSH_FOLDER))?.map_err(busy)?;
        Ok([first, second])
    }

    /// Undoes a change that a crash left unfinished. The lock is held, so nobody is at it.
    fn finish_interrupted(&self) -> Result<Vec<Action>, Failure> {
        let Some(record) = self.pending()? else { return Ok(Vec::new()) };
        if self.state(&record)?.phase == Phase::AwaitingConfirmation {
            return Err(Failure::new(
                Exit::TryLater,
                "start: a change of sshd waits for confirmation",
            )
            .because(format!("its record is {}", record.display()))
            .hint("run `heal confirm` over a new connection, or wait until it is undone"));
        }
        let outcome = self.roll_back(&record, "an earlier run was interrupted")?;
        match outcome.ended {
            Ended::RollbackFailed { rollback, .. } => {
                Err(Failure::new(Exit::Unavailable, "undo an earlier, interrupted run")
                    .because(rollback))
            }
            _ => Ok(outcome.actions),
        }
    }

    fn carry_out(&self, plan: &Plan, facts: &Facts) -> Result<Outcome, Failure> {
        if plan.is_empty() {
            return Ok(Outcome::new(Ended::NothingToDo));
        }
        self.no_other_is_pending()?;
        let started = self.context.host.ticks();
        let record = self.make_record(plan, facts)?;
        let mut state = State::new(Phase::Recorded);
        self.write_state(&record, &state)?;
        self.set_pending(&record)?;
        state.phase = Phase::Applying;
        if let Err(failure) = self.arm(&record).and_then(|()| self.write_state(&record, &state)) {
            // Nothing was changed yet but what arms; that goes again, or is harmless.
            let _left = self.disarm().is_err();
            return Err(failure);
        }
        for step in &plan.steps {
            let spent = self.context.host.ticks().saturating_sub(started);
            let done = match self.options.dead_man.checked_sub(spent) {
                Some(left) if left > steps::SHORTEST => self.step(step, plan, facts, left),
                _ => Err("the time for all steps is over".into()),
            };
            state.actions.push(self.action(step.number(), step.title(), &done));
            if let Err(why) = done {
                let why = format!("step {}, {}: {why}", step.number(), step.title());
                let _unwritten = self.write_state(&record, &state).is_err();
                let mut outcome = self.roll_back(&record, &why)?;
                state.actions.append(&mut outcome.actions);
                return Ok(Outcome { actions: state.actions, ..outcome });
            }
            // Without its trace no step counts as done: the way back needs none, but people do.
            if self.write_state(&record, &state).is_err() {
                return self.roll_back(&record, "the state of the change could not be written");
            }
        }
        let committed = match self.options.confirm_within {
            None => self.commit(&record, &mut state),
            Some(limit) => self.await_confirmation(&record, &mut state, limit),
        };
        match committed {
            Ok(ended) => Ok(Outcome { ended, record: Some(record), actions: state.actions }),
            Err(failure) => self.roll_back(&record, &failure.to_string()),
        }
    }

    fn commit(&self, record: &Path, state: &mut State) -> Result<Ended, Failure> {
        state.phase = Phase::Committed;
        self.write_state(record, state)?;
        // From here on the way back is closed; what is left of it does nothing when it runs.
        if let Err(failure) = self.disarm() {
            self.context.say(&format!("the switch is left behind, which is harmless: {failure}"));
        }
        Ok(Ended::Applied)
    }

    fn await_confirmation(
        &self,
        record: &Path,
        state: &mut State,
        limit: Duration,
    ) -> Result<Ended, Failure> {
        self.arm_confirmation(record, limit)?;
        state.phase = Phase::AwaitingConfirmation;
        self.write_state(record, state)?;
        self.stop_timer()?;
        Ok(Ended::AwaitingConfirmation { seconds: limit.as_secs() })
    }

    fn action(&self, number: u8, what: String, done: &Result<(), String>) -> Action {
        let at = ops_core::time::rfc3339(self.context.host.now());
        let failed = done.as_ref().err().map(|why| self.context.clean(why));
        Action { at, number, what, failed }
    }
}
