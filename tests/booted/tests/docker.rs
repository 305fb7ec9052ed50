//! A real Docker engine in a machine.

use booted::{Answer, Base, IMAGE, Machine, Options, PUBLIC_ADDRESS};

#[test]
fn a_container_publishes_a_port_that_is_reachable_from_outside() {
    let base = booted::or_skip!(Base::get());
    let base = booted::or_skip!(base.with_docker());
    let mut machine = Machine::boot(&base, Options::for_containers());
    machine.docker_ready();
    let script = "while true; do echo hello from inside | nc -l -p 80; done";
    for (name, publish) in [("open", "8080:80"), ("closed", "127.0.0.1:8081:80")] {
        let argv = ["docker", "run", "-d", "--restart=always", "--name", name, "-p", publish];
        let argv = argv.into_iter().chain([IMAGE, "/bin/sh", "-c", script]);
        drop(machine.run(argv).expect(0));
    }
    let public = PUBLIC_ADDRESS.parse().unwrap();
    let open = Answer::Open("hello from inside".to_owned());
    assert_eq!(machine.knock(public, 8080), open);
    assert_eq!(machine.knock(public, 8081), Answer::Refused);
    let ports = "{{json .NetworkSettings.Ports}}";
    let ran = machine.run(["docker", "inspect", "open", "--format", ports]).expect(0);
    assert_eq!(ran.json()["80/tcp"][0]["HostIp"], "0.0.0.0");
    booted::note(&format!("base {} MiB, machine {} KiB", base.size() >> 20, machine.used() >> 10));

    machine.reboot(booted::Until::Settled);
    booted::wait_until("it is started again", || machine.knock(public, 8080) == open);
}
