//! `doctor repo`, on real repositories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::machine::{Machine, Said, json};

fn git(machine: &Machine, args: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=example", "-c", "user.email=a@example.invalid"])
        .args(args)
        .current_dir(machine.path("repo"))
        .env("HOME", machine.path(""))
        .status();
    assert!(status.unwrap().success(), "{args:?}");
}

/// A machine with a repository in which all is well.
fn machine() -> Machine {
    let machine = Machine::new();
    for folder in ["repo/.githooks", "repo/configs/schemas", "repo/ops/systemd"] {
        fs::create_dir_all(machine.path(folder)).unwrap();
    }
    let schema =
        r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"}}}"#;
    for (name, text) in [
        (".githooks/pre-push", "#!/bin/sh\nexit 0\n"),
        ("configs/a.yaml", "a: 1\n"),
        ("configs/schemas/a.schema.json", schema),
        ("ops/x.sh", "git push origin main\n"),
        ("ops/systemd/a.service", "[Service]\nType=oneshot\nExecStart=/opt/none/bin/a\n"),
        ("ops/systemd/a.timer", "[Timer]\nOnCalendar=daily\n"),
        ("allow.json", "{\"jobs\": []}\n"),
    ] {
        fs::write(machine.path("repo").join(name), text).unwrap();
    }
    let hook = machine.path("repo/.githooks/pre-push");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    git(&machine, &["init", "--quiet"]);
    git(&machine, &["config", "core.hooksPath", ".githooks"]);
    git(&machine, &["add", "."]);
    git(&machine, &["commit", "--quiet", "-m", "first"]);
    let policy = fs::read_to_string(machine.path("configs/doctor.yaml")).unwrap();
    let policy = policy.replace("allowlists: []", "allowlists: [allow.json]\n  baseline: BASE");
    machine.policy(&policy);
    let head =
        Command::new("git").args(["rev-parse", "HEAD"]).current_dir(machine.path("repo")).output();
    fs::write(machine.path("repo/BASE"), head.unwrap().stdout).unwrap();
    machine
}

fn judged(machine: &Machine, more: &[&str]) -> Said {
    let repo = machine.path("repo");
    let args = [&["repo", "--json", repo.to_str().unwrap()], more].concat();
    machine.run(&args)
}

fn status(machine: &Machine, id: &str) -> String {
    let report = json(&judged(machine, &[]));
    let checks = report["checks"].as_array().unwrap().clone();
    let check = checks.iter().find(|it| it["id"] == id).unwrap();
    check["status"].as_str().unwrap().to_owned()
}

fn has_systemd() -> bool {
    let has = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !has {
        let part = format_args!("part of {}", skipped::this_test());
        skipped::told(part, "systemd-analyze is not installed");
    }
    has
}

#[test]
fn a_repository_in_order_passes_and_each_defect_is_found() {
    let machine = machine();
    let said = judged(&machine, &[]);
    if has_systemd() {
        assert_eq!(said.code, 0, "{said:?}");
    }
    let file = |name: &str| machine.path("repo").join(name);
    let key = format!("{}{}", "AKIA", "IOSFODNN7QWERTYX");
    for (id, name, text) in [
        ("bypass", "ops/x.sh", "git push --force origin main\n".to_owned()),
        ("bypass", "ops/x.sh", "git commit -nm x\n".to_owned()),
        ("bypass", "ops/x.sh", "git push origin +main\n".to_owned()),
        ("bypass", ".githooks/pre-push", "git push --no-verify\n".to_owned()),
        ("hook_files", ".githooks/pre-push", "#!/bin/sh\nexit 1\n".to_owned()),
        ("configs", "configs/a.yaml", "a: x\nb: 1\n".to_owned()),
        ("configs", "configs/a.yaml", "a: [\n".to_owned()),
        ("baseline", "BASE", format!("{}\n", "0".repeat(40))),
        ("allowlists", "allow.json", "{\"jobs\": [".to_owned()),
        ("secrets", "ops/x.sh", format!("aws_access_key_id={key}\n")),
    ] {
        let before = fs::read(file(name)).unwrap();
        fs::write(file(name), &text).unwrap();
        assert_eq!(status(&machine, id), "fail", "{id} {name} {text}");
        fs::write(file(name), before).unwrap();
        assert_eq!(status(&machine, id), "pass", "{id} {name}");
    }
    if has_systemd() {
        for (name, text) in [
            (
                "ops/systemd/a.service",
                "[Service]\nType=oneshot\nExecStart=/bin/true\nProtectSytem=yes\n",
            ),
            ("ops/systemd/a.timer", "[Timer]\nOnCalendar=daily\nUnit=b.service\n"),
        ] {
            let before = fs::read(file(name)).unwrap();
            fs::write(file(name), text).unwrap();
            assert_eq!(status(&machine, "units"), "fail", "{name}");
            fs::write(file(name), before).unwrap();
        }
    }
    fs::write(file("BASE"), "main\n").unwrap();
    assert_eq!(status(&machine, "baseline"), "unknown");
    fs::write(file(".githooks/new"), "#!/bin/sh\n").unwrap();
    assert_eq!(status(&machine, "hook_files"), "fail");
}

#[test]
fn fix_sets_what_is_safe_and_nothing_else() {
    let machine = machine();
    git(&machine, &["config", "--unset", "core.hooksPath"]);
    let hook = machine.path("repo/.githooks/pre-push");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o644)).unwrap();
    let stranger = machine.path("repo/.githooks/stranger");
    fs::write(&stranger, "#!/bin/sh\n").unwrap();
    assert_eq!(
        (status(&machine, "hooks"), status(&machine, "hook_files")),
        ("fail".into(), "fail".into())
    );
    let said = judged(&machine, &["--fix"]);
    assert_eq!(said.stderr.lines().count(), 2, "{said:?}");
    assert_eq!(status(&machine, "hooks"), "pass");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&hook), mode(&stranger)), (0o755, 0o644));
    assert_eq!(judged(&machine, &["--fix"]).stderr, "", "there is nothing left to set");
    fs::remove_file(&stranger).unwrap();
    assert_eq!(status(&machine, "hook_files"), "pass");
}

#[test]
fn a_folder_that_is_no_repository_is_no_answer() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["repo"]).code, 69);
}
