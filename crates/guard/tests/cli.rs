//! The real binary, on a host whose policy knows only what every machine has.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene and start the binary; a scene that fails is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    /// A host of which only the disk is judged.
    fn new(mount: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let configs = dir.path().join("configs");
        fs::create_dir(&configs).unwrap();
        for name in ["guard.yaml", "keys.yaml"] {
            fs::copy(top().join("configs").join(name), configs.join(name)).unwrap();
        }
        let shipped = fs::read_to_string(top().join("configs/doctor.yaml")).unwrap();
        let log = dir.path().join("log/guard.log");
        let text = shipped
            .replace(
                "not_installed: []",
                "not_installed: [tailscale, compose, api, ports, docker_ports, keys, console]",
            )
            .replace("/var/log/ai-ops-runner/guard.log", log.to_str().unwrap())
            .replace("{path: /, warn_percent: 80, fail_percent: 90}", mount);
        assert!(text.contains("not_installed: [t") && text.contains(mount));
        let logs = text.find("  logs:").unwrap();
        let keys = text.find("keys:\n").unwrap();
        let text = format!("{}  logs: []\n{}", &text[..logs], &text[keys..]);
        fs::write(configs.join("doctor.yaml"), text).unwrap();
        Self { dir }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn guard(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_guard"))
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("AIOPS_HOME", self.home())
            .env("AIOPS_CONFIGS", self.dir.path().join("configs"))
            .output()
            .unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log/guard.log")).unwrap_or_default()
    }
}

const FINE: &str = "{path: /, warn_percent: 100, fail_percent: 100}";
const NOWHERE: &str = "{path: /no/such/mount, warn_percent: 80, fail_percent: 90}";

#[track_caller]
fn json(output: &Output, code: i32, schema: &str) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = fs::read_to_string(top().join("configs/schemas").join(schema)).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
    value
}

#[test]
fn a_cycle_leaves_a_line_a_memory_and_a_run_record() {
    let scene = Scene::new(FINE);
    let cycle = json(&scene.guard(&["run", "--json"]), 0, "guard.cycle.schema.json");
    assert_eq!(cycle["event"], "pass");
    assert!(scene.log().contains(" event=pass "), "{}", scene.log());
    let text = fs::read_to_string(scene.home().join("state/guard/state.json")).unwrap();
    let memory: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(memory["last_event"], "pass");
    assert_eq!(fs::read_dir(scene.home().join("artifacts/runs")).unwrap().count(), 1);
    let spool = scene.home().join("state/alerts/new");
    assert!(!spool.exists() || fs::read_dir(spool).unwrap().count() == 0);
}

#[test]
fn a_failing_host_is_a_no_and_an_alert_and_the_log_only_grows() {
    let scene = Scene::new(NOWHERE);
    let cycle = json(&scene.guard(&["run", "--json"]), 1, "guard.cycle.schema.json");
    assert_eq!(cycle["passes"], false);
    let first = scene.log();
    assert_eq!(scene.guard(&["run"]).status.code(), Some(1));
    assert!(scene.log().starts_with(&first) && scene.log().lines().count() == 2);
    assert!(fs::read_dir(scene.home().join("state/alerts/new")).unwrap().count() >= 1);
}

#[test]
fn a_policy_that_is_wrong_is_told_and_never_a_pass() {
    let scene = Scene::new(FINE);
    fs::write(scene.dir.path().join("configs/guard.yaml"), "fixes_per_hour: many\n").unwrap();
    let output = scene.guard(&["run"]);
    assert_eq!(output.status.code(), Some(78));
    let alerts = fs::read_dir(scene.home().join("state/alerts/new")).unwrap();
    let texts: Vec<String> =
        alerts.map(|it| fs::read_to_string(it.unwrap().path()).unwrap()).collect();
    assert!(texts.len() == 1 && texts[0].contains("guard cannot run"), "{texts:?}");
}

#[test]
fn status_tells_how_it_stands_and_reset_begins_anew() {
    let scene = Scene::new(FINE);
    let state = scene.home().join("state/guard/state.json");
    fs::create_dir_all(state.parent().unwrap()).unwrap();
    fs::write(&state, "{").unwrap();
    let status = json(&scene.guard(&["status", "--json"]), 1, "guard.status.schema.json");
    assert_eq!((status["fixes_left"].as_u64(), status["memory"].is_null()), (Some(0), true));
    let reset = json(&scene.guard(&["reset", "--json"]), 0, "guard.reset.schema.json");
    assert!(reset["was_unreadable"].is_string());
    let again = json(&scene.guard(&["reset", "--json"]), 0, "guard.reset.schema.json");
    assert!(again["was_unreadable"].is_null());
    let text = String::from_utf8(scene.guard(&["status"]).stdout).unwrap();
    assert!(text.contains("fixes left   3 within the hour"), "{text}");
}

#[test]
fn a_second_guard_is_turned_away_and_told_by_whom() {
    let scene = Scene::new(FINE);
    let lock = scene.home().join("state/guard/lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let file = fs::File::create(&lock).unwrap();
    file.lock().unwrap();
    assert_eq!(scene.guard(&["run"]).status.code(), Some(75));
    assert_eq!(scene.log(), "");
    drop(file);
    assert_eq!(scene.guard(&["run"]).status.code(), Some(0));
}

#[test]
fn install_below_another_root_says_what_it_does_does_it_once_and_undoes_it() {
    let scene = Scene::new(FINE);
    let root = scene.dir.path().join("root");
    let root = root.to_str().unwrap();
    let changes = |args: &[&str]| {
        let value = json(&scene.guard(args), 0, "guard.install.schema.json");
        value["changes"].as_array().unwrap().len()
    };
    assert_eq!(changes(&["install", "--root", root, "--dry-run", "--json"]), 3);
    assert!(!Path::new(root).exists());
    if Command::new("systemctl").arg("--version").output().is_err() {
        let part = format_args!("part of {}", skipped::this_test());
        return skipped::told(part, "no systemctl to enable the timer with");
    }
    assert_eq!(changes(&["install", "--root", root, "--json"]), 3);
    let units = Path::new(root).join("etc/systemd/system");
    assert!(units.join("timers.target.wants/aiops-guard.timer").is_symlink());
    assert_eq!(changes(&["install", "--root", root, "--json"]), 0);
    assert_eq!(changes(&["uninstall", "--root", root, "--json"]), 3);
    assert!(!units.join("aiops-guard.service").exists());
    assert_eq!(changes(&["uninstall", "--root", root, "--json"]), 0);
}

#[test]
fn a_cycle_of_a_healthy_host_stays_below_20_mb_of_memory() {
    let scene = Scene::new(FINE);
    // Whoever waits for a child is told the most it had; no other way catches the peak.
    let meter = "import os,resource,sys
os.spawnve(os.P_WAIT, sys.argv[1], sys.argv[1:], os.environ)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)";
    let mut command = Command::new("python3");
    command.args(["-c", meter, env!("CARGO_BIN_EXE_guard"), "run", "--quiet"]);
    command.env("AIOPS_HOME", scene.home());
    let Ok(output) = command.env("AIOPS_CONFIGS", scene.dir.path().join("configs")).output() else {
        return skipped::told(skipped::this_test(), "no python3 to measure with");
    };
    assert!(scene.log().contains(" event=pass "), "{}", scene.log());
    let said = String::from_utf8(output.stdout).unwrap();
    let peak: u64 = said.lines().last().unwrap().parse().unwrap();
    assert!(peak < 20_000_000, "{peak} bytes");
}
