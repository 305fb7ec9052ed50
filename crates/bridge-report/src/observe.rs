//! Reads the evidence. No judgement here.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use bridge::evidence::{Outcome, Retry};
use bridge::layout::Root;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use crate::decide::{Facts, Ledger};
use crate::period::Period;

/// The largest file of evidence that is read, bytes.
const LARGEST: u64 = 1 << 30;

/// The newest file of the log.
const NEWEST: &str = "bridge.log";

/// Reads the audit log. One that does not hold is read once more, since an executor may have set
/// a file aside, or been in the middle of a line, between two of our looks.
pub(crate) fn ledger(host: &Host, root: &Root, period: Period) -> Result<Ledger, Failure> {
    let first = read_ledger(host, root, period)?;
    if first.holds() {
        return Ok(first);
    }
    host.pause(Duration::from_millis(50));
    read_ledger(host, root, period)
}

fn read_ledger(host: &Host, root: &Root, period: Period) -> Result<Ledger, Failure> {
    let folder = root.logs();
    let mut ledger = Ledger::new(period);
    for file in log_files(host, &folder)? {
        let path = folder.join(&file);
        let bytes = host.read(&path, LARGEST);
        let bytes = bytes.or_fail(Exit::Unavailable, format!("read {}", path.display()))?;
        // A byte that is no text is replaced, and so breaks the chain at its line.
        ledger.take(&file, &String::from_utf8_lossy(&bytes));
    }
    if ledger.is_empty() {
        ledger.end_empty(NEWEST, names(host, &root.path().join("archive"))?.len());
    }
    Ok(ledger)
}

/// The files of the log, oldest first: `bridge-000001.log` and so on, then `bridge.log`.
fn log_files(host: &Host, folder: &Path) -> Result<Vec<String>, Failure> {
    let number = |name: &str| -> Option<u64> {
        name.strip_prefix("bridge-")?.strip_suffix(".log")?.parse().ok()
    };
    let names = names(host, folder)?;
    let mut files: Vec<(u64, String)> =
        names.iter().filter_map(|name| Some((number(name)?, name.clone()))).collect();
    files.sort();
    let newest = names.into_iter().filter(|name| name == NEWEST);
    Ok(files.into_iter().map(|(_, name)| name).chain(newest).collect())
}

/// The names in a folder that are text; none when there is no such folder.
fn names(host: &Host, folder: &Path) -> Result<Vec<String>, Failure> {
    match host.names(folder) {
        Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(err) => Err(err).or_fail(Exit::Unavailable, format!("list {}", folder.display())),
    }
}

/// Reads what lies beside the log: the results of the period, and the retries.
pub(crate) fn facts(context: &Context, root: &Root, ledger: &Ledger) -> Facts {
    let host = &context.host;
    let mut facts = Facts::default();
    for id in ledger.carried_out() {
        match document::<Outcome>(host, &root.result(id)) {
            Ok(Some(outcome)) => {
                facts.results.insert(id.to_owned(), (outcome.hmac_key, outcome.duration_ms));
            }
            Ok(None) => facts.unread.push(format!("results/{id}.json: it is not there")),
            Err(why) => facts.unread.push(format!("results/{id}.json: {why}")),
        }
    }
    match document::<BTreeMap<String, Retry>>(host, &root.retries()) {
        Ok(retries) => facts.retries = retries.unwrap_or_default(),
        Err(why) => facts.unread.push(format!("meta/retries.json: {why}")),
    }
    for retry in facts.retries.values_mut() {
        retry.last_error = context.clean(&retry.last_error);
    }
    facts
}

fn document<T: serde::de::DeserializeOwned>(host: &Host, path: &Path) -> io::Result<Option<T>> {
    match host.read_plain(path, LARGEST) {
        Ok((_, bytes)) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}
