//! The fix on a made-up machine: a tree of files, and programs that play systemd, sshd and
//! Tailscale. What it does there to files, and that it can always go back.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files and programs of their own"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::cli::{Common, Context};
use ops_core::failure::Exit;
use ops_core::host::Host;
use ops_core::time::Timestamp;
use sshd_fix::act::{Ended, Fix, Options};
use sshd_fix::decide::{Decision, Plan};
use sshd_fix::facts::Facts;
use sshd_fix::places::Place;

const UP: &str =
    r#"{"TUN":true,"BackendState":"Running","TailscaleIPs":["100.64.1.2"],"Self":{"Online":true}}"#;

/// A tree with a public, socket-activated sshd, and where its programs, home and log are.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        for (path, text) in [
            (
                "etc/ssh/sshd_config",
                "\tListenAddress = 0.0.0.0 # all\r\nUsePAM yes\nMatch User x\n X11Forwarding no",
            ),
            ("etc/ssh/shared.conf", "ListenAddress ::\n"),
            ("etc/default/ssh", "SSHD_OPTS=\n"),
            (
                "lib/systemd/system/ssh.service",
                "[Service]\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n",
            ),
            ("lib/systemd/system/ssh.socket", "[Socket]\nListenStream=22\n"),
            ("etc/systemd/system/ssh.service.d/00-socket.conf", "[Unit]\nRequires=ssh.socket\n"),
            ("proc/net/fib_trie", "|-- 100.64.1.2\n  /32 host LOCAL\n"),
        ] {
            machine.put(path, text, 0o644);
        }
        machine.put("etc/ssh/sshd_config", &machine.text("etc/ssh/sshd_config"), 0o640);
        for (path, target) in [
            ("etc/ssh/sshd_config.d/50-cloud.conf", "../shared.conf"),
            (
                "etc/systemd/system/sockets.target.wants/ssh.socket",
                "/lib/systemd/system/ssh.socket",
            ),
            (
                "etc/systemd/system/ssh.service.requires/ssh.socket",
                "/lib/systemd/system/ssh.socket",
            ),
        ] {
            let path = machine.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }
        let root = machine.at("").display().to_string();
        machine.program("tailscale", &format!(
            "case $1 in version) echo 1.96.2;; status) cat {root}status;; ip) echo 100.64.1.2;;\n\
             debug) echo '{{\"RunSSH\":false}}';; *) exit 1;; esac"
        ));
        machine.put("../status", UP, 0o644);
        machine.program("systemctl", &format!(
            "printf '%s\\n' \"$*\" >>{root}../log\n\
             case $1 in\n\
             show) case \"$*\" in *Triggers*) cat {root}../sockets;; *Names*) cat {root}../services;; *) echo Requires=system.slice;; esac;;\n\
             show-environment) echo LANG=C.UTF-8;;\n\
             enable) ln -s /lib/systemd/system/ssh.service {root}etc/systemd/system/sshd.service;\n\
               mkdir -p {root}etc/systemd/system/multi-user.target.wants;\n\
               ln -s /lib/systemd/system/ssh.service {root}etc/systemd/system/multi-user.target.wants/ssh.service;;\n\
             stop) touch {root}../stopped-$2;;\n\
             start) rm {root}../stopped-$2;;\n\
             is-active) [ \"$3\" = ssh.socket ] && [ ! -e {root}../stopped-$3 ];;\n\
             esac"
        ));
        machine
            .program("systemd-run", &format!("printf 'systemd-run %s\\n' \"$*\" >>{root}../log"));
        machine.program(
            "../usr/sbin/sshd",
            "printf 'listenaddress 100.64.1.2:22\\naddressfamily inet\\nport 22\\nusepam yes\\n'",
        );
        machine.put(
            "../services",
            "Id=ssh.service\nNames=ssh.service sshd.service\nLoadState=loaded\n\
            ActiveState=inactive\nUnitFileState=disabled\nNeedDaemonReload=no\n\
            FragmentPath=/lib/systemd/system/ssh.service\n\
            DropInPaths=/etc/systemd/system/ssh.service.d/00-socket.conf\n\
            EnvironmentFiles=/etc/default/ssh (ignore_errors=yes)\nRequires=ssh.socket\n",
            0o644,
        );
        machine.put("../sockets", "Id=ssh.socket\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\
            Triggers=ssh.service\nListen=[::]:22 (Stream)\n\nId=dbus.socket\nTriggers=dbus.service\n", 0o644);
        machine
    }

    /// A path below the machine's root; the folder above is the test's.
    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path)
    }

    fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn program(&self, name: &str, script: &str) {
        let script = script.replace("root/status", "root/../status");
        self.put(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"), 0o755);
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    fn context(&self) -> Context {
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        let host =
            Host::with([("PATH", path)], "2026-11-21T08:00:00Z".parse::<Timestamp>().unwrap());
        let home = Some(self.dir.path().join("home"));
        Context::new("test", host, &Common { home, ..Common::default() }).unwrap()
    }

    /// Every path with what it holds, its mode, owner and age; folders by name only.
    fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.at("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                let owner = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
                let told = if meta.is_dir() {
                    folders.push(path.clone());
                    "folder".into()
                } else if meta.is_symlink() {
                    format!("link {} {owner}", fs::read_link(&path).unwrap().display())
                } else {
                    let age = (meta.mtime(), meta.mtime_nsec());
                    format!("{owner} {age:?} {:?}", fs::read(&path).unwrap())
                };
                found.insert(path, told);
            }
        }
        found
    }
}

