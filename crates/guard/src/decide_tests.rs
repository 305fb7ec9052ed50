//! The decision table, row by row.

use std::net::Ipv4Addr;

use ops_core::time;

use super::*;
use crate::memory::Moment;

fn policy() -> Policy {
    Policy {
        second_look_seconds: 0,
        confirmed_for_minutes: 30,
        fixes_per_hour: 3,
        failed_fixes_latch: 2,
        fix_seconds: 30,
    }
}

fn now() -> Timestamp {
    time::parse("2026-11-21T12:00:00Z").unwrap()
}

fn minutes_ago(minutes: i64) -> Moment {
    Moment(now() - time::SignedDuration::from_mins(minutes))
}

fn up() -> Tailnet {
    Tailnet::Up(Ipv4Addr::new(100, 64, 0, 1))
}

fn down() -> Tailnet {
    Tailnet::Down("its state is Stopped".into())
}

fn seen(tailnet: Tailnet, sshd_public: bool, failing: &[&str]) -> Situation {
    let trouble = |id: &&str| Trouble {
        id: (*id).into(),
        status: Status::Fail,
        summary: String::new(),
        remedy: String::new(),
    };
    Situation {
        host: "example".into(),
        troubles: failing.iter().map(trouble).collect(),
        fine: vec![],
        sshd_public,
        tailnet,
    }
}

fn decided(seen: &Situation, memory: &Memory, look: Look) -> Action {
    decide(seen, Ok(memory), &policy(), look, now())
}

