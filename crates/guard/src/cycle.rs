//! One cycle: look, decide, perhaps fix and look again, write it down, tell.

use std::path::PathBuf;

use doctor::Status;
use ops_core::alert::{Alert, Kind, Severity};
use ops_core::cli::Context;
use ops_core::time;

use crate::act::{Desk, Fixed};
use crate::decide::{Action, Look, Situation, Why, decide};
use crate::documents::Cycle;
use crate::line::Line;
use crate::memory::{self, Memory};
use crate::policy::Policy;

/// What tells of fixes that did not work.
const REMEDIATION: &str = "guard.remediation";

/// The two things a cycle does to the machine. Tests give their own.
pub(crate) struct Powers<'a> {
    pub(crate) look: Box<dyn FnMut() -> Situation + 'a>,
    pub(crate) fix: Box<dyn FnMut() -> Fixed + 'a>,
}

/// How a cycle ended, and why.
#[derive(Debug)]
struct Event {
    name: &'static str,
    reason: String,
}

impl Event {
    fn new(name: &'static str, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into() }
    }
}

/// Runs a cycle. Whoever calls holds guard's lock.
pub(crate) fn run(context: &Context, policy: &Policy, log: PathBuf, mut powers: Powers) -> Cycle {
    let host = &context.host;
    let (started_at, begun) = (time::rfc3339(host.now()), host.ticks());
    let mut desk = Desk::new(context, log);
    let loaded = memory::load(host, &context.home);
    let unread = loaded.as_ref().err().cloned();
    let mut memory = loaded.unwrap_or_default();
    if memory.wake(policy, host.now()) {
        cut_off(&mut desk, &mut memory);
    }

    let mut seen = (powers.look)();
    let mut action = ask(&seen, &memory, unread.as_deref(), policy, Look::First, context);
    if action == Action::LookAgain {
        host.pause(policy.second_look());
        seen = (powers.look)();
        action = ask(&seen, &memory, unread.as_deref(), policy, Look::Second, context);
    }
    let mut event = match action {
        Action::Pass => Event::new("pass", ""),
        // After a second look nothing is left to look at again.
        Action::Alert | Action::LookAgain => Event::new("fail", ""),
        Action::Refuse(why) => refused(&mut desk, &mut memory, &seen, &why),
        Action::Fix => fix(&mut desk, &mut memory, policy, &mut powers, &mut seen),
    };
    let duration_ms =
        u64::try_from(host.ticks().saturating_sub(begun).as_millis()).unwrap_or(u64::MAX);
    desk.write(&line(context, &event, &seen, &memory, duration_ms));
    if event.name == "remediated" && !seen.passes() {
        event = Event::new("fail", "sshd is mended, other checks are not");
        desk.write(&line(context, &event, &seen, &memory, duration_ms));
    }
    tell(&mut desk, &mut memory, &seen);
    memory.cycle_ends(event.name, seen.passes(), seen.sshd_public, host.now());
    if unread.is_none() {
        let saved = memory::save(host, &context.home, &memory);
        desk.keep(saved);
    }
    let ids = |status| {
        let troubles = seen.troubles.iter().filter(move |it| it.status == status);
        troubles.map(|it| it.id.clone()).collect()
    };
    Cycle {
        schema: "aiops.guard/1".into(),
        host: seen.host.clone(),
        started_at,
        duration_ms,
        event: event.name.into(),
        reason: context.clean(&event.reason),
        passes: seen.passes(),
        failing: ids(Status::Fail),
        unknown: ids(Status::Unknown),
        log: desk.lines,
        is_kept: desk.is_kept,
    }
}

fn ask(
    seen: &Situation,
    memory: &Memory,
    unread: Option<&str>,
    policy: &Policy,
    look: Look,
    context: &Context,
) -> Action {
    decide(seen, unread.map_or(Ok(memory), Err), policy, look, context.host.now())
}

fn refused(desk: &mut Desk, memory: &mut Memory, seen: &Situation, why: &Why) -> Event {
    let reason = why.to_string();
    if seen.sshd_public {
        let title = format!("{}: sshd is in the open, and guard does not touch it", seen.host);
        remember(desk, memory, &alert(REMEDIATION, Severity::High, title, &reason));
    }
    Event::new("refused", reason)
}

