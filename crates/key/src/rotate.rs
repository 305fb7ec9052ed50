//! The two-slot rotation of a shared secret. What a step may do is judged in `decide`; here it is
//! done, in an order that leaves the right secrets accepted wherever it is cut off.

mod decide;

use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time::{self, Timestamp};
use secrets::rotation::{Phase, Rotation};
use secrets::store::Deleted;
use secrets::{Key, Resolver, Secret, Source};

use crate::args::{Step, To};
use crate::audit::{Audit, Outcome};
use crate::change::write;
use crate::desk::Desk;
use crate::documents::{Rotated, Turn};
use crate::make;
use decide::{Facts, Plan, Settle};

/// One step of a rotation. A window that ended is settled first.
///
/// # Errors
/// When there is no answer; a step that is refused is one.
pub(crate) fn rotate(
    desk: &Desk<'_>,
    name: &str,
    step: Step,
    window: Duration,
    now: bool,
) -> Result<Rotated, Failure> {
    let current = desk.registry.key(name)?;
    let next = match &current.next {
        Some(next) => desk.registry.key(next)?,
        None => return Err(no_second_slot(desk, name)),
    };
    let _held = desk.hold()?;
    let work = Work {
        desk,
        current,
        next,
        resolver: desk.resolver(),
        audit: Audit::of(desk, &format!("rotate {}", step.name()))?,
        now: desk.context.host.now(),
    };
    let before = work.observe()?;
    let settled = match decide::settle(&before.facts()) {
        Settle::Nothing => None,
        Settle::Leftover => {
            work.remove_leftover(&before)?;
            None
        }
        Settle::Lapsed => Some(work.give_up(&before)?),
        Settle::Over => Some(work.retire(&before, Phase::Over)?),
        Settle::ByHand(why) => return Ok(work.report(&before, Turn::Nothing, Some(why), None)),
    };
    let seen = work.observe()?;
    let plan = decide::plan(step, &seen.facts(), now, settled, before.is_leftover());
    let (turn, refused) = match plan {
        Plan::Nothing => (Turn::Nothing, None),
        Plan::WasRetired => (Turn::Retired, None),
        Plan::Refuse(why) => (Turn::Nothing, Some(why)),
        Plan::Begin => (work.begin(&seen, window)?, None),
        Plan::Promote => {
            work.promote(&seen)?;
            (Turn::Promoted, None)
        }
        Plan::Retire => {
            work.retire(&seen, seen.phase)?;
            (Turn::Retired, None)
        }
    };
    Ok(work.report(&work.observe()?, turn, refused, settled))
}

fn no_second_slot(desk: &Desk<'_>, name: &str) -> Failure {
    let with: Vec<&str> = desk
        .registry
        .keys
        .iter()
        .filter(|key| key.next.is_some())
        .map(|key| key.name.as_str())
        .collect();
    Failure::new(Exit::Usage, format!("rotate {name}"))
        .because("it has no second slot in keys.yaml")
        .hint(format!("those that have one: {}", with.join(" ")))
}

/// What one call works with.
struct Work<'a> {
    desk: &'a Desk<'a>,
    current: &'a Key,
    next: &'a Key,
    resolver: Resolver<'a>,
    audit: Audit<'a>,
    now: Timestamp,
}

/// Both slots and the record, as they are.
struct Seen {
    current: Option<Secret>,
    next: Option<Secret>,
    rotation: Option<Rotation>,
    phase: Phase,
    ends: Option<Timestamp>,
}

impl Seen {
    fn facts(&self) -> Facts {
        Facts {
            phase: self.phase,
            current: self.current.as_ref().map(Secret::source),
            next: self.next.as_ref().map(Secret::source),
            is_same: self.is_same(),
            ends: self.ends,
        }
    }

    fn is_same(&self) -> bool {
        match (&self.current, &self.next) {
            (Some(current), Some(next)) => current.is_same(next),
            _ => false,
        }
    }

    /// A second slot that a retirement which was cut off left behind.
    fn is_leftover(&self) -> bool {
        self.phase == Phase::Idle && self.is_same()
    }

    fn slots(&self) -> [(&'static str, Option<&Secret>); 2] {
        [("current", self.current.as_ref()), ("next", self.next.as_ref())]
    }

    /// Where new values of either slot go.
    fn place(&self) -> To {
        match self.current.as_ref().map(Secret::source) {
            Some(Source::Keychain) => To::Keychain,
            _ => To::File,
        }
    }
}

impl Work<'_> {
    fn observe(&self) -> Result<Seen, Failure> {
        let current = self.desk.learn(self.resolver.find(self.current)?);
        let next = self.desk.learn(self.resolver.find(self.next)?);
        let rotation = self.resolver.rotation(self.current)?;
        let path = self.resolver.rotation_path(self.current);
        let doing = || format!("use the record {}", path.display());
        let (phase, ends) = match &rotation {
            None => (Phase::Idle, None),
            Some(it) => (
                it.phase(self.now).or_fail(Exit::NotPermitted, doing())?,
                Some(it.ends().or_fail(Exit::NotPermitted, doing())?),
            ),
        };
        Ok(Seen { current, next, rotation, phase, ends })
    }

