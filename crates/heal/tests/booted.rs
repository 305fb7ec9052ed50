//! The installed system on machines that really boot: systemd, sshd and a tailnet interface. What the
//! fix does step by step is tested in crate `sshd-fix`; here is what runs it.
//!
//! They need root and the packages that `booted` names; elsewhere they say that they are skipped.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene; a scene that fails is a failed test"
)]

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use booted::{
    Answer, Backend, BackendState, Base, Machine, Options, Over, PUBLIC_ADDRESS, Ran, State, Until,
    holds_within,
};
use serde_json::Value;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(100, 101, 102, 103);
const HOME: &str = "/var/lib/ai-ops-runner";
const LOG: &str = "/var/log/ai-ops-runner/guard.log";
const PROGRAMS: [&str; 4] = ["doctor", "guard", "heal", "notify"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What ops/install.sh needs, as one archive: the checkout's files, and what is built beside heal.
fn kit() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_heal")).parent().unwrap();
    fs::create_dir(dir.path().join("bin")).unwrap();
    for name in PROGRAMS {
        let to = dir.path().join("bin").join(name);
        let copied = fs::copy(built.join(name), &to);
        copied.unwrap_or_else(|err| panic!("{name}: {err}: run `cargo build --workspace` first"));
        // Line numbers are no use there and would fill its memory. Without strip it takes longer.
        let _whole = Command::new("strip").arg(&to).status().is_err();
    }
    let archive = dir.path().join("kit.tar");
    let packed = Command::new("tar")
        .arg("--create")
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(top())
        .args(["ops/install.sh", "ops/smoke.sh", "ops/systemd", "ops/logrotate", "configs", "docs"])
        .arg("--directory")
        .arg(dir.path())
        .arg("bin")
        .status();
    assert!(packed.unwrap().success());
    fs::read(archive).unwrap()
}

/// A machine with the tailnet up and everything installed; no timer runs yet.
#[track_caller]
fn installed(base: &Base) -> Machine {
    let machine = Machine::boot(base, Options::default());
    machine.tailnet_up_after(0, ADDRESS);
    machine.tailnet_up(ADDRESS);
    machine.put("/root/kit.tar", kit(), 0o600);
    let script = "mkdir /root/kit && cd /root/kit && tar -xf ../kit.tar && rm ../kit.tar &&
        ops/install.sh --from bin --no-start && rm -r bin";
    drop(machine.call(["sh", "-c", script]).within(Duration::from_mins(2)).run().expect(0));
    // Only what such a machine has is judged; how full the host's disk is, is not the matter here.
    let policy = fs::read_to_string(top().join("configs/doctor.yaml")).unwrap();
    let policy = policy
        .replace(
            "not_installed: []",
            "not_installed: [compose, api, docker_ports, keys, console, disk]",
        )
        .replace("key_expiry_days: 14", "key_expiry_days: 1");
    machine.put("/etc/ai-ops-runner/configs/doctor.yaml", policy, 0o644);
    machine
}

/// Starts guard's timer, every few seconds instead of minutes.
#[track_caller]
fn start_guard(machine: &Machine) {
    let timer = "[Timer]\nOnBootSec=\nOnBootSec=1s\nOnUnitActiveSec=3s\nAccuracySec=100ms\n";
    machine.put("/etc/systemd/system/aiops-guard.timer.d/fast.conf", timer, 0o644);
    let script = "systemctl daemon-reload && systemctl enable --now aiops-guard.timer";
    drop(machine.run(["sh", "-c", script]).expect(0));
}

#[track_caller]
fn run(machine: &Machine, args: &[&str]) -> Ran {
    machine.call(args.iter().copied()).within(Duration::from_mins(2)).run()
}

fn log(machine: &Machine) -> String {
    String::from_utf8(machine.read(LOG).unwrap_or_default()).unwrap()
}

/// Waits until the log tells of an event.
#[track_caller]
fn logged(machine: &Machine, event: &str) {
    let event = format!("event={event} ");
    let came = holds_within(Duration::from_mins(2), || log(machine).contains(&event));
    assert!(came, "no {event}\n{}\n{}", log(machine), machine.journal("aiops-guard"));
}

#[track_caller]
fn is_private(machine: &Machine) -> bool {
    let over_tailnet = machine.ssh(Over::Tailnet, "true").is_ok();
    over_tailnet && machine.knock(PUBLIC_ADDRESS.parse().unwrap(), 22) == Answer::Refused
}

#[track_caller]
fn answers_publicly(machine: &Machine) -> bool {
    machine.ssh(Over::Public, "true").is_ok()
}

