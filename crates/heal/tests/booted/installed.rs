//! Installed, guarded by its timer, healed by hand, uninstalled.

use std::time::Duration;

use booted::{Backend, BackendState, Base, Over, State, holds_within};
use serde_json::Value;

use crate::support::{
    ADDRESS, HOME, KEEPERS, answers_publicly, evidence, installed, is_private, kit, log, logged,
    run, start_guard,
};

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
    machine.put("/root/kit.tar", kit(&KEEPERS), 0o600);
    let unpack = "cd /root/kit && tar -xf ../kit.tar && rm ../kit.tar";
    drop(run(&machine, &["sh", "-c", unpack]).expect(0));
    let install = "cd /root/kit && ops/install.sh --from bin";
    let said = run(&machine, &["sh", "-c", install]).expect(0).stdout;
    assert!(said.contains("enable --quiet --now aiops-guard.timer"), "{said}");
    for timer in ["guard", "doctor", "smoke", "notify", "orb-gc"] {
        assert_eq!(machine.is_active(&format!("aiops-{timer}.timer")), "active");
    }
    let said = run(&machine, &["sh", "-c", install]).expect(0).stdout;
    assert!(said.ends_with("nothing to do\n"), "{said}");
    // What root acts on is out of the reach of aiops.
    let as_aiops = |script: &str| {
        run(
            &machine,
            &["setpriv", "--reuid=aiops", "--regid=aiops", "--clear-groups", "sh", "-c", script],
        )
    };
    for script in [
        "mv state state.away",
        "mv state/sshd-fix state/away",
        "ls state/sshd-fix",
        "touch state/guard/state.json",
        "touch artifacts/evidence/mine",
    ] {
        assert_ne!(as_aiops(&format!("cd {HOME} && {script}")).code, 0, "{script}");
    }
    let own =
        "mkdir state/bridge artifacts/runs/mine && touch state/alerts/new/one state/doctor/two";
    drop(as_aiops(&format!("cd {HOME} && {own}")).expect(0));
    let again = run(&machine, &["systemd-tmpfiles", "--create", "aiops.conf", "aiops-notify.conf"]);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
    drop(run(&machine, &["sh", "-c", "cd /root/kit && ops/install.sh --uninstall"]).expect(0));
    let left = "ls /etc/systemd/system/aiops-* /usr/local/bin/guard /opt/ai-ops-runner 2>/dev/null";
    assert_eq!(run(&machine, &["sh", "-c", left]).stdout, "");
    assert!(machine.read("/etc/ai-ops-runner/configs/doctor.yaml").is_some(), "it was edited");
}
