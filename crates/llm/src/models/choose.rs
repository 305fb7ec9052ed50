//! Which model a question really goes to: the one asked for, or from its shutdown on its successor.

use ops_core::time::Timestamp;

use super::{Models, Row};
use crate::settings::{Choice, Provider};

/// A model that a question goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen<'a> {
    /// What was asked for.
    pub requested: &'a Choice,
    /// What is known of the model that is really asked; `None` for one without a row.
    pub row: Option<&'a Row>,
}

impl Chosen<'_> {
    /// Who serves it.
    pub fn provider(&self) -> Provider {
        self.requested.provider
    }

    /// The model that is really asked.
    pub fn effective(&self) -> &str {
        self.row.map_or(&self.requested.model, |row| &row.model)
    }
}

impl Models {
    /// Where a question for this model goes at this time.
    pub fn choose<'a>(&'a self, requested: &'a Choice, now: Timestamp) -> Chosen<'a> {
        let mut row = self.row(requested.provider, &requested.model);
        // A successor may be gone as well; no chain is longer than the table.
        for _ in 0..self.models.len() {
            let Some(next) = row
                .filter(|row| row.is_gone(now))
                .and_then(|row| self.row(row.provider, row.successor.as_deref()?))
            else {
                break;
            };
            row = Some(next);
        }
        Chosen { requested, row }
    }
}

impl Row {
    /// Whether its shutdown has come.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.shutdown.as_deref().and_then(day).is_some_and(|day| now >= day)
    }

    /// Days until its shutdown, negative afterwards. `None` without one.
    pub fn days_left(&self, now: Timestamp) -> Option<i64> {
        days_until(day(self.shutdown.as_deref()?)?, now)
    }
}

/// Whole days from now until then.
pub(crate) fn days_until(then: Timestamp, now: Timestamp) -> Option<i64> {
    Some(then.duration_since(now).as_secs().div_euclid(86_400))
}

/// The beginning (UTC) of a day that is written `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    if text.len() != 10 {
        return None;
    }
    format!("{text}T00:00:00Z").parse().ok()
}
