//! Counts and checks. No input or output here.

use std::collections::{BTreeMap, BTreeSet};

use bridge::audit::{self, Entry, GENESIS};
use bridge::evidence::Retry;
use ops_core::time::{self, Timestamp};

use crate::documents::{Break, Chain, Slow, Summary, Waiting};
use crate::period::Period;

/// How many of the slowest commands are named.
const SLOWEST: usize = 10;

/// The audit log, read file by file from the oldest on.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    period: Period,
    prev: String,
    chain: Chain,
    entries: Vec<Entry>,
    unread: u64,
}

/// What lies beside the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Key and duration of each command carried out in the period, by id.
    pub(crate) results: BTreeMap<String, (String, u64)>,
    /// meta/retries.json.
    pub(crate) retries: BTreeMap<String, Retry>,
    /// What could not be read.
    pub(crate) unread: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(period: Period) -> Self {
        let chain = Chain { ok: true, ..Chain::default() };
        Self { period, prev: GENESIS.to_owned(), chain, entries: vec![], unread: 0 }
    }

    /// Takes the next file. After the first break lines are still counted, but not vouched for.
    pub(crate) fn take(&mut self, file: &str, text: &str) {
        self.chain.files += 1;
        let checked = if self.chain.ok { Some(audit::check(text, &self.prev)) } else { None };
        match checked {
            Some(Ok((entries, prev))) => {
                self.prev = prev;
                self.chain.lines += entries.len() as u64;
                for entry in entries {
                    self.count(entry);
                }
            }
            Some(Err(broken)) => {
                let line = broken.line as u64;
                self.chain.lines += line.saturating_sub(1);
                self.break_off(file, line, broken.why);
                self.take_unchecked(text);
            }
            None => self.take_unchecked(text),
        }
    }

    /// Ends a log without any line, which is fine as long as nothing was archived.
    pub(crate) fn end_empty(&mut self, file: &str, archived: usize) {
        if archived > 0 {
            self.break_off(file, 0, "the log is empty, but archive/ holds commands".to_owned());
        }
    }

    /// Says that the log does not hold, unless that was said before.
    fn break_off(&mut self, file: &str, line: u64, why: String) {
        self.chain.ok = false;
        self.chain.first_break.get_or_insert(Break { file: file.to_owned(), line, why });
    }

    pub(crate) fn holds(&self) -> bool {
        self.chain.ok
    }

    /// Whether there is no line at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.chain.ok && self.chain.lines == 0
    }

    /// The ids of the commands that were carried out in the period. Only ids that are such: the
    /// log may have been tampered with, and they become file names.
    pub(crate) fn carried_out(&self) -> BTreeSet<&str> {
        let done = self.entries.iter().filter(|entry| entry.result == "ok");
        done.map(|entry| entry.id.as_str()).filter(|id| is_id(id)).collect()
    }

    fn take_unchecked(&mut self, text: &str) {
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(entry) => self.count(entry),
                Err(_) => self.unread += 1,
            }
        }
    }

    fn count(&mut self, entry: Entry) {
        match time::parse(&entry.ts) {
            Ok(at) if self.period.holds(at) => self.entries.push(entry),
            Ok(_) => {}
            Err(_) => self.unread += 1,
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Sums up.
pub(crate) fn summary(ledger: Ledger, facts: Facts, period: Period, now: Timestamp) -> Summary {
    let tally = |names: &mut dyn Iterator<Item = String>| {
        names.fold(BTreeMap::new(), |mut counts: BTreeMap<String, u64>, name| {
            *counts.entry(name).or_default() += 1;
            counts
        })
    };
    let entries = &ledger.entries;
    let reasons = &mut entries.iter().filter_map(|it| it.reason).map(|it| it.code().to_owned());
    let mut slowest: Vec<Slow> = facts
        .results
        .iter()
        .map(|(id, (_, duration_ms))| Slow { id: id.clone(), duration_ms: *duration_ms })
        .collect();
    slowest.sort_by(|a, b| b.duration_ms.cmp(&a.duration_ms).then_with(|| a.id.cmp(&b.id)));
    slowest.truncate(SLOWEST);
    let mut unread = facts.unread;
    if ledger.unread > 0 {
        unread.push(format!("logs/: {} lines", ledger.unread));
    }
    let waiting = facts.retries.into_iter().map(|(id, retry)| Waiting {
        id,
        attempts: retry.attempts,
        next_ts: retry.next_ts,
        last_error: retry.last_error,
    });
    let mut retries: Vec<Waiting> = waiting.collect();
    retries.sort_by(|a, b| a.next_ts.cmp(&b.next_ts).then_with(|| a.id.cmp(&b.id)));
    Summary {
        schema: "aiops.bridge.report/1".into(),
        generated_at: time::rfc3339_seconds(now),
        since: time::rfc3339_seconds(period.since),
        until: time::rfc3339_seconds(period.until),
        events: entries.len() as u64,
        outcomes: tally(&mut entries.iter().map(|it| it.result.clone())),
        reasons: tally(reasons),
        slowest,
        retries,
        keys: tally(&mut facts.results.values().map(|(key, _)| key.clone())),
        chain: ledger.chain,
        unread,
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
