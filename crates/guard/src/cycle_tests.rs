//! Whole cycles with made-up looks and fixes: what is logged, remembered and told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

use doctor::Tailnet;
use ops_core::alert::Spooled;
use ops_core::cli::Common;
use ops_core::failure::Exit;
use ops_core::host::Host;
use ops_core::report::Report as _;
use ops_core::time::SignedDuration;

use super::*;
use crate::decide::Trouble;

struct Machine {
    home: tempfile::TempDir,
    context: Context,
    policy: Policy,
    fixes: RefCell<u32>,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let now = time::parse("2026-11-21T12:00:00Z").unwrap();
        let host = Host::with([("PATH", "/nonexistent")], now);
        let common = Common { home: Some(home.path().into()), quiet: true, ..Common::default() };
        let context = Context::new("guard", host, &common).unwrap();
        let policy = Policy {
            second_look_seconds: 0,
            confirmed_for_minutes: 30,
            fixes_per_hour: 3,
            failed_fixes_latch: 2,
            fix_seconds: 30,
        };
        Self { home, context, policy, fixes: RefCell::new(0) }
    }

    /// One cycle that sees these, one after the other; the last one stays.
    fn cycle(&self, looks: &[Situation], fixed: &Fixed) -> Cycle {
        let mut looks: VecDeque<Situation> = looks.iter().cloned().collect();
        let look = move || {
            if looks.len() > 1 { looks.pop_front().unwrap() } else { looks[0].clone() }
        };
        let fix = || {
            *self.fixes.borrow_mut() += 1;
            fixed.clone()
        };
        let powers = Powers { look: Box::new(look), fix: Box::new(fix) };
        run(&self.context, &self.policy, self.home.path().join("log/guard.log"), powers)
    }

    fn later(&self, minutes: i64) {
        let now = self.context.host.now();
        self.context.host.set_clock(now + SignedDuration::from_mins(minutes));
    }

    fn log(&self) -> Vec<String> {
        let bytes = self.context.host.read(&self.home.path().join("log/guard.log"), 1 << 20);
        String::from_utf8(bytes.unwrap()).unwrap().lines().map(str::to_owned).collect()
    }

    fn events(&self) -> Vec<String> {
        let event = |line: &String| line.split(' ').nth(1).unwrap().replace("event=", "");
        self.log().iter().map(event).collect()
    }

    /// What was told since the last call: check ids, with their severity and kind.
    fn told(&self) -> Vec<String> {
        let folder = ops_core::alert::spool(self.home.path());
        let host = &self.context.host;
        let mut names = host.names(&folder).unwrap_or_default();
        names.sort();
        let told = |name: &std::ffi::OsString| {
            let path = folder.join(name);
            let spooled: Spooled =
                serde_json::from_slice(&host.read(&path, 1 << 20).unwrap()).unwrap();
            host.remove_file(&path).unwrap();
            let Alert { check, severity, kind, .. } = spooled.alert;
            format!("{} {severity:?} {kind:?}", check.unwrap())
        };
        let mut all: Vec<String> = names.iter().map(told).collect();
        all.sort();
        all
    }

    fn memory(&self) -> Memory {
        memory::load(&self.context.host, self.home.path()).unwrap()
    }
}

fn fine() -> Situation {
    Situation {
        host: "example".into(),
        troubles: vec![],
        fine: vec!["ports".into(), "disk".into()],
        sshd_public: false,
        tailnet: Tailnet::Up(Ipv4Addr::new(100, 64, 0, 1)),
    }
}

fn with(ids: &[&str], status: Status) -> Situation {
    let trouble = |id: &&str| Trouble {
        id: (*id).into(),
        status,
        summary: "seen".into(),
        remedy: "mend".into(),
    };
    let fine = fine();
    Situation {
        troubles: ids.iter().map(trouble).collect(),
        fine: fine.fine.iter().filter(|it| !ids.contains(&it.as_str())).cloned().collect(),
        ..fine
    }
}

fn public() -> Situation {
    Situation { sshd_public: true, ..with(&["ports"], Status::Fail) }
}

