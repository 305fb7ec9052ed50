//! ops/install.sh and ops/smoke.sh, below a root of their own, with stand-ins for the programs.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene and run the scripts; a scene that fails is a failed test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["doctor", "guard", "heal", "key", "notify"] {
            program(&scene.built().join(name), "exit 0");
        }
        scene
    }

    fn built(&self) -> PathBuf {
        self.dir.path().join("built")
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn install(&self, args: &[&str]) -> Output {
        Command::new(top().join("ops/install.sh"))
            .arg("--root")
            .arg(self.root())
            .arg("--from")
            .arg(self.built())
            .args(args)
            .output()
            .unwrap()
    }

    /// What it says, when it ends as it should.
    #[track_caller]
    fn says(&self, args: &[&str]) -> String {
        let output = self.install(args);
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{errors}");
        said
    }

    /// Every file and link below the root, with what is in it.
    fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut tree = BTreeMap::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.root()).unwrap().to_path_buf();
                if path.is_symlink() {
                    let link = fs::read_link(&path).unwrap();
                    tree.insert(name, link.into_os_string().into_encoded_bytes());
                } else if path.is_dir() {
                    folders.push(path);
                } else {
                    tree.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        tree
    }

    /// The same without what systemd-sysusers makes: accounts, and the folders of the state.
    fn ours(&self) -> Vec<PathBuf> {
        let accounts = ["etc/passwd", "etc/shadow", "etc/group", "etc/gshadow", "etc/.pwd.lock"];
        let is_account = |it: &Path| {
            let text = it.to_string_lossy();
            accounts.iter().any(|name| text.trim_end_matches('-') == *name)
        };
        self.tree().into_keys().filter(|it| !is_account(it)).collect()
    }
}

#[test]
fn what_it_says_it_would_do_it_does_once() {
    let scene = Scene::new();
    let would = scene.says(&["--dry-run"]);
    assert!(would.contains("would write /opt/ai-ops-runner/bin/guard"), "{would}");
    assert!(scene.tree().is_empty());
    let did = scene.says(&[]);
    for path in [
        "opt/ai-ops-runner/bin/guard",
        "opt/ai-ops-runner/bin/smoke.sh",
        "usr/local/bin/heal",
        "etc/ai-ops-runner/configs/doctor.yaml",
        "etc/ai-ops-runner/configs/schemas/doctor.schema.json",
        "etc/systemd/system/aiops-guard.service",
        "etc/systemd/system/timers.target.wants/aiops-guard.timer",
        "etc/logrotate.d/ai-ops-runner",
        "usr/lib/sysusers.d/aiops.conf",
        "usr/lib/tmpfiles.d/aiops.conf",
        "usr/lib/tmpfiles.d/aiops-notify.conf",
    ] {
        assert!(scene.root().join(path).symlink_metadata().is_ok(), "{path}: {did}");
    }
    let lines = |text: &str| text.lines().map(|it| it.replace("would ", "")).collect::<Vec<_>>();
    assert_eq!(lines(&would), lines(&did));
    let tree = scene.tree();
    assert_eq!(scene.says(&[]).lines().last(), Some("nothing to do"));
    assert_eq!(scene.tree(), tree);
}

#[test]
fn an_edited_configuration_is_never_written_over() {
    let scene = Scene::new();
    scene.says(&[]);
    let path = scene.root().join("etc/ai-ops-runner/configs/guard.yaml");
    let shipped = fs::read(&path).unwrap();
    fs::write(&path, "fixes_per_hour: 1\n").unwrap();
    let said = scene.says(&[]);
    assert!(said.contains("kept: /etc/ai-ops-runner/configs/guard.yaml was edited"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), b"fixes_per_hour: 1\n");
    let beside = path.with_file_name("guard.yaml.new");
    assert_eq!(fs::read(&beside).unwrap(), shipped);
    assert!(scene.says(&[]).ends_with("\nnothing to do\n"));
    // What is as shipped again is ours again.
    fs::write(&path, &shipped).unwrap();
    scene.says(&[]);
    assert!(!beside.exists());
    assert!(scene.says(&[]).ends_with("\nnothing to do\n"));
}

#[test]
fn a_new_version_replaces_what_was_not_edited_and_what_it_dropped_goes() {
    let scene = Scene::new();
    scene.says(&[]);
    program(&scene.built().join("guard"), "exit 3");
    fs::remove_file(scene.built().join("key")).unwrap();
    let said = scene.says(&[]);
    assert!(said.contains("write /opt/ai-ops-runner/bin/guard"), "{said}");
    assert!(said.contains("remove /opt/ai-ops-runner/bin/key"), "{said}");
    assert!(scene.root().join("usr/local/bin/key").symlink_metadata().is_err());
}