/// The folders of evidence, each of which must be whole.
#[track_caller]
fn evidence(machine: &Machine) -> Vec<String> {
    let folder = format!("{HOME}/artifacts/evidence");
    let script = format!("ls -d {folder}/* 2>/dev/null || true");
    let all = run(machine, &["sh", "-c", &script]).expect(0).stdout;
    let all: Vec<String> = all.lines().map(str::to_owned).collect();
    for folder in &all {
        drop(run(machine, &["heal", "verify-evidence", folder]).expect(0));
        let check = format!("cd {folder} && sha256sum --check --strict --quiet SHA256SUMS");
        drop(run(machine, &["sh", "-c", &check]).expect(0));
    }
    all
}

#[test]
fn guards_timer_fires_by_itself_closes_sshd_and_writes_its_log() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    assert!(answers_publicly(&machine));
    start_guard(&machine);
    logged(&machine, "remediated");
    assert!(is_private(&machine), "{}", log(&machine));
    // The next cycles find nothing to do.
    logged(&machine, "pass");
    let lines = log(&machine);
    assert_eq!(lines.matches("event=remediated").count(), 1, "{lines}");
    assert!(!lines.contains("failed") && !lines.contains("refused"), "{lines}");
    drop(run(&machine, &["systemctl", "stop", "aiops-guard.timer"]).expect(0));
    assert_eq!(evidence(&machine).len(), 1);
    let told = format!("grep -l guard.remediated -r {HOME}/state/alerts/");
    drop(run(&machine, &["sh", "-c", &told]).expect(0));
    // doctor, without root, and the smoke test pass on what is left, in their own units.
    drop(run(&machine, &["systemctl", "start", "aiops-guard.timer"]).expect(0));
    for unit in ["aiops-doctor", "aiops-smoke"] {
        let started = run(&machine, &["systemctl", "start", unit]);
        assert_eq!(started.code, 0, "{unit}: {}", machine.journal(unit));
    }
    let reports = format!("cat {HOME}/artifacts/doctor/*/doctor.json | head -c 1000000");
    let report = run(&machine, &["sh", "-c", &reports]).expect(0).stdout;
    assert!(report.contains("aiops.doctor/1"), "{}", machine.journal("aiops-doctor"));
    let status: Value = run(&machine, &["guard", "status", "--json"]).json();
    assert_eq!(status["memory"]["failed_fixes"], 0, "{status}");
}

#[test]
fn with_tailscale_down_guard_touches_nothing_and_says_so() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    machine.tailscale(&State::says(BackendState::Stopped));
    let listed = "find /etc/ssh /etc/systemd -printf '%p %y %m %T@ %s\\n' | sort";
    let before = run(&machine, &["sh", "-c", listed]).expect(0).stdout;
    for _ in 0..2 {
        let cycle = run(&machine, &["guard", "run", "--json"]).expect(1).json();
        assert_eq!(cycle["event"], "refused", "{cycle}");
        assert!(cycle["reason"].as_str().unwrap().starts_with("tailscale down"), "{cycle}");
    }
    let healed = run(&machine, &["heal", "--json"]).expect(1).json();
    assert_eq!(healed["outcome"], "refused", "{healed}");
    assert_eq!(run(&machine, &["sh", "-c", listed]).expect(0).stdout, before);
    assert!(answers_publicly(&machine));
    assert_eq!(evidence(&machine).len(), 1);
    // It comes up, and the next cycle acts at once: two looks at sshd in the open are there.
    machine.tailscale(&State { backend_state: Backend::Follows, ..State::default() });
    machine.tailnet_up(ADDRESS);
    let cycle = run(&machine, &["guard", "run", "--json"]).json();
    assert_eq!(
        cycle["log"][0].as_str().map(|it| it.contains("event=remediated")),
        Some(true),
        "{cycle}"
    );
    assert!(is_private(&machine));
}

#[test]
fn a_fix_that_fails_is_undone_latches_after_two_and_works_after_a_reset() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    let broken = "/etc/ssh/sshd_config.d/10-broken.conf";
    machine.put(broken, "NoSuchKeyword yes\n", 0o644);
    for want in ["remediation_failed", "remediation_failed", "refused"] {
        let cycle = run(&machine, &["guard", "run", "--json"]).expect(1).json();
        assert_eq!(cycle["event"], want, "{cycle}");
        assert!(answers_publicly(&machine));
    }
    assert!(log(&machine).contains("NoSuchKeyword"), "{}", log(&machine));
    assert_eq!(evidence(&machine).len(), 2);
    drop(run(&machine, &["rm", broken]).expect(0));
    assert_eq!(run(&machine, &["guard", "run", "--json"]).expect(1).json()["event"], "refused");
    drop(run(&machine, &["guard", "reset"]).expect(0));
    drop(run(&machine, &["guard", "run"]).expect(0));
    assert!(is_private(&machine));
}

