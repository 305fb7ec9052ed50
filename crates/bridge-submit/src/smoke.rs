//! Four questions whose answers are known: does an executor run, and does it say no?

use std::time::Duration;

use bridge::command::{Command, Constraints};
use bridge::reason::Reason;
use bridge::settings::{Capability, Settings};
use canonical_json::Value;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use ops_core::time::{self, SignedDuration, Timestamp};

use crate::act;
use crate::args::Args;
use crate::decide::{self, Change, Terms};
use crate::documents::{Smoke, SmokeCheck};
use crate::observe::{self, Before, Seen};
use crate::sign::Signer;
use crate::wish::nonce;

/// No smoke test waits longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Seconds that its documents are good for.
const TTL: u32 = 60;

/// One question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Question {
    name: &'static str,
    /// `None`: it is carried out.
    expected: Option<Reason>,
}

const QUESTIONS: [Question; 4] = [
    Question { name: "noop", expected: None },
    Question { name: "bad-signature", expected: Some(Reason::BadHmac) },
    Question { name: "expired", expected: Some(Reason::Expired) },
    Question { name: "escape", expected: Some(Reason::PathEscape) },
];

/// A question that was put, and what there is of its answer.
struct Asked {
    question: Question,
    id: String,
    seen: Seen,
}

/// Drops all four, waits, and judges.
pub(crate) fn run(
    args: &Args,
    context: &Context,
    settings: &Settings,
    signer: &Signer,
) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let root = observe::root(host, &args.root)?;
    let begun = host.ticks();
    let stamp = time::run_id(host.now(), host.random());
    let mut documents = Vec::new();
    for question in QUESTIONS {
        // The file's name is what the dead letter of an unverified document goes by.
        let id = format!("smoke-{}-{stamp}", question.name);
        let command = command(args, question, &id, host.now(), nonce(host), signer, settings);
        documents.push((question, id, document(signer, question, command)?));
    }
    let mut asked = Vec::new();
    for (question, id, bytes) in documents {
        act::drop_document(host, &root, &id, &bytes)?;
        asked.push(Asked { question, id, seen: Seen::Nothing });
    }
    let end = begun + LONGEST.min(args.following.limit());
    loop {
        for one in asked.iter_mut().filter(|one| !one.is_settled()) {
            one.seen = observe::outcome(host, &root, &one.id, &Before::new())?;
        }
        let left = end.saturating_sub(host.ticks());
        if left.is_zero() || asked.iter().all(Asked::is_settled) {
            break;
        }
        host.pause(left.min(act::BETWEEN_LOOKS));
    }
    for one in asked.iter().filter(|one| matches!(one.seen, Seen::Nothing)) {
        // Nobody is to find these questions later; where one cannot be removed, it expires.
        let _left_behind =
            host.remove_file(&root.commands().join(format!("{}.json", one.id))).is_err();
    }
    if asked.iter().all(|one| matches!(one.seen, Seen::Nothing)) {
        let shown = root.path().display();
        return Err(Failure::new(Exit::TryLater, "run the smoke test: no executor answered")
            .hint(format!("`bridge-exec watch --root {shown}` answers; start it first")));
    }
    let taken = host.ticks().saturating_sub(begun);
    Ok(Box::new(judge(&asked, u64::try_from(taken.as_millis()).unwrap_or(u64::MAX))))
}

fn command(
    args: &Args,
    question: Question,
    id: &str,
    now: Timestamp,
    nonce: String,
    signer: &Signer,
    settings: &Settings,
) -> Command {
    let change: Change = match question.expected {
        Some(Reason::PathEscape) => decide::write(&format!("../{id}"), vec![], None, None),
        _ => decide::noop(),
    };
    let issued_at = match question.expected {
        // Longer ago than the widest tolerance for clocks that a policy can have.
        Some(Reason::Expired) => now.checked_sub(SignedDuration::from_hours(2)).unwrap_or(now),
        _ => now,
    };
    let allowed: Capability = change.needs().unwrap_or_else(|| signer.some_capability(settings));
    change.into_command(Terms {
        id: id.to_owned(),
        target: args.wish.target.clone(),
        issued_at,
        ttl_seconds: TTL.min(settings.longest_window_seconds),
        nonce,
        validators: vec![],
        allowed,
        constraints: Constraints {
            max_runtime_ms: LONGEST
                .as_secs()
                .saturating_mul(1000)
                .min(settings.ceilings.max_runtime_ms),
            max_files_changed: 1,
        },
    })
}

/// Signs it, or, for the bad signature, something else.
fn document(signer: &Signer, question: Question, command: Command) -> Result<Vec<u8>, Failure> {
    let covered = signer.body(command.clone());
    let body: Value = match question.expected {
        Some(Reason::BadHmac) => {
            signer.body(Command { nonce: format!("{}-changed", command.nonce), ..command })
        }
        _ => covered.clone(),
    };
    signer.seal(&body, &covered)
}

impl Asked {
    fn is_settled(&self) -> bool {
        matches!(self.seen, Seen::Done(_) | Seen::Refused(_))
    }
}

/// Compares what was expected with what was found.
fn judge(asked: &[Asked], duration_ms: u64) -> Smoke {
    let check = |one: &Asked| {
        let name = |reason: Option<Reason>| reason.map_or("executed", Reason::code).to_owned();
        let (found, detail) = match &one.seen {
            Seen::Nothing => ("no answer".to_owned(), None),
            Seen::Held => ("held".to_owned(), None),
            Seen::Done(_) => (name(None), None),
            Seen::Refused(letter) => (name(Some(letter.reason)), Some(letter.detail.clone())),
        };
        let expected = name(one.question.expected);
        SmokeCheck {
            name: one.question.name.to_owned(),
            id: one.id.clone(),
            ok: found == expected,
            expected,
            found,
            detail,
        }
    };
    let checks: Vec<SmokeCheck> = asked.iter().map(check).collect();
    let ok = !checks.is_empty() && checks.iter().all(|check| check.ok);
    Smoke { schema: "aiops.bridge.smoke/1".into(), ok, duration_ms, checks }
}

#[cfg(test)]
#[path = "smoke_tests.rs"]
mod tests;