#[test]
fn a_host_that_passes_is_one_line_and_no_alert() {
    let machine = Machine::new();
    let cycle = machine.cycle(&[fine()], &Fixed::Done);
    assert_eq!(cycle.exit(), Exit::Ok);
    assert_eq!(machine.events(), ["pass"]);
    assert!(machine.told().is_empty());
    assert_eq!(*machine.fixes.borrow(), 0);
}

#[test]
fn sshd_in_the_open_is_closed_after_a_second_look_and_that_is_told() {
    let machine = Machine::new();
    let cycle = machine.cycle(&[public(), public(), fine()], &Fixed::Done);
    assert!(cycle.passes);
    assert_eq!(machine.events(), ["remediated"]);
    assert_eq!(machine.told(), ["guard.remediated High Event"]);
    assert_eq!((machine.memory().fix_begun_at, machine.memory().fixes.len()), (None, 1));
}

#[test]
fn a_second_look_that_sees_nothing_changes_nothing() {
    let machine = Machine::new();
    machine.cycle(&[public(), fine()], &Fixed::Done);
    assert_eq!((machine.events(), *machine.fixes.borrow()), (vec!["pass".to_owned()], 0));
}

#[test]
fn what_the_fix_does_not_mend_is_the_last_entry_and_the_exit_code() {
    let machine = Machine::new();
    let both = Situation { sshd_public: true, ..with(&["ports", "disk"], Status::Fail) };
    let cycle = machine.cycle(&[both.clone(), both, with(&["disk"], Status::Fail)], &Fixed::Done);
    assert_eq!(cycle.exit(), Exit::No);
    assert_eq!(machine.events(), ["remediated", "fail"]);
    assert_eq!(machine.told(), ["doctor.disk High Event", "guard.remediated High Event"]);
}

#[test]
fn a_fix_is_believed_only_when_the_port_audit_agrees() {
    for after in [public(), with(&["ports"], Status::Unknown)] {
        let machine = Machine::new();
        let cycle = machine.cycle(&[public(), public(), after], &Fixed::Done);
        assert_eq!((cycle.event.as_str(), cycle.passes), ("remediation_failed", false));
        assert!(machine.told().contains(&"guard.remediation Emergency Event".to_owned()));
        assert_eq!(machine.memory().failed_fixes, 1);
    }
    let machine = Machine::new();
    let failed = Fixed::Failed("sshd -t".into());
    assert_eq!(machine.cycle(&[public(), public(), fine()], &failed).event, "remediation_failed");
}

#[test]
fn two_failed_fixes_latch_for_good_and_recovery_is_told_once() {
    let machine = Machine::new();
    let failed = Fixed::Failed("sshd -t".into());
    for _ in 0..4 {
        machine.cycle(&[public()], &failed);
        machine.later(120);
    }
    let want = ["remediation_failed", "remediation_failed", "refused", "refused"];
    assert_eq!(machine.events(), want);
    assert_eq!(*machine.fixes.borrow(), 2);
    assert!(machine.log()[2].contains("guard reset"), "{:?}", machine.log());
    machine.told();
    machine.cycle(&[fine()], &failed);
    assert_eq!(machine.told(), ["doctor.ports Info Recovery", "guard.remediation Info Recovery"]);
    machine.cycle(&[fine()], &failed);
    assert!(machine.told().is_empty());
    // A pass does not open the latch: only a person does.
    machine.cycle(&[public()], &Fixed::Done);
    assert_eq!(*machine.fixes.borrow(), 2);
}

#[test]
fn a_fight_with_another_tool_ends_with_the_budget() {
    let machine = Machine::new();
    for _ in 0..5 {
        machine.cycle(&[public(), public(), fine()], &Fixed::Done);
        machine.later(10);
    }
    assert_eq!(*machine.fixes.borrow(), 3);
    assert_eq!(machine.events()[3..], ["refused", "refused"]);
    machine.later(60);
    machine.cycle(&[public(), public(), fine()], &Fixed::Done);
    assert_eq!(*machine.fixes.borrow(), 4);
}