#[test]
fn heal_fixes_verifies_and_leaves_evidence_and_has_nothing_to_do_then() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    // guard's own check would want its timer.
    let off =
        "sed -i 's/console, disk/console, disk, guard/' /etc/ai-ops-runner/configs/doctor.yaml";
    drop(run(&machine, &["sh", "-c", off]).expect(0));
    let plan = run(&machine, &["heal", "ssh", "--plan"]).expect(0).stdout;
    assert!(plan.contains("+ListenAddress 100.101.102.103"), "{plan}");
    assert!(evidence(&machine).is_empty() && answers_publicly(&machine));
    let checked = run(&machine, &["heal", "--check-only", "--json"]).expect(1).json();
    assert_eq!(checked["outcome"], "checked");
    assert!(answers_publicly(&machine));
    let healed = run(&machine, &["heal", "--json"]).expect(0).json();
    assert_eq!(
        (&healed["outcome"], &healed["after"]),
        (&"fixed".into(), &"pass".into()),
        "{healed}"
    );
    assert!(is_private(&machine));
    let again = run(&machine, &["heal", "--json"]).expect(0).json();
    assert_eq!(again["outcome"], "not_needed", "{again}");
    let named = run(&machine, &["heal", "ssh", "--json"]).expect(0).json();
    assert_eq!(named["outcome"], "unchanged", "{named}");
    let all = evidence(&machine);
    assert_eq!(all.len(), 4);
    let folder = &all[1];
    for (file, want) in [
        ("facts.before.json", "aiops.facts/1"),
        ("doctor.before.json", "SSHD_PUBLIC"),
        ("doctor.json", "aiops.doctor/1"),
        ("listeners.txt", "tcp 100.101.102.103:22"),
        ("sshd_config/effective.txt", "listenaddress 100.101.102.103:22"),
        ("sshd_config/files/etc/ssh/sshd_config.d/99-tailscale-only.conf", "AddressFamily inet"),
        ("actions.jsonl", "systemctl restart ssh.service"),
        ("guard_status.json", "aiops.guard_status/1"),
    ] {
        let bytes = machine.read(&format!("{folder}/{file}"));
        let text = String::from_utf8(bytes.unwrap_or_default()).unwrap();
        assert!(text.contains(want), "{file}: {text}");
    }
    let recorded = format!("{folder}/facts.json");
    drop(run(&machine, &["doctor", "host", "--facts", &recorded]).expect(0));
}

#[test]
fn what_is_not_confirmed_is_undone_and_what_is_stays() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    let fixed = run(&machine, &["heal", "ssh", "--confirm", "10", "--json"]).expect(0).json();
    assert_eq!(fixed["outcome"], "awaiting_confirmation", "{fixed}");
    let undone = holds_within(Duration::from_mins(1), || answers_publicly(&machine));
    assert!(undone, "{}", machine.journal("aiops-sshd-unconfirmed"));
    // sshd answers before the way back has verified itself, and until then it holds the lock.
    let nothing = || run(&machine, &["heal", "confirm", "--json"]);
    let ended = holds_within(Duration::from_mins(1), || nothing().code != 75);
    assert!(ended, "{}", machine.journal("aiops-sshd-unconfirmed"));
    assert_eq!(nothing().expect(1).json()["outcome"], "nothing_pending");
    drop(run(&machine, &["heal", "ssh", "--confirm", "600"]).expect(0));
    let confirmed = machine.ssh(Over::Tailnet, "heal confirm --json").unwrap().expect(0).json();
    assert_eq!(confirmed["outcome"], "confirmed", "{confirmed}");
    assert!(is_private(&machine));
}

