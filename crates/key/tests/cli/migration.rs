//! Secrets of older installs: moved once, and never lost.

use crate::machine::Machine;

const VALUE: &str = "canary-0123456789-abcd";

#[test]
fn each_file_is_moved_found_there_already_or_left_and_told() {
    let machine = Machine::new();
    machine.put("older/console_token", VALUE, 0o600);
    machine.put("older/RUNNER_TOKEN", VALUE, 0o600);
    machine.put("secrets/runner_token", VALUE, 0o600);
    machine.put("older/bridge_hmac", VALUE, 0o600);
    machine.put("secrets/bridge_hmac", "another-value", 0o600);
    machine.put("older/openai_api_key", VALUE, 0o644);
    machine.put("older/readme.txt", "hello", 0o644);
    machine.put("older/gmail_user", "", 0o600);
    std::os::unix::fs::symlink("/etc/hostname", machine.path("older/pushover_token")).unwrap();
    let said = machine.run("migrate --json").expect(1);
    let told: Vec<String> = said.json()["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let name = it["path"].as_str().unwrap().rsplit('/').next().unwrap();
            format!("{name} {}", it["outcome"].as_str().unwrap())
        })
        .collect();
    let want = [
        "RUNNER_TOKEN already_there",
        "bridge_hmac differs",
        "console_token moved",
        "gmail_user unknown",
        "openai_api_key refused",
        "pushover_token refused",
        "readme.txt unknown",
    ];
    assert_eq!(told, want);
    assert_eq!(machine.get("secrets/console_token").trim(), VALUE);
    assert_eq!(machine.get("secrets/bridge_hmac"), "another-value");
    assert_eq!(machine.get("older/bridge_hmac"), VALUE);
    assert!(!machine.is_there("older/console_token") && !machine.is_there("older/RUNNER_TOKEN"));
    assert!(machine.is_there("older/openai_api_key") && machine.is_there("older/readme.txt"));
    let again = machine.run("migrate").expect(1);
    assert!(again.out.contains("DIFFERS") && again.out.contains("chmod 0600"), "{again:?}");
}

#[test]
fn nothing_to_move_is_fine_and_the_folder_in_use_is_never_emptied() {
    let machine = Machine::new();
    let said = machine.run("migrate").expect(0);
    assert_eq!(said.out, "nothing lies in older places\n");
    std::fs::remove_dir(machine.path("older")).unwrap();
    drop(machine.run("migrate").expect(0));
    machine.put("secrets/console_token", VALUE, 0o600);
    std::os::unix::fs::symlink(machine.path("secrets"), machine.path("older")).unwrap();
    drop(machine.run("migrate").expect(0));
    assert_eq!(machine.get("secrets/console_token"), VALUE);
    std::fs::remove_file(machine.path("older")).unwrap();
    std::fs::create_dir(machine.path("older")).unwrap();
    // One file by two names, as a mount can show it.
    let (here, there) =
        (machine.path("secrets/console_token"), machine.path("older/console_token"));
    std::fs::hard_link(here, there).unwrap();
    let said = machine.run("migrate").expect(1);
    assert!(said.out.contains("the very file in use"), "{said:?}");
    assert_eq!(machine.get("secrets/console_token"), VALUE);
}