fn refused(action: Action) -> String {
    match action {
        Action::Refuse(why) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_that_passes_is_left_alone_whatever_was_before() {
    let memory = Memory { latched_at: Some(minutes_ago(5)), ..Memory::default() };
    for tailnet in [up(), down(), Tailnet::Unknown("x".into()), Tailnet::Userspace] {
        assert_eq!(decided(&seen(tailnet, false, &[]), &memory, Look::First), Action::Pass);
    }
}

#[test]
fn tailscale_up_and_sshd_public_is_fixed_once_it_is_confirmed_whatever_else_fails() {
    for failing in [&["ports"][..], &["ports", "disk"]] {
        let seen = seen(up(), true, failing);
        let memory = Memory::default();
        assert_eq!(decided(&seen, &memory, Look::First), Action::LookAgain);
        assert_eq!(decided(&seen, &memory, Look::Second), Action::Fix);
        let before = Memory { public_at: Some(minutes_ago(10)), ..Memory::default() };
        assert_eq!(decided(&seen, &before, Look::First), Action::Fix);
    }
}

#[test]
fn a_cycle_of_long_ago_or_of_the_future_confirms_nothing() {
    for (minutes, want) in
        [(0, Action::Fix), (30, Action::Fix), (31, Action::LookAgain), (-1, Action::LookAgain)]
    {
        let before = Memory { public_at: Some(minutes_ago(minutes)), ..Memory::default() };
        let seen = seen(up(), true, &["ports"]);
        assert_eq!(decided(&seen, &before, Look::First), want, "{minutes}");
    }
}

#[test]
fn tailscale_up_and_sshd_private_is_told_and_nothing_is_touched() {
    let before = Memory { public_at: Some(minutes_ago(10)), ..Memory::default() };
    for look in [Look::First, Look::Second] {
        assert_eq!(decided(&seen(up(), false, &["disk"]), &before, look), Action::Alert);
        assert_eq!(decided(&seen(up(), false, &["ports"]), &before, look), Action::Alert);
    }
}

#[test]
fn tailscale_down_unknown_or_in_userspace_refuses_everything() {
    let before = Memory { public_at: Some(minutes_ago(10)), ..Memory::default() };
    for (tailnet, why) in [
        (down(), "tailscale down: its state is Stopped"),
        (Tailnet::Unknown("timeout".into()), "tailscale unknown: timeout"),
        (Tailnet::Userspace, "tailscale runs in userspace networking"),
    ] {
        for (public, failing) in [(true, "ports"), (false, "tailscale")] {
            for look in [Look::First, Look::Second] {
                let action = decided(&seen(tailnet.clone(), public, &[failing]), &before, look);
                assert_eq!(refused(action), why);
            }
        }
    }
}

#[test]
fn the_budget_of_an_hour_is_kept_also_when_the_clock_was_set_back() {
    let seen = seen(up(), true, &["ports"]);
    let with = |minutes: &[i64]| Memory {
        fixes: minutes.iter().map(|it| minutes_ago(*it)).collect(),
        ..Memory::default()
    };
    assert_eq!(decided(&seen, &with(&[59, 30]), Look::Second), Action::Fix);
    assert_eq!(decided(&seen, &with(&[60, 59, 30]), Look::Second), Action::Fix);
    let full = refused(decided(&seen, &with(&[59, 30, 1]), Look::Second));
    assert_eq!(full, "3 fixes within an hour; something undoes them");
    refused(decided(&seen, &with(&[-600, -600, -600]), Look::Second));
    let never = Policy { fixes_per_hour: 0, ..policy() };
    let action = decide(&seen, Ok(&Memory::default()), &never, Look::Second, now());
    assert_eq!(action, Action::Refuse(Why::Budget(0)));
}

#[test]
fn after_failed_fixes_guard_latches_and_only_alerts() {
    let seen = seen(up(), true, &["ports"]);
    let mut memory = Memory::default();
    for attempt in 0..2 {
        assert_eq!(decided(&seen, &memory, Look::Second), Action::Fix, "{attempt}");
        memory.fix_begins(now());
        memory.fix_failed(&policy(), now());
    }
    // Not even a second look: nothing would come of it.
    for look in [Look::First, Look::Second] {
        assert_eq!(decided(&seen, &memory, look), Action::Refuse(Why::Latched(2)));
    }
}

#[test]
fn a_memory_that_cannot_be_read_forbids_the_fix_and_nothing_else() {
    let unread = |seen: &Situation| decide(seen, Err("broken"), &policy(), Look::Second, now());
    assert!(refused(unread(&seen(up(), true, &["ports"]))).contains("broken"));
    assert_eq!(unread(&seen(up(), false, &["disk"])), Action::Alert);
    assert_eq!(unread(&seen(up(), false, &[])), Action::Pass);
}

fn check(id: &str, status: Status) -> doctor::Check {
    doctor::Check {
        id: id.into(),
        title: String::new(),
        status,
        summary: String::new(),
        details: vec![],
        remediation: String::new(),
        waived_by: vec![],
        duration_ms: 0,
    }
}

fn situation(checks: Vec<doctor::Check>, flags: &[&str]) -> Situation {
    let flags = flags.iter().map(|it| (*it).to_owned()).collect();
    let report = Report::new("example".into(), String::new(), 0, flags, checks);
    Situation::of(&report, &Facts::nothing("example", "2026-11-21T12:00:00Z"))
}

#[test]
fn what_a_report_comes_to() {
    let flag = &["SSHD_PUBLIC"][..];
    let failing = situation(vec![check("ports", Status::Fail), check("disk", Status::Pass)], flag);
    assert!(failing.sshd_public);
    assert_eq!(failing.ids(Status::Fail), "ports");
    assert_eq!(failing.fine, ["disk"]);
    assert_eq!(failing.tailnet, Tailnet::Unknown("it was not looked at".into()));
    // A waiver, and an audit that could not be carried out, leave nothing to act on.
    let waived = situation(vec![check("ports", Status::Warn)], flag);
    assert!(!waived.sshd_public && waived.passes());
    assert!(!situation(vec![check("ports", Status::Unknown)], flag).sshd_public);
    assert!(!situation(vec![check("disk", Status::Unknown)], &[]).passes());
    // Nothing judged at all is no pass.
    assert!(!situation(vec![], &[]).passes());
    assert!(!situation(vec![check("disk", Status::Skip)], &[]).passes());
}
