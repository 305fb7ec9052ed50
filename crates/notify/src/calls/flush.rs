//! `flush`: deliver what is queued and due.

use ops_core::failure::Failure;

use super::Bench;
use crate::documents::Flushed;
use crate::flush::{Done, Left, Scope, flush as run};

/// Delivers what is queued and due; exit 75 when another flush does.
pub(super) fn flush(bench: &Bench<'_>) -> Result<Flushed, Failure> {
    let lines = bench.lines(true)?;
    let mut call = bench.client()?;
    let stop = bench.stop()?;
    match run(bench.context, bench.settings, &lines, Scope::All, &mut call, &stop)? {
        Ok(done) => Ok(flushed(&done)),
        Err(busy) => Err(busy.failure("notify flush")),
    }
}

fn flushed(done: &Done) -> Flushed {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    // What is worst decides: a channel that fails is news, one that is merely paced is not.
    let worst = [
        Left::NoChannel,
        Left::NoSecret,
        Left::Failing,
        Left::Stopped,
        Left::Paced,
        Left::Flapping,
    ]
    .into_iter()
    .find_map(|kind| done.left.values().find(|(left, _)| *left == kind));
    Flushed {
        schema: "aiops.notify.flushed/1".into(),
        taken: count(done.taken),
        delivered: count(done.delivered),
        expired: count(done.expired),
        failed: count(done.failed),
        ambiguous: count(done.ambiguous),
        queued: count(done.left.len()),
        why: worst.map(|it| it.1.clone()).unwrap_or_default(),
        troubles: done.troubles.clone(),
        left: worst.map(|it| it.0),
    }
}