#[track_caller]
fn assert_same(now: &BTreeMap<PathBuf, String>, before: &BTreeMap<PathBuf, String>) {
    let paths: std::collections::BTreeSet<_> = now.keys().chain(before.keys()).collect();
    let differs: Vec<_> = paths.into_iter().filter(|it| now.get(*it) != before.get(*it)).collect();
    assert!(differs.is_empty(), "these differ: {differs:?}");
}

fn options() -> Options {
    let mut options = Options::new("/opt/ai-ops-runner/bin/heal".into());
    options.answer_within = Duration::from_millis(50);
    options
}

/// What was seen, as if the address could be bound and sshd's sockets were known.
fn seen(fix: &Fix<'_>) -> (Facts, Plan) {
    let mut facts = fix.observe();
    facts.is_root = true;
    facts.tailnet.bind = Ok(());
    facts.listening = Ok(vec![]);
    match fix.decide(&facts) {
        Decision::Planned(plan) => (facts, plan),
        Decision::Refused(refusal) => panic!("{refusal}"),
    }
}

#[test]
fn every_step_is_taken_and_a_failed_verification_puts_everything_back() {
    let machine = Machine::new();
    let context = machine.context();
    let fix = Fix::new(&context, Place::below(&machine.at("")), options());
    let before = machine.tree();
    let (facts, plan) = seen(&fix);
    assert_same(&machine.tree(), &before);
    let outcome = fix.apply(&plan, &facts).unwrap();
    let Ended::RolledBack { because } = &outcome.ended else { panic!("{outcome:?}") };
    assert!(because.starts_with("step 10"), "{because}");
    assert_eq!(outcome.exit(), Exit::No);
    let numbers: Vec<u8> = outcome.actions.iter().map(|it| it.number).collect();
    let mut steps: Vec<u8> = numbers.iter().copied().filter(|it| *it > 0).collect();
    steps.dedup();
    assert_eq!(steps, [3, 4, 5, 6, 7, 8, 9, 10], "{outcome:?}");
    assert_same(&machine.tree(), &with_run_sshd(&before, &machine));
    assert!(fix.pending().unwrap().is_none());
    let log = machine.text("../log");
    let order = [
        "systemd-run --quiet --on-active=120",
        "stop ssh.socket",
        "enable ssh.service",
        "restart ssh.service",
        "stop ssh.service",
        "start ssh.socket",
    ];
    let places: Vec<usize> = order.iter().map(|it| log.find(it).expect(it)).collect();
    assert!(places.is_sorted(), "{log}");
}

/// sshd's folder is made for it, and stays.
fn with_run_sshd(tree: &BTreeMap<PathBuf, String>, machine: &Machine) -> BTreeMap<PathBuf, String> {
    let mut tree = tree.clone();
    for path in ["run", "run/sshd"] {
        tree.insert(machine.at(path), "folder".into());
    }
    tree
}

#[test]
fn without_tailscale_up_not_a_byte_changes() {
    let statuses = [
        UP.replace("Running", "Stopped"),
        UP.replace("Running", "NeedsLogin"),
        UP.replace("\"TUN\":true", "\"TUN\":false"),
        UP.replace("\"Online\":true", "\"Online\":false"),
        UP.replace("\"Online\":true", "\"Online\":true,\"Expired\":true"),
        UP.replace("100.64.1.2", "100.64.1.3"),
        "garbage".into(),
        String::new(),
    ];
    for status in statuses {
        let machine = Machine::new();
        machine.put("../status", &status, 0o644);
        let before = machine.tree();
        let context = machine.context();
        let fix = Fix::new(&context, Place::below(&machine.at("")), options());
        let outcome = fix.run().unwrap();
        assert!(matches!(outcome.ended, Ended::Refused(_)), "{status}: {outcome:?}");
        assert_eq!((outcome.exit(), outcome.actions.len()), (Exit::No, 0));
        assert_same(&machine.tree(), &before);
        let log = machine.text("../log");
        assert!(log.lines().all(|it| it.starts_with("show")), "{log}");
    }
}

