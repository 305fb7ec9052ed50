//! `bridge-exec verify`: evidence against its hashes, the audit log against its chain.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use bridge::audit::{self, Entry, GENESIS};
use bridge::evidence::{Integrity, hex};
use bridge::layout::Root;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::report::Report;
use sha2::{Digest, Sha256};

use crate::act::log::segment_number;
use crate::args::Args;
use crate::decide;
use crate::documents::Verification;
use crate::ledger::{Ledger, Tail};
use crate::open::state_folder;

/// The largest file that is hashed, bytes.
const LARGEST: u64 = 1 << 30;

pub(crate) fn run(
    args: &Args,
    id: Option<&str>,
    context: &Context,
) -> Result<Box<dyn Report>, Failure> {
    // Only the root is needed: evidence can be checked on any machine.
    let root = args.root.find(&context.host)?;
    let mut differences = Vec::new();
    let (ids, log_lines) = if let Some(id) = id {
        if !decide::id_is_sound(id) {
            return Err(Failure::new(Exit::Malformed, format!("verify {id:?}: it is no id")));
        }
        (BTreeSet::from([id.to_owned()]), None)
    } else {
        let (entries, last) = log(&context.host, &root, &mut differences)?;
        tail(context, &root, &last, &mut differences)?;
        let logged = entries.iter().filter(|it| it.result == "ok").map(|it| it.id.clone());
        let mut ids: BTreeSet<String> = logged.collect();
        ids.extend(on_disk(&context.host, &root)?);
        (ids, Some(entries.len()))
    };
    let mut progress = context.progress("outcomes", ids.len());
    for id in &ids {
        progress.step();
        check(&context.host, &root, id, &mut differences);
    }
    Ok(Box::new(Verification {
        schema: "aiops.bridge.verification/1".into(),
        outcomes: ids.len(),
        log_lines,
        differences,
    }))
}

/// Every id that left a file in archive/, results/ or diffs/.
fn on_disk(host: &Host, root: &Root) -> Result<BTreeSet<String>, Failure> {
    let mut ids = BTreeSet::new();
    for (folder, ending) in [("archive", ".json"), ("results", ".json"), ("diffs", ".patch")] {
        let path = root.path().join(folder);
        let names =
            host.names(&path).or_fail(Exit::Unavailable, format!("list {}", path.display()))?;
        let stems: BTreeSet<&str> =
            names.iter().filter_map(|name| name.to_str()?.strip_suffix(ending)).collect();
        for stem in &stems {
            // `x.integrity` is the integrity file of x, or the result of an id that ends like this.
            let of = stem
                .strip_suffix(".integrity")
                .filter(|_| folder == "results" && !stems.contains(&*format!("{stem}.integrity")));
            let id = of.unwrap_or(stem);
            ids.extend(Some(id).filter(|id| decide::id_is_sound(id)).map(str::to_owned));
        }
    }
    Ok(ids)
}

/// Re-checks the four files of one outcome.
fn check(host: &Host, root: &Root, id: &str, differences: &mut Vec<String>) {
    let integrity: Integrity = match read(host, &root.integrity(id))
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|err| err.to_string()))
    {
        Ok(integrity) => integrity,
        Err(why) => {
            differences.push(format!("{id}: results/{id}.integrity.json: {why}"));
            return;
        }
    };
    if integrity.id != id {
        differences.push(format!("{id}: its integrity file is about {}", integrity.id));
    }
    for (path, want) in [
        (root.archived(id), &integrity.input_sha256),
        (root.result(id), &integrity.result_sha256),
        (root.diff(id), &integrity.diff_sha256),
    ] {
        let shown = path.strip_prefix(root.path()).unwrap_or(&path).display().to_string();
        match read(host, &path) {
            Err(why) => differences.push(format!("{id}: {shown}: {why}")),
            Ok(bytes) => {
                let found = hex(&Sha256::digest(&bytes));
                if found != *want {
                    differences.push(format!("{id}: {shown}: sha256 is {found}, was {want}"));
                }
            }
        }
    }
}

fn read(host: &Host, path: &Path) -> Result<Vec<u8>, String> {
    host.read_plain(path, LARGEST).map(|it| it.1).map_err(|err| err.to_string())
}

/// Re-checks every segment of the audit log, oldest first; returns its entries and the last hash.
fn log(
    host: &Host,
    root: &Root,
    differences: &mut Vec<String>,
) -> Result<(Vec<Entry>, String), Failure> {
    let mut prev = GENESIS.to_owned();
    let mut entries = Vec::new();
    for name in segments(host, root)? {
        let text = read(host, &root.logs().join(&name));
        let text = text.and_then(|it| String::from_utf8(it).map_err(|err| err.to_string()));
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                differences.push(format!("logs/{name}: {why}"));
                break;
            }
        };
        match audit::check(&text, &prev) {
            Ok((found, hash)) => {
                entries.extend(found);
                prev = hash;
            }
            Err(broken) => {
                differences.push(format!("logs/{name}, {broken}"));
                break;
            }
        }
    }
    Ok((entries, prev))
}

fn segments(host: &Host, root: &Root) -> Result<Vec<String>, Failure> {
    let folder = root.logs();
    let names =
        host.names(&folder).or_fail(Exit::Unavailable, format!("list {}", folder.display()))?;
    let mut names: Vec<String> = names
        .iter()
        .filter_map(|name| name.to_str())
        .filter(|name| segment_number(OsStr::new(name)).is_some())
        .map(str::to_owned)
        .collect();
    names.sort();
    if host.look(&root.log()).is_ok_and(|it| it.is_some()) {
        names.push("bridge.log".to_owned());
    }
    Ok(names)
}

/// Compares the end of the log with what the ledger knows, if it is at hand: a chain alone does not
/// show that its last lines were cut off.
fn tail(
    context: &Context,
    root: &Root,
    last: &str,
    differences: &mut Vec<String>,
) -> Result<(), Failure> {
    let Some(ledger) = Ledger::look(&context.host, &state_folder(&context.home, root))? else {
        return Ok(());
    };
    if !ledger.open_promises()?.is_empty() {
        context
            .say("an executor is at work or was interrupted: the end of the log is not compared");
        return Ok(());
    }
    let Some(Tail { hash, .. }) = ledger.tail()? else { return Ok(()) };
    if last != hash {
        differences.push(format!("logs/bridge.log: its last line is not the one with hash {hash}"));
    }
    Ok(())
}