#[test]
fn uninstalling_leaves_what_was_edited_and_what_is_not_ours() {
    let scene = Scene::new();
    scene.says(&[]);
    let edited = scene.root().join("etc/ai-ops-runner/configs/doctor.yaml");
    fs::write(&edited, "# mine\n").unwrap();
    let secret = scene.root().join("etc/ai-ops-runner/secrets/bridge_hmac");
    fs::create_dir_all(secret.parent().unwrap()).unwrap();
    fs::write(&secret, "x").unwrap();
    let before = scene.tree();
    assert!(scene.says(&["--uninstall", "--dry-run"]).contains("would remove "));
    assert_eq!(scene.tree(), before);
    scene.says(&["--uninstall"]);
    let left = ["etc/ai-ops-runner/configs/doctor.yaml", "etc/ai-ops-runner/secrets/bridge_hmac"];
    assert_eq!(scene.ours(), left.map(PathBuf::from));
    assert_eq!(scene.install(&["--uninstall"]).status.code(), Some(1));
}

#[test]
fn another_prefix_is_what_units_and_links_name() {
    let scene = Scene::new();
    scene.says(&["--prefix", "/srv/aiops", "--no-start"]);
    let unit = scene.root().join("etc/systemd/system/aiops-guard.service");
    let unit = fs::read_to_string(unit).unwrap();
    assert!(unit.contains("ExecStart=/srv/aiops/bin/guard run"), "{unit}");
    assert!(!unit.contains("/opt/"));
    let link = fs::read_link(scene.root().join("usr/local/bin/guard")).unwrap();
    assert_eq!(link, Path::new("/srv/aiops/bin/guard"));
    assert!(!scene.root().join("etc/systemd/system/timers.target.wants").exists());
}

#[test]
fn calls_that_make_no_sense_change_nothing() {
    let scene = Scene::new();
    for (args, code) in [
        (&["--prefix", "relative"][..], 2),
        (&["--prefix", "/with space"], 2),
        (&["--nonsense"], 2),
        (&["--from", "/nonexistent"], 69),
    ] {
        assert_eq!(scene.install(args).status.code(), Some(code), "{args:?}");
        assert!(scene.tree().is_empty());
    }
}

/// Runs an installed smoke.sh; returns its code, what it said, and what notify was called with.
fn smoke(scene: &Scene, args: &[&str]) -> (Option<i32>, String, String) {
    let told = scene.dir.path().join("told");
    let script =
        format!("echo \"$*\" >>{0}; case \"$1\" in send) cat >>{0};; esac", told.display());
    program(&scene.built().join("notify"), &script);
    let bin = scene.built();
    fs::copy(top().join("ops/smoke.sh"), bin.join("smoke.sh")).unwrap();
    let output = Command::new(bin.join("smoke.sh"))
        .args(args)
        .env_remove("BRIDGE_ROOT")
        .env("AIOPS_SMOKE_SECONDS", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said, fs::read_to_string(told).unwrap_or_default())
}

#[test]
fn a_smoke_test_that_passes_is_a_line_each_and_resolves_what_was_told() {
    let scene = Scene::new();
    let (code, said, told) = smoke(&scene, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ok      doctor.schema"), "{said}");
    assert!(said.contains("skipped bridge.smoke     no bridge root"), "{said}");
    assert!(told.contains("resolve --check smoke.nightly"), "{told}");
    let (_, list, _) = smoke(&scene, &["--list"]);
    assert!(list.lines().any(|it| it == "bridge.smoke") && !list.contains("passed"), "{list}");
}

#[test]
fn what_fails_or_hangs_or_is_not_a_known_answer_is_told_with_its_words() {
    let scene = Scene::new();
    program(&scene.built().join("key"), "echo 'no registry' >&2; exit 78");
    program(&scene.built().join("guard"), "exec sleep 60");
    let (code, said, told) = smoke(&scene, &["--quiet"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAILED  key.list") && said.contains("no registry"), "{said}");
    assert!(said.contains("FAILED  guard.status") && !said.contains("ok  "), "{said}");
    assert!(told.contains("--severity high") && told.contains("no registry"), "{told}");
    assert_eq!(smoke(&scene, &["--nonsense"]).0, Some(2));
}

#[test]
fn a_smoke_test_of_nothing_is_no_pass() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("bin/smoke.sh");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::copy(top().join("ops/smoke.sh"), &script).unwrap();
    assert_eq!(Command::new(script).output().unwrap().status.code(), Some(69));
}
