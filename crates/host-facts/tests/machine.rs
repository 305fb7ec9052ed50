//! The collector on a made-up machine: real processes, which play tailscale, docker and systemctl.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests make the machine")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use host_facts::observe::Keys;
use host_facts::{Endpoint, Facts, Part, Seen, Wanted, collect};
use ops_core::config::{self, Source};
use ops_core::host::Host;
use ops_core::time;

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a program on this machine's PATH.
    fn program(&self, name: &str, script: &str) {
        let path = self.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn host(&self) -> Host {
        let path = format!("{}:/usr/bin:/bin", self.path().join("bin").display());
        Host::with([("PATH", path)], time::parse("2026-11-21T07:00:00Z").unwrap())
    }

    fn wanted(&self, parts: &[Part]) -> Wanted {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoint = Endpoint { address: closed, path: "/healthz".into() };
        Wanted {
            parts: parts.iter().copied().collect(),
            deadline: Duration::from_secs(20),
            home: self.path().join("home"),
            compose: vec![self.path().join("compose.yaml")],
            api: endpoint.clone(),
            console: endpoint,
            mounts: vec!["/".into(), "/no/such/place".into()],
            logs: vec![self.path().join("bin"), self.path().join("none")],
            keys: Ok(Keys {
                registry: config::load(&self.host(), &Source::Shipped).unwrap(),
                folder: self.path().join("secrets"),
            }),
            guard_timer: "aiops-guard.timer".into(),
            guard_log: self.path().join("guard.log"),
        }
    }

    fn facts(&self, parts: &[Part]) -> Facts {
        collect(&self.host(), &self.wanted(parts))
    }
}

fn why<T: std::fmt::Debug>(seen: &Seen<T>) -> &str {
    match seen {
        Seen::Unknown { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_is_asked_for_is_looked_at_and_no_program_is_unknown() {
    let machine = Machine::new();
    let host = Host::with([("PATH", "/nonexistent")], time::parse("2026-11-21T07:00:00Z").unwrap());
    let asked = [Part::Tailscale, Part::Docker, Part::Compose, Part::Guard];
    let facts = collect(&host, &machine.wanted(&asked));
    assert!(why(&facts.tailscale).contains("no program `tailscale`"));
    assert!(why(&facts.docker).contains("no program `docker`"));
    assert!(why(&facts.compose).contains("no program `docker`"));
    assert!(why(&facts.guard.ok().unwrap().timer).contains("no program `systemctl`"));
    assert_eq!((&facts.sockets, &facts.disk), (&Seen::NotAsked, &Seen::NotAsked));
    assert_eq!(facts.part_ms.len(), asked.len());
    assert_eq!(facts.collected_at, "2026-11-21T07:00:00.000Z");
}

#[test]
fn every_part_is_read_as_the_programs_tell_it() {
    let machine = Machine::new();
    machine.program(
        "tailscale",
        r#"case "$1 $2" in
"status --json") printf '{"Version":"1.98.2","TUN":true,"BackendState":"Running","TailscaleIPs":["100.101.102.103"],"Self":{"Online":true,"DNSName":"a.example.ts.net."},"Health":[]}' ;;
"ip -4") echo 100.101.102.103 ;;
"funnel status") echo '{}' ;;
*) echo 'no such thing' >&2; exit 1 ;;
esac"#,
    );
    machine.program(
        "docker",
        r#"case "$1 $4" in
"version "*) echo 28.2.2 ;;
"ps "*) echo 0123456789abcdef ;;
"container "*) echo '[{"Id":"0123456789abcdef","Name":"/web","State":{"Status":"running"},"HostConfig":{"NetworkMode":"bridge","PortBindings":{}},"NetworkSettings":{"Ports":{}}}]' ;;
"compose config") echo api; echo db ;;
"compose ps") echo '{"Name":"a","Service":"api","State":"running"}' ;;
esac"#,
    );
    machine.program(
        "systemctl",
        r#"case "$1" in
list-timers) echo '[{"next":1795231784632011,"left":1,"last":0,"passed":0,"unit":"aiops-guard.timer","activates":"aiops-guard.service"}]' ;;
show) printf 'LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n' ;;
esac"#,
    );
    fs::write(machine.path().join("guard.log"), "ts=2026-11-21T06:55:00.000Z event=pass\n")
        .unwrap();
    let facts = machine.facts(&Part::ALL);
    let tailscale = facts.tailscale.known().unwrap();
    assert_eq!(tailscale.ipv4, Seen::Seen("100.101.102.103".parse().unwrap()));
    assert_eq!(tailscale.funnel, Seen::Seen(vec![]));
    assert!(why(&tailscale.ssh).contains("ended with code 1: no such thing"));
    let docker = facts.docker.known().unwrap();
    assert_eq!((docker.engine.as_str(), docker.containers.len()), ("28.2.2", 1));
    let compose = facts.compose.known().unwrap();
    assert_eq!(compose[0].services, ["api", "db"]);
    let guard = facts.guard.known().unwrap();
    let timer = guard.timer.known().unwrap();
    assert_eq!((timer.last_us, timer.next_us), (None, Some(1_795_231_784_632_011)));
    let end = guard.log.known().unwrap().clone().unwrap();
    assert_eq!(end.event.as_deref(), Some("pass"));
    assert_eq!(facts.api.known().unwrap().status, None);
    let disk = facts.disk.known().unwrap();
    assert!(disk.mounts[0].space.ok().is_some() && disk.mounts[1].space.ok().is_none());
    assert_eq!(disk.logs[1].bytes, Seen::Seen(None));
    assert!(facts.keys.known().unwrap().iter().all(|it| it.problem.is_none()));
    let text = serde_json::to_vec(&facts).unwrap();
    assert_eq!(serde_json::from_slice::<Facts>(&text).unwrap(), facts);
}