/// Runs the fix. That it begins is on disk before it does: a crash in it counts as a failure.
fn fix(
    desk: &mut Desk,
    memory: &mut Memory,
    policy: &Policy,
    powers: &mut Powers,
    seen: &mut Situation,
) -> Event {
    let (host, home) = (&desk.context.host, &desk.context.home);
    let before = memory.clone();
    memory.fix_begins(host.now());
    if let Err(failure) = memory::save(host, home, memory) {
        *memory = before;
        let reason = format!("what is about to be done cannot be written down: {failure}");
        desk.keep::<()>(Err(failure));
        return Event::new("refused", reason);
    }
    let fixed = (powers.fix)();
    *seen = (powers.look)();
    let host_name = &seen.host;
    let event = match fixed {
        Fixed::Done if is_mended(seen) => {
            memory.fix_worked();
            let title = format!("{host_name}: sshd was in the open; guard closed it");
            let text = "It listens on the tailnet address only.";
            desk.alert(&alert("guard.remediated", Severity::High, title, text));
            Event::new("remediated", "")
        }
        Fixed::Refused(why) => {
            memory.fix_was_refused();
            let title = format!("{host_name}: sshd is in the open, and heal does not touch it");
            remember(desk, memory, &alert(REMEDIATION, Severity::High, title, &why));
            Event::new("refused", why)
        }
        Fixed::Done | Fixed::Failed(_) => {
            memory.fix_failed(policy, host.now());
            let why = match fixed {
                Fixed::Failed(why) => why,
                _ => "heal says that it is done, and the port audit does not".to_owned(),
            };
            emergency(desk, memory, host_name, &why);
            Event::new("remediation_failed", why)
        }
    };
    let saved = memory::save(&desk.context.host, &desk.context.home, memory);
    desk.keep(saved);
    event
}

/// Whether a look shows that sshd is closed, rather than not showing that it is open.
fn is_mended(after: &Situation) -> bool {
    let audited = !after.troubles.iter().any(|it| it.id == "ports" && it.status == Status::Unknown);
    !after.sshd_public && audited
}

/// The last fix never came to its end: told once, as the failure it is.
fn cut_off(desk: &mut Desk, memory: &mut Memory) {
    let context = desk.context;
    let reason = "the fix before was cut off";
    let now = time::rfc3339(context.host.now());
    desk.write(&Line::new(&now, "remediation_failed").with("reason", reason));
    emergency(desk, memory, &context.host.name(), reason);
    let saved = memory::save(&context.host, &context.home, memory);
    desk.keep(saved);
}

fn emergency(desk: &mut Desk, memory: &mut Memory, host: &str, why: &str) {
    let mut text = format!("{why}\nWhat to do: run `heal ssh --plan` and look at the unit's log.");
    if memory.latched_at.is_some() {
        text.push_str(" guard has given up: `guard reset` lets it try again.");
    }
    let title = format!("{host}: closing sshd failed");
    remember(desk, memory, &alert(REMEDIATION, Severity::Emergency, title, &text));
}

/// Tells every trouble, and once each what is over. notify holds back what was told before.
fn tell(desk: &mut Desk, memory: &mut Memory, seen: &Situation) {
    for trouble in &seen.troubles {
        let unknown = trouble.status == Status::Unknown;
        let severity = if unknown { Severity::Warn } else { Severity::High };
        let title = format!("{}: {} {}", seen.host, trouble.id, trouble.status.name());
        let remedy = &trouble.remedy;
        let todo =
            if remedy.is_empty() { String::new() } else { format!("\nWhat to do: {remedy}") };
        let text = format!("{}{todo}", trouble.summary);
        remember(desk, memory, &alert(&format!("doctor.{}", trouble.id), severity, title, &text));
    }
    let is_fine = |id: &str| seen.fine.iter().any(|it| it == id);
    let over = |told: &String| match told.strip_prefix("doctor.") {
        Some(id) => is_fine(id) || (id == "doctor" && !seen.fine.is_empty()),
        None => told == REMEDIATION && is_fine("ports"),
    };
    for told in memory.told.clone().into_iter().filter(over) {
        let what = told.trim_start_matches("doctor.");
        let title = format!("{}: {what} is fine again", seen.host);
        let recovery = Alert { kind: Kind::Recovery, ..alert(&told, Severity::Info, title, "") };
        if desk.alert(&recovery) {
            memory.told.remove(&told);
        }
    }
}

/// Alerts, and remembers that a recovery is to be told.
fn remember(desk: &mut Desk, memory: &mut Memory, alert: &Alert) {
    if desk.alert(alert) {
        memory.told.extend(alert.check.clone());
    }
}

fn alert(check: &str, severity: Severity, title: String, text: &str) -> Alert {
    Alert {
        title,
        message: text.to_owned(),
        check: Some(check.to_owned()),
        severity,
        kind: Kind::Event,
        channel: None,
    }
}

fn line(
    context: &Context,
    event: &Event,
    seen: &Situation,
    memory: &Memory,
    duration_ms: u64,
) -> Line {
    let now = context.host.now();
    let since = memory.failing_since.filter(|_| !seen.passes()).map_or(String::new(), String::from);
    Line::new(&time::rfc3339(now), event.name)
        .with("checks", &seen.ids(Status::Fail))
        .with("unknown", &seen.ids(Status::Unknown))
        .with("sshd_public", if seen.sshd_public { "yes" } else { "" })
        .with("since", &since)
        .with("reason", &event.reason)
        .with("duration_ms", &duration_ms.to_string())
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;