#[test]
fn tailscale_down_touches_nothing_and_says_so() {
    let machine = Machine::new();
    let down = Situation { tailnet: Tailnet::Down("it is Stopped".into()), ..public() };
    let cycle = machine.cycle(&[down], &Fixed::Done);
    assert_eq!(
        (cycle.event.as_str(), cycle.reason.as_str()),
        ("refused", "tailscale down: it is Stopped")
    );
    assert_eq!(*machine.fixes.borrow(), 0);
    assert_eq!(machine.told(), ["doctor.ports High Event", "guard.remediation High Event"]);
}

#[test]
fn a_refusal_by_heal_is_no_failed_fix() {
    let machine = Machine::new();
    for _ in 0..3 {
        let cycle = machine.cycle(&[public()], &Fixed::Refused("no key".into()));
        assert_eq!(cycle.event, "refused");
    }
    assert_eq!((machine.memory().failed_fixes, machine.memory().fixes.len()), (0, 0));
}

#[test]
fn a_fix_that_was_cut_off_is_told_as_failed_before_anything_else() {
    let machine = Machine::new();
    let mut memory = Memory::default();
    memory.fix_begins(machine.context.host.now());
    memory::save(&machine.context.host, machine.home.path(), &memory).unwrap();
    machine.cycle(&[fine()], &Fixed::Done);
    assert_eq!(machine.events(), ["remediation_failed", "pass"]);
    assert!(machine.told().contains(&"guard.remediation Emergency Event".to_owned()));
    machine.cycle(&[fine()], &Fixed::Done);
    assert_eq!(machine.events(), ["remediation_failed", "pass", "pass"]);
}

#[test]
fn a_broken_memory_is_left_as_it_is_and_forbids_the_fix() {
    let machine = Machine::new();
    let path = memory::path(machine.home.path());
    let host = &machine.context.host;
    host.make_dir(path.parent().unwrap(), 0o750).unwrap();
    host.replace_file(&path, b"{", 0o640).unwrap();
    assert_eq!(machine.cycle(&[public()], &Fixed::Done).event, "refused");
    assert_eq!(host.read(&path, 9).unwrap(), b"{");
    assert_eq!(*machine.fixes.borrow(), 0);
}

#[test]
fn a_fix_that_cannot_be_written_down_is_not_begun() {
    let machine = Machine::new();
    let host = &machine.context.host;
    let look = || {
        // From now on, a file is where the folder of the memory should be.
        host.make_dir(&machine.home.path().join("state"), 0o750).unwrap();
        host.replace_file(&machine.home.path().join("state/guard"), b"", 0o640).unwrap();
        public()
    };
    let fix = || panic!("it was begun");
    let powers = Powers { look: Box::new(look), fix: Box::new(fix) };
    let log = machine.home.path().join("log/guard.log");
    let cycle = run(&machine.context, &machine.policy, log, powers);
    assert_eq!(cycle.event, "refused");
    assert!(cycle.reason.contains("cannot be written down"), "{}", cycle.reason);
}

#[test]
fn a_log_that_cannot_be_written_is_never_a_yes() {
    let machine = Machine::new();
    machine.context.host.replace_file(&machine.home.path().join("log"), b"", 0o640).unwrap();
    let cycle = machine.cycle(&[fine()], &Fixed::Done);
    assert_eq!((cycle.passes, cycle.exit()), (true, Exit::Unavailable));
}

#[test]
fn an_unknown_check_is_told_and_never_a_pass() {
    let machine = Machine::new();
    let cycle = machine.cycle(&[with(&["disk"], Status::Unknown)], &Fixed::Done);
    assert_eq!((cycle.event.as_str(), cycle.unknown), ("fail", vec!["disk".to_owned()]));
    assert_eq!(machine.told(), ["doctor.disk Warn Event"]);
    assert!(machine.log()[0].contains("unknown=disk"));
}

#[test]
fn the_clock_of_a_test_is_the_clock_of_the_log() {
    let machine = Machine::new();
    machine.cycle(&[fine()], &Fixed::Done);
    assert!(machine.log()[0].starts_with("ts=2026-11-21T12:00:00.000Z event=pass "));
}
