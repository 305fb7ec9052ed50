//! A secret that must turn up nowhere: not on a stream, in a file, a record, a log or a command line.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use ops_core::host::Host;

use crate::machine::{Machine, finish};

/// Long enough not to turn up by chance; of the shape that no redactor knows.
const CANARY: &str = "kanarienvogel-7f3a9c-0123456789";

fn assert_absent(what: &str, bytes: &[u8]) {
    let needle = CANARY.as_bytes();
    assert!(!bytes.windows(needle.len()).any(|window| window == needle), "it is in {what}");
}

#[test]
fn it_is_on_no_stream_and_in_no_file_but_its_own_whatever_is_called() {
    let machine = Machine::new().env("RUNNER_TOKEN", CANARY);
    let own = ["secrets/bridge_hmac", "secrets/bridge_hmac_next", "secrets/console_token"];
    let put = |mode: u32| own.iter().for_each(|name| machine.put(name, CANARY, mode));
    let calls = [
        "list",
        "list --json",
        "-vvv list",
        "status console_token",
        "status runner_token --json",
        "print-source console_token",
        "set console_token",
        "set console_token --to keychain",
        "set openai_api_key --json",
        "set nope",
        "set verdict_signing_key",
        "doctor",
        "doctor console_token --json",
        "emit-env nope",
        "emit-env console_token openai_api_key_that_is_not_there",
        "emit-env console_token --json",
        "exec console_token -- true",
        "exec console_token -- /no/such/program",
        "exec console_token mistral_api_key -- true",
        "rotate bridge_hmac status",
        "rotate bridge_hmac begin",
        "rotate bridge_hmac promote",
        "rotate bridge_hmac retire",
        "rotate bridge_hmac retire --now",
        "generate console_token",
        "generate console_token --force",
        "delete runner_token",
        "delete console_token",
        "migrate",
        "scan secrets",
        "scan --diff",
        "scan -",
    ];
    for mode in [0o600, 0o644] {
        for call in calls {
            put(mode);
            machine.put("older/gmail_user", CANARY, mode);
            machine.put("older/console_token", &format!("{CANARY}2"), mode);
            let said = machine.feed(call, CANARY.as_bytes());
            assert_absent(&format!("the output of {call}"), said.out.as_bytes());
            assert_absent(&format!("the diagnostics of {call}"), said.err.as_bytes());
            for below in ["home", "configs"] {
                for (path, bytes) in machine.files(below) {
                    assert_absent(&format!("{} after {call}", path.display()), &bytes);
                }
            }
            for (path, _) in machine.files("secrets") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                assert!(!name.starts_with('.'), "{name} was left by {call}");
            }
        }
    }
}

#[test]
fn the_disk_being_full_or_nobody_reading_shows_nothing_either() {
    let machine = Machine::new();
    machine.put("secrets/console_token", CANARY, 0o600);
    for call in ["status nope", "exec nope -- true", "set nope", "--no-such-option"] {
        let words: Vec<&str> = call.split(' ').collect();
        let mut command = machine.command(&words);
        command.stderr(fs::File::options().write(true).open("/dev/full").unwrap());
        let code = command.stdin(Stdio::null()).status().unwrap().code();
        assert_eq!(code, Some(if call.starts_with("exec") { 125 } else { 2 }), "{call}");
    }
    for call in ["list", "status console_token", "emit-env console_token"] {
        let words: Vec<&str> = call.split(' ').collect();
        let mut command = machine.command(&words);
        command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(69), "{call}");
        assert_absent(call, &output.stderr);
    }
}

/// A program that `exec` became, that has answered once and waits for its standard input to end.
fn waiting(machine: &Machine) -> Child {
    let mut command = machine.command(&["exec", "console_token", "--", "cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"ready\n").unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    child
}

#[test]
fn it_is_in_no_command_line_and_core_dumps_are_off() {
    let machine = Machine::new();
    machine.put("secrets/console_token", CANARY, 0o600);
    let mut child = waiting(&machine);
    let proc = format!("/proc/{}", child.id());
    assert_absent("its command line", &fs::read(format!("{proc}/cmdline")).unwrap());
    let limits = fs::read_to_string(format!("{proc}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    let environ = fs::read(format!("{proc}/environ")).unwrap();
    let wanted = format!("CONSOLE_TOKEN={CANARY}");
    assert!(environ.split(|byte| *byte == 0).any(|it| it == wanted.as_bytes()));
    // Its own record is closed: what runs now is another program's run.
    assert_eq!(machine.records().pop().unwrap()["status"], "success");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_waiting_key_dumps_nothing_and_lets_nobody_look_into_its_memory() {
    let machine = Machine::new();
    let mut command = machine.command(&["set", "console_token"]);
    if rustix::process::geteuid().is_root() {
        // Root's processes belong to root either way.
        command = machine.as_nobody(&["set", "console_token"]);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let proc = format!("/proc/{}", child.id());
    // The run record is written just before standard input is read.
    let host = Host::real();
    while machine.records_if_whole().is_none() {
        host.pause(std::time::Duration::from_millis(5));
    }
    let limits = fs::read_to_string(format!("{proc}/limits")).unwrap();
    assert!(limits.contains("Max core file size        0                    0"), "{limits}");
    // A process that cannot be dumped belongs to root in /proc, whoever started it.
    let owner =
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("{proc}/environ")).unwrap());
    assert_eq!(owner, 0);
    for thread in fs::read_dir(format!("{proc}/task")).unwrap() {
        let line = fs::read(thread.unwrap().path().join("cmdline")).unwrap();
        assert_absent("its command line", &line);
    }
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(65));
}

#[test]
fn it_is_not_in_what_a_program_without_it_gets() {
    let machine = Machine::new().env("CONSOLE_TOKEN", CANARY).env("AIOPS_BACKTRACE", "1");
    machine.put("secrets/runner_token", "another-value", 0o600);
    let words = ["exec", "runner_token", "--", "sh", "-c", "cat /proc/self/environ; env"];
    let said = finish(machine.command(&words), b"").expect(0);
    assert_absent("its environment", said.out.as_bytes());
}
