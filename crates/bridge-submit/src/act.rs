//! Drops documents and waits for what becomes of them.

use std::io;
use std::time::Duration;

use bridge::layout::Root;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::report::Report;

use crate::documents::{Ended, Submitted};
use crate::observe::{self, Before, Seen};

/// How often the outcome is looked for: a few system calls each time.
pub(crate) const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Puts a document into commands/, whole and durable. Exit 1 when the name is taken.
pub(crate) fn drop_document(
    host: &Host,
    root: &Root,
    id: &str,
    bytes: &[u8],
) -> Result<Submitted, Failure> {
    let path = root.commands().join(format!("{id}.json"));
    let doing = format!("drop {}", path.display());
    match host.create_file(&path, bytes, 0o640) {
        Ok(()) => Ok(Submitted::new(id, &path)),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::new(Exit::No, doing).because("a command of that name is waiting there"))
        }
        Err(err) => Err(err).or_fail(Exit::Unavailable, doing),
    }
}

/// Waits for the outcome. Exit 75 when there is none in time.
pub(crate) fn follow(
    context: &Context,
    root: &Root,
    id: &str,
    before: &Before,
    limit: Duration,
) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let end = host.ticks() + limit;
    let mut was_held = false;
    loop {
        match observe::outcome(host, root, id, before)? {
            Seen::Done(outcome) => return Ok(Box::new(Ended::Done(*outcome))),
            Seen::Refused(letter) => {
                return Ok(Box::new(Ended::Refused { id: id.to_owned(), letter: *letter }));
            }
            Seen::Held if !was_held => {
                was_held = true;
                context.say(&format!("{id} is held for a person; still waiting"));
            }
            Seen::Held | Seen::Nothing => {}
        }
        let left = end.saturating_sub(host.ticks());
        if left.is_zero() {
            return Err(unanswered(host, root, id, was_held, limit));
        }
        host.pause(left.min(BETWEEN_LOOKS));
    }
}

/// Why there is no answer: nobody looked, somebody is at it, or a person has to.
fn unanswered(host: &Host, root: &Root, id: &str, held: bool, limit: Duration) -> Failure {
    let failure = Failure::new(Exit::TryLater, format!("tell the outcome of {id}"));
    let seconds = limit.as_secs();
    let inbound = root.commands().join(format!("{id}.json"));
    let shown = root.path().display();
    if held {
        failure
            .because(format!("it is held for a person, and was not approved within {seconds} s"))
            .hint(format!("bridge-exec approve {id}"))
    } else if host.look(&inbound).is_ok_and(|it| it.is_none()) {
        failure
            .because(format!("an executor took it, but did not finish within {seconds} s"))
            .hint(format!("look at `bridge-exec status --root {shown}`"))
    } else {
        failure
            .because(format!(
                "no executor answered within {seconds} s; {} waits there",
                inbound.display()
            ))
            .hint(format!(
                "`bridge-exec watch --root {shown}` answers; `bridge-exec once` does it by hand"
            ))
    }
}
