//! Documents that come in by the remote.

use std::fs;

use crate::world::{World, command};

fn inbound(world: &World) -> Vec<String> {
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let names = said.json["inbound"].as_array().unwrap().clone();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn documents_that_were_pushed_appear_once_and_the_branch_follows() {
    let world = World::new();
    world.other_pushes(&[
        ("commands/a.json", Some(&command("a"))),
        ("commands/.hidden.json", Some("{}")),
        ("commands/sub/b.json", Some("{}")),
        ("commands/note.txt", Some("x")),
    ]);
    assert_eq!(inbound(&world), ["a.json"]);
    assert_eq!(world.read("commands/a.json"), command("a"));
    assert!(!world.root.join("commands/.hidden.json").exists());
    assert!(!world.root.join("commands/sub").exists());
    assert_eq!(world.git(&["rev-parse", "HEAD"]), world.git_remote(&["rev-parse", "main"]));
    // The executor takes it; nothing brings it back.
    fs::remove_file(world.root.join("commands/a.json")).unwrap();
    world.outcome("a", 1);
    assert_eq!(inbound(&world), Vec::<String>::new());
    assert!(!world.root.join("commands/a.json").exists());
    // The client removes it on the remote as well.
    world.other_pushes(&[("commands/a.json", None), ("commands/c.json", Some(&command("c")))]);
    assert_eq!(inbound(&world), ["c.json"]);
    assert_eq!(fs::read_dir(world.root.join("commands")).unwrap().count(), 1);
}

#[test]
fn what_was_processed_does_not_come_back_even_when_our_memory_is_gone() {
    let world = World::new();
    let letter = serde_json::json!({
        "schema": "aiops.bridge.dead_letter/1", "name": "wrong.json", "id": null, "accepted": false,
        "reason": "bad_hmac", "detail": "", "at": "2026-01-01T00:00:00Z", "hmac_ok": false,
        "input_bytes": 9, "input": "{\"a\": 1}\n",
    });
    world.write("dead_letter/wrong.1.json", &letter.to_string());
    world.write("archive/archived.json", "x");
    world.write("dead_letter/dead.json", "{}");
    world.write("meta/held/held.json", "{}");
    world.write("results/resulted.json", "{}");
    world.other_pushes(&[
        ("commands/1.json", Some(&command("archived"))),
        ("commands/2.json", Some(&command("dead"))),
        ("commands/3.json", Some(&command("held"))),
        ("commands/4.json", Some(&command("resulted"))),
        ("commands/5.json", Some(&command("../../etc/passwd"))),
        ("commands/6.json", Some(&command("new"))),
        ("commands/wrong.json", Some("{\"a\": 1}\n")),
        ("commands/wrong2.json", Some("{\"a\": 2}\n")),
    ]);
    assert_eq!(inbound(&world), ["5.json", "6.json", "wrong2.json"]);
}

#[test]
fn a_document_that_waits_here_is_never_overwritten() {
    let world = World::new();
    world.write("commands/a.json", "mine");
    world.other_pushes(&[("commands/a.json", Some(&command("a")))]);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["inbound"], serde_json::json!([]));
    assert!(said.json["notes"].to_string().contains("commands/a.json is not delivered"));
    assert_eq!(world.read("commands/a.json"), "mine");
    assert_eq!(said.json["branch_moved"], true);
}

#[test]
fn documents_arrive_while_the_remote_takes_no_push_and_while_work_is_in_the_way() {
    let world = World::new();
    world.write("README", "mine\n");
    world.other_pushes(&[("commands/a.json", Some(&command("a"))), ("README", Some("two\n"))]);
    let hook = world.remote.join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.outcome("x", 1);
    assert_eq!(world.once().code, 69);
    assert_eq!(world.read("commands/a.json"), command("a"));
    // A person cancels it; it stays cancelled.
    fs::remove_file(world.root.join("commands/a.json")).unwrap();
    assert_eq!(world.once().code, 69);
    assert!(!world.root.join("commands/a.json").exists());
    assert_eq!(world.read("README"), "mine\n");
}