    /// The second secret first, then the record: without one it counts for nothing.
    fn begin(&self, seen: &Seen, window: Duration) -> Result<Turn, Failure> {
        self.desk.need(&self.resolver, self.current)?;
        let made = match &seen.next {
            Some(_) => None,
            None => Some(make::make(&self.desk.context.host, self.next)?.secret),
        };
        let made = self.desk.learn(made);
        let next = made.as_ref().or(seen.next.as_ref());
        let of = [("current", seen.current.as_ref()), ("next", next)];
        self.line(Outcome::Begun, Phase::Idle, &of)?;
        let shared = self.resolver.is_shared(self.current);
        let done = made
            .as_ref()
            .map_or(Ok(()), |made| write(&self.resolver, self.next, seen.place(), made, shared))
            .and_then(|()| {
                let seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
                let rotation = Rotation::begin(&self.current.name, self.now, seconds);
                self.resolver.record_rotation(self.current, &rotation, shared)
            });
        self.ended(Phase::Begun, &of, done)?;
        Ok(if made.is_some() { Turn::Begun } else { Turn::Adopted })
    }

    fn promote(&self, seen: &Seen) -> Result<(), Failure> {
        let Some(rotation) = &seen.rotation else { return Ok(()) };
        self.desk.need(&self.resolver, self.next)?;
        self.line(Outcome::Begun, Phase::Begun, &seen.slots())?;
        let rotation = Rotation { promoted_at: Some(time::rfc3339(self.now)), ..rotation.clone() };
        let shared = self.resolver.is_shared(self.current);
        let done = self.resolver.record_rotation(self.current, &rotation, shared);
        self.ended(Phase::Promoted, &seen.slots(), done)
    }

    /// The current slot first, then the record, then the second slot: after each step alone the new
    /// secret is accepted, and nothing is that was not before.
    fn retire(&self, seen: &Seen, phase: Phase) -> Result<Phase, Failure> {
        let next = self.desk.need(&self.resolver, self.next)?;
        self.line(Outcome::Begun, phase, &seen.slots())?;
        let done = write(&self.resolver, self.current, seen.place(), &next, false)
            .and_then(|()| self.resolver.end_rotation(self.current))
            .and_then(|()| self.remove_next());
        self.ended(Phase::Idle, &[("current", Some(&next))], done)?;
        Ok(phase)
    }

    /// The second slot first: the record, which says that it does not count, outlives it.
    fn give_up(&self, seen: &Seen) -> Result<Phase, Failure> {
        self.line(Outcome::Begun, Phase::Lapsed, &seen.slots())?;
        let done = self.remove_next().and_then(|()| self.resolver.end_rotation(self.current));
        self.ended(Phase::Idle, &[("current", seen.current.as_ref())], done)?;
        Ok(Phase::Lapsed)
    }

    fn remove_leftover(&self, seen: &Seen) -> Result<(), Failure> {
        self.line(Outcome::Begun, Phase::Idle, &seen.slots())?;
        let done = self.remove_next();
        self.ended(Phase::Idle, &[("current", seen.current.as_ref())], done)
    }

    fn remove_next(&self) -> Result<(), Failure> {
        let still = self.resolver.delete(self.next).into_iter().find_map(|(_, deleted)| {
            if let Deleted::Still(why) = deleted { Some(why) } else { None }
        });
        still.map_or(Ok(()), |why| {
            Err(Failure::new(Exit::Unavailable, format!("remove {}", self.next.name)).because(why))
        })
    }

    fn line(
        &self,
        outcome: Outcome,
        phase: Phase,
        of: &[(&str, Option<&Secret>)],
    ) -> Result<(), Failure> {
        self.audit.line(&self.current.name, outcome, Some(decide::phase_name(phase)), of)
    }

    fn ended<T>(
        &self,
        phase: Phase,
        of: &[(&str, Option<&Secret>)],
        done: Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.audit.ended(&self.current.name, Some(decide::phase_name(phase)), of, done)
    }

    fn report(
        &self,
        seen: &Seen,
        turn: Turn,
        refused: Option<String>,
        settled: Option<Phase>,
    ) -> Rotated {
        let print =
            |secret: &Option<Secret>| secret.as_ref().map(|secret| self.audit.fingerprint(secret));
        Rotated {
            schema: "aiops.key.rotation/1".into(),
            name: self.current.name.clone(),
            turn,
            refused,
            settled,
            phase: seen.phase,
            begun_at: seen.rotation.as_ref().map(|it| it.begun_at.clone()),
            promoted_at: seen.rotation.as_ref().and_then(|it| it.promoted_at.clone()),
            ends_at: seen.ends.map(time::rfc3339),
            current: print(&seen.current),
            next: print(&seen.next),
            then: decide::then(&self.current.name, &self.next.name, seen.phase),
        }
    }
}
