//! `--notify` and `--watch`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{Machine, json};

/// Makes docker fail, or well again.
fn docker(machine: &Machine, is_well: bool) {
    let bound = if is_well { "127.0.0.1" } else { "0.0.0.0" };
    let container = format!(
        r#"[{{"Id":"0123456789abcdef","Name":"/web","State":{{"Status":"running"}},"HostConfig":{{"NetworkMode":"bridge","PortBindings":{{}}}},"NetworkSettings":{{"Ports":{{"80/tcp":[{{"HostIp":"{bound}","HostPort":"80"}}]}}}}}}]"#
    );
    fs::write(machine.path("container.next"), container).unwrap();
    fs::rename(machine.path("container.next"), machine.path("container")).unwrap();
    machine.program(
        "docker",
        &format!(
            "case \"$1\" in version) echo 28.2.2 ;; ps) echo x ;; container) cat {} ;; esac",
            machine.path("container").display()
        ),
    );
}

#[test]
fn each_failure_is_told_and_its_recovery_once() {
    let machine = Machine::new();
    docker(&machine, false);
    let call = ["host", "--notify", "--only", "docker_ports,keys"];
    assert_eq!(machine.run(&call).code, 1);
    let told = |machine: &Machine| {
        let alerts = machine.alerts();
        let each = alerts.iter().map(|it| {
            let alert = &it["alert"];
            format!("{} {}", alert["check"], alert["kind"]).replace('"', "")
        });
        each.collect::<Vec<_>>()
    };
    assert_eq!(told(&machine), ["doctor.docker_ports event"]);
    let alert = machine.alerts()[0]["alert"].clone();
    assert_eq!(alert["severity"], "high");
    assert!(alert["message"].as_str().unwrap().contains("What to do: publish on loopback"));
    // A call without --notify in between swallows nothing.
    docker(&machine, true);
    assert_eq!(machine.run(&["host", "--only", "docker_ports"]).code, 0);
    assert_eq!(machine.run(&["host", "--notify", "--only", "keys"]).code, 0);
    assert_eq!(told(&machine).len(), 1);
    assert_eq!(machine.run(&call).code, 0);
    assert_eq!(machine.run(&call).code, 0);
    assert_eq!(told(&machine), ["doctor.docker_ports event", "doctor.docker_ports recovery"]);
    machine.program("docker", "exit 1");
    assert_eq!(machine.run(&call).code, 69);
    assert_eq!(machine.alerts()[2]["alert"]["severity"], "warn", "an unknown is told too");
    assert!(machine.path("home/artifacts/runs").exists(), "alerting leaves a run record");
}

#[test]
fn an_alert_that_cannot_be_spooled_is_never_a_yes() {
    let machine = Machine::new();
    docker(&machine, false);
    fs::create_dir_all(machine.path("home/state")).unwrap();
    fs::write(machine.path("home/state/alerts"), "").unwrap();
    let said = machine.run(&["host", "--notify", "--only", "docker_ports"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("write an alert"), "{said:?}");
}

#[test]
fn watching_prints_what_changed_until_it_is_told_to_stop() {
    let machine = Machine::new();
    docker(&machine, true);
    let mut command = machine.command(&["host", "--watch", "1", "--only", "docker_ports"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |part: &str| loop {
        let line = lines.next().unwrap().unwrap();
        if line.contains(part) {
            return line;
        }
    };
    until("1 pass, 8 skip");
    docker(&machine, false);
    assert!(until("docker_ports: pass → fail").contains("web 0.0.0.0:80->80/tcp"));
    docker(&machine, true);
    until("docker_ports: fail → pass");
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "the last report decides");
    let last = machine.reports();
    assert!(last.len() >= 3, "{last:?}");
    let _report = json(&machine.run(&["--json", "--only", "docker_ports"]));
}