#[test]
fn a_part_that_hangs_is_unknown_and_holds_up_nobody() {
    let machine = Machine::new();
    machine.program("docker", "sleep 600");
    let mut wanted = machine.wanted(&[Part::Docker, Part::Addresses]);
    wanted.deadline = Duration::from_millis(300);
    let facts = collect(&machine.host(), &wanted);
    assert!(why(&facts.docker).contains("no answer in time"), "{:?}", facts.docker);
    assert!(facts.addresses.ok().is_some());
}

#[test]
fn a_container_that_goes_away_in_between_is_asked_about_again() {
    let machine = Machine::new();
    let tried = machine.path().join("tried");
    machine.program(
        "docker",
        &format!(
            r#"case "$1" in
version) echo 28 ;;
ps) if [ -e {0} ]; then echo; else echo gone; fi ;;
container) touch {0}; echo '[]'; echo 'No such container: gone' >&2; exit 1 ;;
esac"#,
            tried.display()
        ),
    );
    assert_eq!(machine.facts(&[Part::Docker]).docker.known().unwrap().containers, []);
    machine.program("docker", "case $1 in version) echo 28;; ps) echo x;; *) exit 1;; esac");
    assert!(why(&machine.facts(&[Part::Docker]).docker).contains("inspect` ended with code 1"));
}

#[test]
fn a_secret_is_shown_masked_and_one_with_the_wrong_mode_says_how_to_mend_it() {
    let machine = Machine::new();
    let folder = machine.path().join("secrets");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let value = format!("{}-{}", "sk", "0123456789abcdefghijklmnopWXYZ");
    for (name, mode) in [("openai_api_key", 0o600), ("mistral_api_key", 0o644)] {
        fs::write(folder.join(name), &value).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let facts = machine.facts(&[Part::Keys]);
    let keys = facts.keys.known().unwrap();
    let key = |name: &str| keys.iter().find(|it| it.name == name).unwrap();
    assert_eq!(key("openai_api_key").source.as_deref(), Some("file"));
    assert!(key("openai_api_key").masked.as_deref().unwrap().ends_with("WXYZ"));
    assert_eq!(key("openai_api_key").fingerprint.as_deref().unwrap().len(), 8);
    assert!(key("mistral_api_key").problem.as_deref().unwrap().contains("0644"));
    assert!(key("mistral_api_key").mend.as_deref().unwrap().starts_with("chmod 0600"));
    let text = serde_json::to_string(&facts).unwrap();
    assert!(!text.contains("0123456789abcdefghij"), "{text}");
}
