//! One flush: whoever holds the lock takes what is in the spool and tells it.

mod deliver;
mod follow;

use std::collections::BTreeMap;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use ops_core::host::{Busy, Stop};
use ops_core::time::SignedDuration;

use crate::channels::Call;
use crate::decide::age;
use crate::lines::Lines;
use crate::model::Channel;
use crate::settings::Settings;
use crate::spool::{self, Spool};
use crate::store::{Store, folder};

pub use deliver::Left;

/// What one flush did.
#[derive(Debug, Default)]
pub struct Done {
    /// Messages taken from the spool.
    pub taken: usize,
    /// Messages that a service accepted.
    pub delivered: usize,
    /// Messages dropped because of their age.
    pub expired: usize,
    /// Messages that no channel takes.
    pub failed: usize,
    /// Messages of which nobody knows whether they arrived.
    pub ambiguous: usize,
    /// Queued messages, and why each is left.
    pub left: BTreeMap<String, (Left, String)>,
    /// What is wrong with the spool, and what could not be followed.
    pub troubles: Vec<String>,
    /// The database, only to look at it: opening it once more would cost what a request does.
    pub store: Option<Store>,
}

/// How much a flush is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Tell what is new and due: for `send`, which somebody waits for.
    Tell,
    /// The same, follow emergencies and SMS, and forget what is old.
    All,
}

/// Takes and tells until nothing new is in the spool.
///
/// Whoever finds the lock taken has dropped its message before it looked; so whoever holds it looks
/// into the spool once more after letting go, and no message waits for a timer.
///
/// Asked to end, it hears the request that it is making to its end and makes no other: killed in
/// the middle, nobody would know whether that message arrived, and it would not be told again.
///
/// # Errors
/// A [`Failure`] when the spool or the database cannot be used, a [`Busy`] when another flush runs.
pub fn flush(
    context: &Context,
    settings: &Settings,
    lines: &Lines,
    scope: Scope,
    call: &mut Call<'_>,
    stop: &Stop,
) -> Result<Result<Done, Busy>, Failure> {
    let path = folder(&context.home).join("flush.lock");
    let mut done = Done::default();
    let mut spool = Spool::default();
    let mut budget: BTreeMap<Channel, u32> =
        Channel::ALL.into_iter().map(|channel| (channel, settings.per_flush)).collect();
    let mut scope = scope;
    let mut rounds = 0;
    loop {
        let lock = match context.host.lock(&path)? {
            Ok(lock) => lock,
            // Whoever has it now sees what came since.
            Err(_) if rounds > 0 => break,
            Err(busy) => return Ok(Err(busy)),
        };
        rounds += 1;
        let store = Store::open(&context.host, &context.home)?;
        let mut desk =
            Desk { context, settings, lines, store, call: &mut *call, budget: &mut budget, stop };
        desk.work(&mut spool, scope, &mut done)?;
        done.store = Some(desk.store);
        drop(lock);
        // Following once is enough.
        scope = Scope::Tell;
        if spool.new_names(context)?.is_empty() || stop.is_asked() {
            break;
        }
    }
    done.troubles.append(&mut spool.troubles);
    Ok(Ok(done))
}

/// Everything a flush works with.
struct Desk<'a, 'c> {
    context: &'a Context,
    settings: &'a Settings,
    lines: &'a Lines,
    store: Store,
    call: &'a mut Call<'c>,
    /// Whether this flush is asked to end.
    stop: &'a Stop,
    /// Requests that each channel may still make.
    budget: &'a mut BTreeMap<Channel, u32>,
}

impl Desk<'_, '_> {
    fn work(&mut self, spool: &mut Spool, scope: Scope, done: &mut Done) -> Result<(), Failure> {
        let repeatable: Vec<Channel> =
            Channel::ALL.into_iter().filter(|it| self.settings.is_idempotent(*it)).collect();
        self.store.recover(&repeatable)?;
        loop {
            while self.ingest(spool, done)? {}
            self.deliver(done)?;
            if spool.new_names(self.context)?.is_empty() {
                break;
            }
        }
        if scope == Scope::All && !self.stop.is_asked() {
            if self.follow(done)? {
                self.deliver(done)?;
            }
            self.forget()?;
        }
        Ok(())
    }

    /// Takes one batch; returns whether there was one.
    fn ingest(&mut self, spool: &mut Spool, done: &mut Done) -> Result<bool, Failure> {
        let mut batch = spool.read(self.context)?;
        for (_, spooled) in &mut batch {
            let alert = &mut spooled.alert;
            for text in [&mut alert.title, &mut alert.message, &mut spooled.raised_by] {
                *text = self.context.clean(text);
            }
        }
        if batch.is_empty() {
            return Ok(false);
        }
        let now = self.context.host.now();
        done.taken += self.store.ingest(&batch, now, self.settings.window())?.taken;
        spool.remove(self.context, &batch);
        Ok(true)
    }

    fn forget(&mut self) -> Result<(), Failure> {
        let days = SignedDuration::from_hours(i64::from(self.settings.history_days) * 24);
        let before = age::after(self.context.host.now(), -days);
        let present = spool::names(self.context)?;
        self.store.forget(before, &present).map(drop)
    }
}
