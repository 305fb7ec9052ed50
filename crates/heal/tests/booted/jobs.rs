//! Read-only jobs by the installed units: an API and a worker without root, a job in its walls, and
//! what collects the mirrors.

use std::time::Duration;

use booted::{Base, Machine, Options, holds_within};
use serde_json::Value;

use crate::support::{HOME, installed_with, run};

const UNITS: [&str; 2] = ["aiops-runner-api.service", "aiops-runner-worker.service"];

/// The service user's repository with a doctor of its own, listed, and a token for the API. Returns
/// its commit: git, as root, does not look into a repository of somebody else.
fn prepare(machine: &Machine) -> String {
    let repositories =
        "repos:\n  - {name: demo, url: 'file:///srv/demo', refs: [refs/heads/main]}\n";
    machine.put("/etc/ai-ops-runner/configs/repo_allowlist.yaml", repositories, 0o644);
    let script = r##"install -d -o aiops -g aiops /srv/demo && cd /srv/demo &&
        exec runuser -u aiops -- sh -ec '
            git init -q -b main && mkdir ops &&
            printf "%s\n" "#!/bin/sh" "touch ops/x 2>/dev/null && echo WRITTEN" "echo 3/3" \
                >ops/doctor_repo.sh && chmod +x ops/doctor_repo.sh && git add . &&
            git -c user.name=x -c user.email=x@example.org commit -qm one'"##;
    drop(run(machine, &["sh", "-c", script]).expect(0));
    drop(run(machine, &["key", "generate", "runner_token"]).expect(0));
    let head = ["runuser", "-u", "aiops", "--", "git", "-C", "/srv/demo", "rev-parse", "HEAD"];
    run(machine, &head).expect(0).stdout.trim().to_owned()
}

/// Submits a job as the operator does, and returns what `runner` tells when it has ended.
fn job(machine: &Machine, commit: &str) -> Value {
    let argv = ["runner", "submit", "--job", "orb_doctor", "--repo", "demo", "--wait", "--json"];
    let said = run(machine, &[&argv[..], &["--sha", commit]].concat());
    let journal = UNITS.map(|unit| machine.journal(unit)).concat();
    assert_eq!(said.code, 0, "{}\n{}\n{journal}", said.stdout, said.stderr);
    said.json()["job"].clone()
}

#[test]
fn the_installed_units_run_a_job_and_come_back_when_they_are_killed() {
    let base = booted::or_skip!(Base::get());
    let base = booted::or_skip!(base.with_packages(&["git", "bubblewrap"]));
    // Namespaces within namespaces: a whole /proc has to be in sight.
    let options = Options { containers: true, ..Options::default() };
    let programs = ["doctor", "key", "notify", "orb-wrap", "runner"];
    let machine = installed_with(&base, options, &programs);
    let commit = prepare(&machine);
    let argv = [&["systemctl", "enable", "--now"], &UNITS[..]].concat();
    let started = run(&machine, &argv);
    let journal = UNITS.map(|unit| machine.journal(unit)).concat();
    assert_eq!(started.code, 0, "{}\n{journal}", started.stderr);
    let ended = job(&machine, &commit);
    assert_eq!(ended["status"], "success", "{ended}");
    let id = ended["job_id"].as_str().unwrap();
    let artifact = machine.read(&format!("{HOME}/artifacts/jobs/{id}/artifact.json")).unwrap();
    let artifact: Value = serde_json::from_slice(&artifact).unwrap();
    let layers = artifact["invariants"]["sandbox"].as_array().unwrap();
    assert!(layers.len() >= 7 && layers.iter().all(|it| it["held"] == true), "{artifact}");
    assert_eq!(artifact["doctor"]["passed"], 3, "{artifact}");
    drop(run(&machine, &["runner", "smoke"]).expect(0));
    nightly(&machine);

    for unit in UNITS {
        drop(run(&machine, &["systemctl", "kill", "--signal", "KILL", unit]).expect(0));
    }
    let again = holds_within(Duration::from_mins(1), || {
        UNITS.iter().all(|unit| {
            let argv = ["systemctl", "show", "--property", "NRestarts,ActiveState", unit];
            let shown = run(&machine, &argv).expect(0).stdout;
            shown.contains("NRestarts=1") && shown.contains("ActiveState=active")
        })
    });
    assert!(again, "{}", UNITS.map(|unit| machine.journal(unit)).concat());
    assert_eq!(job(&machine, &commit)["status"], "success");

    let away = "cd /root/kit && ops/install.sh --uninstall";
    drop(run(&machine, &["sh", "-c", away]).expect(0));
    for unit in UNITS {
        let active = run(&machine, &["systemctl", "is-active", unit]);
        assert_ne!(active.code, 0, "{unit} still runs");
    }
}

