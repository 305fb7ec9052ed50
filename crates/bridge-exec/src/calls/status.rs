//! `bridge-exec status`: what is waiting, and who is running.

use std::ffi::OsStr;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use ops_core::time::rfc3339;

use crate::args::Args;
use crate::documents::Standing;
use crate::ledger::Ledger;
use crate::open::Surroundings;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let surroundings = Surroundings::new(args, context)?;
    let (host, root) = (&context.host, &surroundings.root);
    let count = |folder: &str| {
        let path = root.path().join(folder);
        let names =
            host.names(&path).or_fail(Exit::Unavailable, format!("list {}", path.display()));
        let is_document = |name: &&std::ffi::OsString| {
            std::path::Path::new(name).extension() == Some(OsStr::new("json"))
        };
        names
            .map(|names| names.iter().filter(is_document).count())
            .map_err(|it| it.hint("`bridge-exec init` lays out a bridge root"))
    };
    let mut standing = Standing {
        schema: "aiops.bridge.status/1".into(),
        root: root.path().display().to_string(),
        state: surroundings.state.display().to_string(),
        executor: host.lock_holder(&surroundings.lock_path()),
        waiting: count("commands")?,
        held: 0,
        retrying: std::collections::BTreeMap::new(),
        unfinished: 0,
        accepted: 0,
        dead_letters: count("dead_letter")?,
        high_water: None,
        notes: vec![],
    };
    let Some(ledger) = Ledger::look(host, &surroundings.state)? else {
        standing.notes.push("no executor ran here yet with this home".into());
        return Ok(Box::new(standing));
    };
    standing.held = ledger.held()?.len();
    standing.unfinished = ledger.open_promises()?.len();
    standing.accepted = ledger.seen_count()?;
    standing.retrying = ledger
        .retries()?
        .into_iter()
        .map(|it| {
            (
                it.id,
                format!("{} attempts, next {}: {}", it.attempts, rfc3339(it.next), it.last_error),
            )
        })
        .collect();
    let high_water = ledger.high_water()?;
    standing.high_water = Some(rfc3339(high_water));
    let ahead = high_water.duration_since(host.now());
    if ahead.as_secs() > 60 {
        standing.notes.push(format!(
            "the clock is {ahead:#} behind the latest time seen here: commands are judged by the later \
             one; if that was the wrong one, run `bridge-exec init --reset-clock`"
        ));
    }
    if standing.unfinished > 0 && standing.executor.is_none() {
        standing
            .notes
            .push("a crash left commands unfinished: the next start finishes them".into());
    }
    Ok(Box::new(standing))
}
