//! `watch` goes on until it is asked to end.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::world::World;

#[test]
fn watch_tells_the_manager_goes_on_after_a_failure_and_ends_when_asked() {
    let mut world = World::new();
    let socket = world.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    world.env.push(("NOTIFY_SOCKET".into(), socket.to_str().unwrap().into()));
    world.settings(1, 20);
    let configs = world.path("configs/bridge.yaml");
    let text = std::fs::read_to_string(&configs).unwrap();
    std::fs::write(&configs, text.replace("every_seconds: 60", "every_seconds: 1")).unwrap();
    world.outcome("a", 1);
    let away = world.path("away.git");
    std::fs::rename(&world.remote, &away).unwrap();
    let mut child =
        world.binary(&["watch"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.contains("cannot publish")));
    std::fs::rename(&away, &world.remote).unwrap();
    assert!(lines.any(|line| line.contains("published 1 outcome in 1 commit")));
    assert_eq!(world.subjects().len(), 2);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(out.starts_with("ended as asked"), "{out}");
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !heard.iter().any(|it: &String| it.contains("STOPPING=1")) {
        let count = manager.recv(&mut buffer).unwrap();
        heard.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
    assert!(heard[0].contains("READY=1"), "{heard:?}");
    assert!(heard.iter().any(|it| it.contains("STATUS=published 1 outcome")), "{heard:?}");
}