#[test]
fn installing_twice_changes_nothing_and_uninstalling_takes_it_all_away() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    // guard sets its own timer up and takes it away again, whoever put the units there.
    for (call, changes, state) in
        [("install", 2, "active"), ("install", 0, "active"), ("uninstall", 5, "inactive")]
    {
        let done = run(&machine, &["guard", call, "--json"]).expect(0).json();
        assert_eq!(done["changes"].as_array().unwrap().len(), changes, "{done}");
        assert_eq!(machine.is_active("aiops-guard.timer"), state);
    }
    machine.put("/root/kit.tar", kit(), 0o600);
    let unpack = "cd /root/kit && tar -xf ../kit.tar && rm ../kit.tar";
    drop(run(&machine, &["sh", "-c", unpack]).expect(0));
    let install = "cd /root/kit && ops/install.sh --from bin";
    let said = run(&machine, &["sh", "-c", install]).expect(0).stdout;
    assert!(said.contains("enable --quiet --now aiops-guard.timer"), "{said}");
    for timer in ["guard", "doctor", "smoke", "notify"] {
        assert_eq!(machine.is_active(&format!("aiops-{timer}.timer")), "active");
    }
    let said = run(&machine, &["sh", "-c", install]).expect(0).stdout;
    assert!(said.ends_with("nothing to do\n"), "{said}");
    let owners = "stat -c '%U:%G %a' /var/lib/ai-ops-runner/artifacts/runs /var/log/ai-ops-runner";
    let owners = run(&machine, &["sh", "-c", owners]).expect(0).stdout;
    assert_eq!(owners, "aiops:aiops 2770\nroot:aiops 2750\n");
    drop(run(&machine, &["sh", "-c", "cd /root/kit && ops/install.sh --uninstall"]).expect(0));
    let left = "ls /etc/systemd/system/aiops-* /usr/local/bin/guard /opt/ai-ops-runner 2>/dev/null";
    assert_eq!(run(&machine, &["sh", "-c", left]).stdout, "");
    assert!(machine.read("/etc/ai-ops-runner/configs/doctor.yaml").is_some(), "it was edited");
}

/// An sshd that takes a minute to start, until the next boot: the fix stands still in the middle.
#[track_caller]
fn make_sshd_slow(machine: &Machine) {
    let slow = "[Service]\nExecStartPre=/bin/sh -c '[ ! -e /run/slow ] || sleep 60'\n";
    machine.put("/etc/systemd/system/ssh.service.d/slow.conf", slow, 0o644);
    drop(run(machine, &["systemctl", "daemon-reload"]).expect(0));
    machine.put("/run/slow", "", 0o644);
}

/// Waits until a fix has changed sshd's configuration and stands before its restart.
#[track_caller]
fn wait_for_the_middle(machine: &Machine) {
    let waits = || machine.is_active("ssh.service") == "activating";
    assert!(holds_within(Duration::from_mins(1), waits), "{}", log(machine));
    assert!(machine.read("/etc/ssh/sshd_config.d/99-tailscale-only.conf").is_some());
}

#[test]
fn the_power_cut_during_a_fix_is_a_failed_fix_that_was_undone_at_boot() {
    let base = booted::or_skip!(Base::get());
    let mut machine = installed(&base);
    make_sshd_slow(&machine);
    let cycle = machine.start(["guard", "run"]);
    wait_for_the_middle(&machine);
    machine.cut_power();
    drop(cycle);
    machine.switch_on(Until::Answers);
    let undone = holds_within(Duration::from_mins(1), || answers_publicly(&machine));
    assert!(undone, "{}", machine.journal("aiops-sshd-rollback"));
    assert!(machine.read("/etc/ssh/sshd_config.d/99-tailscale-only.conf").is_none());
    // The next cycle tells of the failure first, and has one more try.
    let run_guard = || run(&machine, &["guard", "run", "--json"]);
    let busy = |ran: &Ran| ran.json()["event"] == "refused";
    let mut ran = run_guard();
    holds_within(Duration::from_mins(1), || {
        // The way back verifies itself for a moment yet.
        if busy(&ran) {
            ran = run_guard();
        }
        !busy(&ran)
    });
    assert_eq!(ran.expect(0).json()["event"], "remediated", "{}", log(&machine));
    let lines = log(&machine);
    assert!(
        lines.contains("event=remediation_failed reason=\"the fix before was cut off\""),
        "{lines}"
    );
    assert!(is_private(&machine));
}

#[test]
fn guard_and_heal_killed_during_a_fix_are_undone_by_the_dead_mans_switch() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    make_sshd_slow(&machine);
    let cycle = machine.start(["guard", "run"]);
    wait_for_the_middle(&machine);
    for name in ["guard", "heal"] {
        let of = format!(
            "for it in /proc/[0-9]*; do [ \"$(cat $it/comm)\" = {name} ] && echo ${{it#/proc/}}; done"
        );
        let pids = run(&machine, &["sh", "-c", &of]).stdout;
        assert!(!pids.trim().is_empty(), "no {name} runs");
        pids.lines().for_each(|pid| machine.kill_inside(pid.parse().unwrap()));
    }
    drop(cycle);
    drop(run(&machine, &["rm", "/run/slow"]).expect(0));
    // Two minutes after it was armed, the switch goes off by itself.
    let undone = holds_within(Duration::from_mins(4), || {
        machine.read("/etc/ssh/sshd_config.d/99-tailscale-only.conf").is_none()
            && answers_publicly(&machine)
    });
    assert!(undone, "{}", machine.journal("aiops-sshd-rollback"));
}