#[test]
fn a_failure_at_any_command_puts_everything_back() {
    for failing in ["stop ssh.socket", "enable ssh.service", "restart ssh.service", "sshd"] {
        let machine = Machine::new();
        let context = machine.context();
        let fix = Fix::new(&context, Place::below(&machine.at("")), options());
        let before = machine.tree();
        let (facts, plan) = seen(&fix);
        // The programs are part of the tree: they change for the one call only.
        let name = if failing == "sshd" { "usr/sbin/sshd" } else { "bin/systemctl" };
        let script = machine.text(name);
        let fails = format!("#!/bin/sh\ncase \"$*\" in *'{failing}'*|-t*) exit 3;; esac\n");
        let changed = script.replacen("#!/bin/sh\n", &fails, 1);
        fs::write(machine.at(name), changed).unwrap();
        let outcome = fix.apply(&plan, &facts).unwrap();
        fs::write(machine.at(name), &script).unwrap();
        assert!(matches!(outcome.ended, Ended::RolledBack { .. }), "{failing}: {outcome:?}");
        let mut after = machine.tree();
        let mut before = with_run_sshd(&before, &machine);
        for tree in [&mut after, &mut before] {
            tree.remove(&machine.at(name));
        }
        assert_same(&after, &before);
    }
}

#[test]
fn a_file_that_changed_since_the_plan_is_not_written_over() {
    let machine = Machine::new();
    let context = machine.context();
    let fix = Fix::new(&context, Place::below(&machine.at("")), options());
    let (facts, plan) = seen(&fix);
    machine.put("etc/ssh/sshd_config", "UsePAM no\n", 0o600);
    let outcome = fix.apply(&plan, &facts).unwrap();
    let Ended::RolledBack { because } = &outcome.ended else { panic!("{outcome:?}") };
    assert!(because.contains("changed since the plan was made"), "{because}");
    assert_eq!(machine.text("etc/ssh/sshd_config"), "UsePAM no\n");
    let stale = fix.run_plan(&plan).unwrap();
    assert!(matches!(stale.ended, Ended::Refused(_)), "{stale:?}");
}

#[test]
fn without_a_record_or_a_way_back_nothing_is_changed() {
    for broken in ["bin/systemd-run", "home"] {
        let machine = Machine::new();
        let context = machine.context();
        let fix = Fix::new(&context, Place::below(&machine.at("")), options());
        if broken == "home" {
            fs::write(machine.dir.path().join("home"), "no folder").unwrap();
        } else {
            fs::write(machine.at(broken), "#!/bin/sh\nexit 1\n").unwrap();
        }
        let (facts, plan) = seen(&fix);
        let before = machine.tree();
        let failure = fix.apply(&plan, &facts).unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable, "{failure}");
        assert_same(&machine.tree(), &before);
    }
}

#[test]
fn a_change_that_another_home_has_recorded_is_left_alone() {
    let machine = Machine::new();
    let context = machine.context();
    let fix = Fix::new(&context, Place::below(&machine.at("")), options());
    machine.put("etc/systemd/system/aiops-sshd-rollback.service", "another's", 0o644);
    let (facts, plan) = seen(&fix);
    let before = machine.tree();
    assert_eq!(fix.apply(&plan, &facts).unwrap_err().exit, Exit::TryLater);
    assert_same(&machine.tree(), &before);
}

#[test]
fn two_never_run_at_once() {
    let machine = Machine::new();
    let context = machine.context();
    let fix = Fix::new(&context, Place::below(&machine.at("")), options());
    let lock = machine.dir.path().join("home/state/sshd-fix/lock");
    // The same machine with another home counts as the same.
    let other = context.host.lock_folder(&machine.at("etc/ssh")).unwrap().unwrap();
    assert_eq!(fix.run().unwrap_err().exit, Exit::TryLater);
    drop(other);
    let _held = context.host.lock(&lock).unwrap().unwrap();
    let before = machine.tree();
    for told in [
        fix.run().unwrap_err(),
        fix.rollback(Path::new("/x")).unwrap_err(),
        fix.confirm().unwrap_err(),
    ] {
        assert_eq!(told.exit, Exit::TryLater, "{told}");
    }
    assert_same(&machine.tree(), &before);
}
