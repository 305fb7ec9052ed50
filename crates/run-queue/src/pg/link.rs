//! One connection with its prepared statements.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use postgres::types::ToSql;
use postgres::{Client, Row, Statement};

use super::Address;
use crate::Fault;

/// The channel on which changes are told.
pub(super) const CHANNEL: &str = "runner_jobs";

/// How long a connection that waited may take to show that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// What a server says to a setting that is newer than it.
const UNDEFINED_SETTING: &str = "42704";

/// Why a connection failed. It is closed after that, whatever it was.
#[derive(Debug)]
pub(super) struct Broke {
    /// Whether the server went away rather than said no.
    pub(super) lost: bool,
    /// The server's code of the error, if it gave one.
    pub(super) code: Option<String>,
    why: String,
}

impl Broke {
    pub(super) fn plain(why: String) -> Self {
        Self { lost: false, code: None, why }
    }
}

impl From<postgres::Error> for Broke {
    fn from(err: postgres::Error) -> Self {
        let code = err.code().map(|code| code.code().to_owned());
        // Class 57 is the operator's doing (shut down, starting up), 53 a lack of resources, 08 a
        // lost connection, 25P03 a transaction that idled, 40 a conflict: all may pass.
        let passes = |code: &String| {
            ["57", "53", "08", "40"].iter().any(|class| code.starts_with(class))
                || ["25P03", "55P03"].contains(&code.as_str())
        };
        let lost = code.as_ref().is_none_or(passes);
        Self { lost, code, why: told(&err) }
    }
}

impl From<Broke> for Fault {
    fn from(broke: Broke) -> Self {
        if broke.lost { Self::Unreachable(broke.why) } else { Self::Broken(broke.why) }
    }
}

/// An error with its causes, but without the values that a server quotes in its details.
fn told(err: &postgres::Error) -> String {
    if let Some(said) = err.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut told = err.to_string();
    let mut cause = std::error::Error::source(err);
    while let Some(err) = cause {
        told.extend([": ", &err.to_string()]);
        cause = err.source();
    }
    told
}

/// A connection.
pub(super) struct Link {
    pub(super) client: Client,
    prepared: HashMap<String, Statement>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({} statements)", self.prepared.len())
    }
}

impl Link {
    pub(super) fn open(address: &Address) -> Result<Self, Broke> {
        let client = address.connect().map_err(|err| {
            let mut broke = Broke::from(err);
            if broke.code.as_deref() == Some(UNDEFINED_SETTING) {
                broke.why.push_str("; PostgreSQL 12 or newer is needed");
            }
            broke
        })?;
        Ok(Self { client, prepared: HashMap::new() })
    }

    /// Whether the other end still answers.
    pub(super) fn answers(&mut self) -> bool {
        !self.client.is_closed() && self.client.is_valid(SIGN_OF_LIFE).is_ok()
    }

    /// Runs statements that take and give nothing.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), Broke> {
        Ok(self.client.batch_execute(sql)?)
    }

    pub(super) fn query(
        &mut self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Broke> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query(&statement, values)?)
    }

    pub(super) fn execute(
        &mut self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Broke> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, values)?)
    }

    /// Tells everybody, once the transaction commits, that something changed.
    pub(super) fn ring(&mut self) -> Result<(), Broke> {
        self.query("SELECT pg_notify($1, '')", &[&CHANNEL]).map(drop)
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, Broke> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}
