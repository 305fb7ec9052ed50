//! Unit files, the PM2 file and the launch agent, each tried with the real thing where it is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::fixture::{Bridge, has, text};

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops")
}

#[test]
fn systemd_accepts_the_units_without_a_word_and_they_are_hardened() {
    if !has("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for entry in fs::read_dir(ops().join("systemd")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|it| it == "conf") {
            continue;
        }
        // The programs are not installed here; systemd wants to see executables.
        let unit = fs::read_to_string(entry.path()).unwrap();
        let unit = unit.replace("ExecStart=/opt/ai-ops-runner/bin/", "ExecStart=/bin/true ");
        let path = dir.path().join(entry.file_name());
        fs::write(&path, unit).unwrap();
        units.push(path);
    }
    let said = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output();
    let said = said.unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert_eq!(text(&said.stderr), "", "any word of systemd-analyze is a defect");
    for unit in units.iter().filter(|it| it.extension().is_some_and(|it| it == "service")) {
        // Two are root: guard starts the fix of sshd, notify reads what programs of several users
        // spool. What is left to them has its reason beside it.
        let most = match unit.file_stem().and_then(|it| it.to_str()) {
            Some("aiops-guard") => 26,
            Some("aiops-notify") => 20,
            // Its jobs get namespaces and mounts of their own, which takes what the others give up.
            Some("aiops-runner-worker") => 32,
            _ => 15,
        };
        let said = Command::new("systemd-analyze")
            .args(["security", "--offline=true", &format!("--threshold={most}")])
            .arg(unit)
            .output()
            .unwrap();
        assert!(said.status.success(), "{}: {}", unit.display(), text(&said.stdout));
    }
    for timer in units.iter().filter(|it| it.extension().is_some_and(|it| it == "timer")) {
        assert!(timer.with_extension("service").exists(), "{} starts nothing", timer.display());
    }
}

#[test]
fn the_launch_agent_is_a_property_list_without_secrets() {
    if !has("python3") {
        return;
    }
    let read = "import plistlib,sys,json;print(json.dumps(plistlib.load(open(sys.argv[1],'rb'))))";
    let path = ops().join("launchd/org.example.aiops-bridge.plist");
    let said = Command::new("python3").args(["-c", read]).arg(path).output().unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let agent: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(agent["ProgramArguments"][1], "watch");
    let names = agent["EnvironmentVariables"].as_object().unwrap();
    assert!(names.keys().all(|name| !name.contains("HMAC")), "{names:?}");
}

#[test]
fn pm2_runs_the_executor_and_stops_it() {
    let pm2 = ops().join("../target/tools/pm2/node_modules/.bin/pm2");
    if !has(pm2.to_str().unwrap()) {
        return;
    }
    let bridge = Bridge::new();
    fs::create_dir(bridge.dir.path().join("secrets")).unwrap();
    let secret = bridge.dir.path().join("secrets/bridge_hmac");
    fs::write(&secret, crate::fixture::SECRET).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let run = |args: &[&str]| {
        let mut command = bridge.command(pm2.to_str().unwrap());
        command
            .args(args)
            .env("PM2_HOME", bridge.dir.path().join("pm2"))
            .env("BRIDGE_EXEC", env!("CARGO_BIN_EXE_bridge-exec"));
        let said = command.output().unwrap();
        assert!(said.status.success(), "{args:?}: {}{}", text(&said.stdout), text(&said.stderr));
        text(&said.stdout)
    };
    let file = ops().join("pm2/ecosystem.config.cjs");
    run(&["start", file.to_str().unwrap()]);
    // A document nobody signed: the executor has to be awake to refuse it.
    let dropped = bridge.root().join("commands/unsigned.json");
    fs::write(dropped.with_extension("tmp"), "{}").unwrap();
    fs::rename(dropped.with_extension("tmp"), &dropped).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !bridge.root().join("dead_letter/unsigned.json").exists() && Instant::now() < end {
        std::thread::yield_now();
    }
    let listed: serde_json::Value =
        serde_json::from_str(run(&["jlist"]).lines().last().expect("pm2 jlist prints a line"))
            .unwrap();
    let told = run(&["logs", "--nostream", "--lines", "100", "aiops-bridge"]);
    run(&["stop", "aiops-bridge"]);
    run(&["kill"]);
    assert!(bridge.root().join("dead_letter/unsigned.json").exists(), "{told}");
    assert!(
        told.contains("bridge-exec") && told.contains("dead_letter unsigned bad_hmac"),
        "{told}"
    );
    let env = listed[0]["pm2_env"].as_object().unwrap();
    assert!(env.values().all(|it| it != crate::fixture::SECRET), "the secret reached pm2");
}