/// The nightly test, without root, reaches the API by the token that its unit is handed; an API that
/// is set up and does not answer is a failure.
fn nightly(machine: &Machine) {
    let unit = "aiops-smoke";
    let started = run(machine, &["systemctl", "start", unit]);
    let said = machine.journal(unit);
    assert_eq!(started.code, 0, "{said}");
    assert!(said.contains("ok      runner.smoke"), "{said}");
    drop(run(machine, &["systemctl", "stop", UNITS[0]]).expect(0));
    assert_ne!(run(machine, &["systemctl", "start", unit]).code, 0);
    let said = machine.journal(unit);
    assert!(said.contains("FAILED  runner.smoke"), "{said}");
    drop(run(machine, &["systemctl", "start", UNITS[0]]).expect(0));
}

#[test]
fn mirrors_and_trees_are_collected_by_the_unit_of_their_own_timer() {
    let base = booted::or_skip!(Base::get());
    let base = booted::or_skip!(base.with_packages(&["git", "bubblewrap"]));
    let options = Options { containers: true, ..Options::default() };
    let machine = installed_with(&base, options, &["doctor", "key", "orb-wrap"]);
    let commit = prepare(&machine);
    let collected = || {
        let done = run(&machine, &["systemctl", "start", "aiops-orb-gc"]);
        let journal = machine.journal("aiops-orb-gc");
        assert_eq!(done.code, 0, "{journal}");
        journal
    };
    // Where no job ever ran nothing is begun.
    let journal = collected();
    assert!(!journal.contains("mirrors stay"), "{journal}");
    let argv = ["runuser", "-u", "aiops", "--", "orb-wrap", "run", "--home", HOME];
    let job = ["--job", "orb_doctor", "--repo", "demo", "--sha", &commit];
    drop(run(&machine, &[&argv[..], &job[..]].concat()).expect(0));
    // A mirror of nothing that is listed, the tree of a job that was killed, and something that this
    // user has there beside: systemd itself would take that, were the unit to say RemoveIPC=.
    let tree = "/dev/shm/aiops-orb-$(id -u aiops)";
    let script = format!(
        "cp -a {HOME}/mirrors/demo.git {HOME}/mirrors/unlisted.git &&
        mkdir -p {tree}/living {tree}/20260101T000000Z-abcdef/tree && chown -R aiops:aiops {tree}"
    );
    drop(run(&machine, &["sh", "-c", &script]).expect(0));
    let left = format!("cd {HOME}/mirrors && ls -d *.git; ls {tree}");
    let left = || run(&machine, &["sh", "-c", &left]).stdout;
    let journal = collected();
    assert_eq!(left(), "demo.git\nliving\n", "{journal}");
    assert!(journal.contains("kept demo: ") && !journal.contains("could not"), "{journal}");
    let bound = "[Service]\nExecStart=\nExecStart=/opt/ai-ops-runner/bin/orb-wrap gc --max-mib 0 \
        --home /var/lib/ai-ops-runner\n";
    machine.put("/etc/systemd/system/aiops-orb-gc.service.d/bound.conf", bound, 0o644);
    drop(run(&machine, &["systemctl", "daemon-reload"]).expect(0));
    let journal = collected();
    assert_eq!(left(), "living\n", "{journal}");
}
