//! `guard`: its timer is active and plausible, its log is fresh, and its last entry is no failure.

use host_facts::facts::{LogEnd, Timer};
use ops_core::time::{self, Timestamp};

use super::Given;
use crate::finding::Judged;

/// How far a clock may be off between systemd and us, seconds.
const SLACK: i64 = 60;

const MICROSECONDS: i64 = 1_000_000;

pub(super) fn judge(given: &Given) -> Judged {
    let guard = match given.facts.guard.known() {
        Err(why) => return Judged::is_unknown(why),
        Ok(guard) => guard,
    };
    let mut judged = Judged::default();
    match guard.timer.known() {
        Err(why) => judged.unknown("timer", why),
        Ok(timer) => self::timer(timer, given, &mut judged),
    }
    match guard.log.known() {
        Err(why) => judged.unknown("log", why),
        Ok(None) => {
            judged.fail("log", format!("{} has no entry", given.policy.guard.log.display()));
        }
        Ok(Some(end)) => log(end, given, &mut judged),
    }
    judged
}

fn period(given: &Given) -> i64 {
    i64::from(given.policy.guard.period_minutes) * 60
}

fn timer(timer: &Timer, given: &Given, judged: &mut Judged) {
    let unit = &timer.unit;
    if timer.load_state != "loaded" {
        judged.fail("timer", format!("{unit} is {}", timer.load_state));
        return judged.remedy("set it up: `guard install`");
    }
    if timer.active_state != "active" {
        judged.fail("timer", format!("{unit} is {}", timer.active_state));
        return judged.remedy(format!("start it: `systemctl enable --now {unit}`"));
    }
    if !matches!(timer.file_state.as_str(), "enabled" | "enabled-runtime" | "static" | "generated")
    {
        judged.warn("timer", format!("{unit} is {}: it will not start at boot", timer.file_state));
        judged.remedy(format!("enable it: `systemctl enable {unit}`"));
    }
    let now = given.now.as_second();
    let seconds = |us: Option<i64>| us.map(|us| us.div_euclid(MICROSECONDS));
    match seconds(timer.next_us) {
        None => judged.fail("timer", format!("{unit} has no next run")),
        Some(next) if next > now.saturating_add(period(given)).saturating_add(SLACK) => {
            judged.fail("timer", format!("its next run is {}, too far off", shown(next)));
        }
        // systemd leaves the time that has come while the service runs.
        Some(next) if next < now.saturating_sub(period(given)).saturating_sub(SLACK) => {
            judged.fail("timer", format!("its next run was due at {}", shown(next)));
        }
        Some(_) => {}
    }
    match seconds(timer.last_us) {
        // Never since boot: the log tells whether that is long.
        None => judged.notes.push(format!("{unit} has not run yet since it was started")),
        Some(last) if last > now.saturating_add(SLACK) => {
            judged.fail("timer", format!("its last run is in the future: {}", shown(last)));
        }
        Some(last) if last < now.saturating_sub(2 * period(given)) => {
            judged.fail("timer", format!("it last ran at {}", shown(last)));
        }
        Some(_) => {}
    }
}

fn shown(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| format!("second {seconds}"), time::rfc3339_seconds)
}

fn log(end: &LogEnd, given: &Given, judged: &mut Judged) {
    let written = end.ts.as_deref().map(time::parse);
    let Some(Ok(written)) = written else {
        return judged.unknown("log", format!("its last entry has no time: {}", end.line));
    };
    let age = given.now.as_second().saturating_sub(written.as_second());
    if age < -SLACK {
        judged.fail("log", format!("its last entry is in the future: {written}"));
    } else if age > 2 * period(given) {
        judged.fail("log", format!("its last entry is {} minutes old: {written}", age / 60));
    }
    match end.event.as_deref() {
        Some("pass" | "remediated") => {
            let minutes = (age / 60).max(0);
            judged.fine = format!("timer active; last entry {minutes} minutes ago, no failure");
        }
        Some(event @ ("fail" | "remediation_failed" | "refused")) => {
            let (minutes, log) = ((age / 60).max(0), given.policy.guard.log.display());
            let said = format!("its last entry is {event}, {minutes} minutes ago: see {log}");
            judged.fail("log", said);
            judged.remedy("mend what the other checks name; guard passes at its next run");
        }
        _ => judged.unknown("log", format!("its last entry is of no known kind: {}", end.line)),
    }
}
