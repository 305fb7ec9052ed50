//! Commands that wait: for another attempt, or for a person.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use bridge::document::{self, Document, Signer};
use bridge::evidence::{Retry, to_bytes};
use bridge::reason::{Reason, Refusal};
use confined_fs::{Listed, ListedKind};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time::rfc3339;

use super::batch::{Batch, Depends};
use super::{Considered, Engine, Pass};
use crate::decide::outcome::Accepted;
use crate::journal::Plan;
use crate::ledger::{Decision, HeldRow, RetryRow};
use crate::observe::Arrival;

impl Engine<'_> {
    /// Notes a failed attempt; after the last one, returns the refusal it comes to.
    pub(super) fn postpone(&mut self, id: &str, why: &str) -> Result<Option<Refusal>, Failure> {
        let now = self.context.host.now();
        let policy = &self.settings.retries;
        let attempts = self.retries.get(id).map_or(0, |row| row.attempts) + 1;
        if attempts >= policy.attempts {
            let why = format!("{attempts} attempts failed, the last with: {why}");
            return Ok(Some(Refusal::new(Reason::RetriesExhausted, why)));
        }
        let delay = policy.delay_ms(attempts, u64::from_ne_bytes(self.context.host.random()));
        let row = RetryRow {
            id: id.to_owned(),
            attempts,
            last_error: self.context.clean(why),
            last: now,
            next: now + Duration::from_millis(delay),
        };
        self.desk.ledger.note_retry(&row)?;
        self.context
            .say(&format!("{id}: attempt {attempts} failed, trying again in {delay} ms: {why}"));
        self.retries.insert(id.to_owned(), row);
        self.write_retries()?;
        Ok(None)
    }

    pub(super) fn write_retries(&self) -> Result<(), Failure> {
        let document: BTreeMap<&str, Retry> = self
            .retries
            .values()
            .map(|row| {
                let retry = Retry {
                    attempts: row.attempts,
                    last_error: row.last_error.clone(),
                    last_ts: rfc3339(row.last),
                    next_ts: rfc3339(row.next),
                };
                (row.id.as_str(), retry)
            })
            .collect();
        let name = OsStr::new("retries.json");
        let meta = &self.desk.folders.meta;
        meta.stage(name, &to_bytes(&document), 0o640)
            .and_then(|()| meta.place(name))
            .or_fail(Exit::Unavailable, "write meta/retries.json")
    }

    /// Acts on what people decided about held commands, and ends those that waited too long.
    pub(super) fn held(&mut self, pass: &mut Pass) -> Result<(), Failure> {
        let decisions = self.desk.ledger.decisions()?;
        for row in self.desk.ledger.held()? {
            self.tried.insert(row.id.clone());
            let decision = decisions.iter().find(|it| it.id == row.id);
            let waiting =
                self.retries.get(&row.id).is_some_and(|it| it.next > self.context.host.now());
            let is_over = self.now() > row.expires_at;
            if waiting && !is_over {
                continue;
            }
            if let Some(plan) = self.answer(&row, decision, is_over)? {
                let mut batch = Batch::default();
                batch.add(plan, Depends::Nothing);
                self.commit(&mut batch, pass)?;
            }
        }
        for decision in decisions {
            self.desk.ledger.forget_decision_without(&decision.id)?;
        }
        Ok(())
    }

    fn answer(
        &mut self,
        row: &HeldRow,
        decision: Option<&Decision>,
        is_over: bool,
    ) -> Result<Option<Plan>, Failure> {
        let arrival =
            Arrival { listed: no_file(&row.name, row.input.len()), bytes: row.input.clone() };
        let refusal = match decision {
            Some(it) if !it.approved => {
                Refusal::new(Reason::Rejected, format!("{} said: {}", it.who, it.why))
            }
            _ if is_over => Refusal::new(Reason::Expired, "nobody approved it in time"),
            None => return Ok(None),
            Some(_) => return self.carry_on(row, &arrival),
        };
        let verified = Some((row.id.clone(), None));
        self.letter(&arrival, verified, &refusal, None, Some(row.id.clone())).map(Some)
    }

    fn carry_on(&mut self, row: &HeldRow, arrival: &Arrival) -> Result<Option<Plan>, Failure> {
        let clock = self.context.host.ticks();
        let started_at = self.now();
        let document = document::read(&arrival.bytes);
        let parsed = document.and_then(|it| Ok((self.judge.schema.read(it.body())?, it)));
        let accepted = match parsed {
            Ok((dated, document)) => Accepted {
                dated,
                signer: signer(row, &document),
                content: document.content(),
                started_at,
            },
            Err(refusal) => {
                let verified = Some((row.id.clone(), None));
                return self
                    .letter(arrival, verified, &refusal, None, Some(row.id.clone()))
                    .map(Some);
            }
        };
        match self.execute(&accepted, arrival, clock, None)? {
            Considered::Ready { plan, .. } => Ok(Some(*plan)),
            Considered::Postpone { why, .. } => match self.postpone(&row.id, &why)? {
                Some(refusal) => self.refuse_accepted(&accepted, arrival, &refusal, None).map(Some),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Acts on held commands alone.
    pub(crate) fn pass_over_held(&mut self) -> Result<Pass, Failure> {
        let mut pass = self.begin()?;
        self.held(&mut pass)?;
        Ok(pass)
    }
}

fn signer(row: &HeldRow, document: &Document) -> Signer {
    use bridge::keys::Slot;
    match (document, row.signer.as_str()) {
        (Document::V2(_), name) => Signer::Client(name.trim_start_matches("ssh:").to_owned()),
        (Document::V1(_), "next") => Signer::Secret(Slot::Next),
        (Document::V1(_), _) => Signer::Secret(Slot::Current),
    }
}

fn no_file(name: &str, size: usize) -> Listed {
    Listed {
        name: Path::new(name).as_os_str().to_owned(),
        kind: ListedKind::File,
        size: size as u64,
        modified_ns: 0,
        changed_ns: 0,
        inode: 0,
    }
}
