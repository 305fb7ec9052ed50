//! What `notify status` shows. Reads only.

use std::collections::BTreeMap;

use ops_core::failure::Failure;

use super::{Store, rows};
use crate::model::{Check, Message, State};

/// What is remembered of a check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckRow {
    /// The check id.
    pub id: String,
    /// What is remembered.
    pub check: Check,
}

impl Store {
    /// How many messages are in each state.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn counts(&self) -> Result<BTreeMap<State, u64>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached("SELECT state, count(*) FROM messages GROUP BY state")?
                .query_map([], |row| Ok((row.get::<_, String>(0)?, rows::count(row, 1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })();
        let found = self.doing("read", read)?;
        let mut counts: BTreeMap<State, u64> =
            State::ALL.into_iter().map(|state| (state, 0)).collect();
        for (name, count) in found {
            if let Some(state) = State::named(&name) {
                counts.insert(state, count);
            }
        }
        Ok(counts)
    }

    /// The newest messages that ended in a state.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn settled(&self, state: State, most: u32) -> Result<Vec<Message>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(&format!(
                    "SELECT {} FROM messages WHERE state = ?1 ORDER BY id DESC LIMIT ?2",
                    rows::MESSAGE
                ))?
                .query_map(rusqlite::params![state.name(), most], rows::message)?
                .collect()
        })();
        self.doing("read", read)
    }

    /// Every check that anything is remembered of, those told of last first.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn checks(&self) -> Result<Vec<CheckRow>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(
                    "SELECT id, told_us, told_severity, told_title, is_failing, held, held_since_us
                     FROM checks ORDER BY told_us DESC, id",
                )?
                .query_map([], |row| {
                    Ok(CheckRow { id: row.get(0)?, check: rows::check_at(row, 1)? })
                })?
                .collect()
        })();
        self.doing("read", read)
    }
}
