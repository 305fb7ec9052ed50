//! What the hooks ask of the machine, by strace: no network, no secret, no other program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::desk::{Desk, Told, program};

/// Calls that reach beyond this process: sockets of any kind, the kernel's keyring.
const CALLS: [&str; 8] = [
    "socket(",
    "socketpair(",
    "connect(",
    "bind(",
    "sendto(",
    "keyctl(",
    "request_key(",
    "add_key(",
];

/// Words in the paths of secrets: the folders they lie in, their names, the keychain's bus.
const SECRET: [&str; 6] =
    ["secrets", "credentials", "signing_key", "api_key", "session-bus", "keyring"];

/// Where a secret is found by whatever looks for one.
fn with_secrets<'a>(desk: &Desk, command: &'a mut Command) -> &'a mut Command {
    let root = desk.root();
    let credentials = root.join("credentials");
    fs::create_dir_all(&credentials).unwrap();
    fs::copy(root.join("secrets/verdict_signing_key"), credentials.join("verdict_signing_key"))
        .unwrap();
    let bus = format!("unix:path={}", root.join("session-bus").display());
    command
        .env("CREDENTIALS_DIRECTORY", credentials)
        .env("DBUS_SESSION_BUS_ADDRESS", bus)
        .env("XDG_RUNTIME_DIR", &root)
}

/// The words before a program and its arguments that have its calls written to a file.
fn tracer(to: &Path) -> Vec<String> {
    let calls = "trace=%network,%file,execve,keyctl,request_key,add_key";
    ["strace", "-f", "-o", to.to_str().unwrap(), "-e", calls].map(str::to_owned).to_vec()
}

/// A hook that is a traced call of the gate, and nothing else.
fn put_hook(path: &Path, trace: &Path, call: &str) {
    let words = tracer(trace).join(" ");
    let program = program("review-gate");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\nexec {words} {} {call}\n", program.display())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A push, by somebody who has secrets.
fn push(desk: &Desk, args: &[&str]) -> Told {
    let mut command = desk.bare("git");
    command.args(["push", "-q"]).args(args);
    with_secrets(desk, &mut command).output().unwrap().into()
}

/// Demands that the trace shows an answer, and nothing that none needs.
#[track_caller]
fn is_quiet(trace: &Path, reads: &str) {
    let text = fs::read_to_string(trace).unwrap();
    assert!(text.contains(reads), "the trace shows what it opens: {text}");
    for word in CALLS.iter().chain(&SECRET) {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let started: Vec<&str> = text.lines().filter(|line| line.contains("execve(")).collect();
    assert_eq!(started.len(), 1, "nothing else is started: {started:?}");
    fs::remove_file(trace).unwrap();
}

/// Why nothing can be traced here, if nothing can.
fn untraceable(desk: &Desk) -> Option<String> {
    let words = tracer(&desk.root().join("trial"));
    let done = match desk.bare(&words[0]).args(&words[1..]).arg("true").output() {
        Ok(done) => Told::from(done),
        Err(_) => return Some("strace is not installed".into()),
    };
    (done.code != 0).then(|| format!("no tracing here: {}", done.err))
}

/// A repository with a remote that has its start, and a change on top.
fn changed() -> (Desk, PathBuf, String) {
    let desk = Desk::new();
    let remote = desk.root().join("remote.git");
    desk.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    desk.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    desk.git(&["push", "-q", "origin", "main"]);
    let start = desk.head();
    desk.change("src/a.rs", "fn a() {}\n");
    (desk, remote, start)
}

#[test]
fn check_and_pre_receive_open_no_network_and_read_no_secret_whatever_the_answer() {
    let (desk, remote, start) = changed();
    if let Some(why) = untraceable(&desk) {
        return skipped::told(skipped::this_test(), why);
    }
    let trace = desk.root().join("trace");
    put_hook(&desk.path(".git/hooks/pre-push"), &trace, "check -- \"$@\"");
    push(&desk, &["origin", "main"]).is(1, &["refs/heads/main"]);
    is_quiet(&trace, "aiops/verdicts");

    // What does need both is seen to: else the silence above would say nothing.
    let words = tracer(&trace);
    let mut review = desk.bare(&words[0]);
    review.args(&words[1..]).arg(program("review-gate"));
    review.args(["run", "--gate", "--since", &start]);
    Told::from(with_secrets(&desk, &mut review).output().unwrap()).is(0, &["APPROVED"]);
    let text = fs::read_to_string(&trace).unwrap();
    for word in ["socket(", "connect(", "signing_key", "api_key", "secrets", "credentials"] {
        assert!(text.contains(word), "{word}");
    }

    push(&desk, &["--dry-run", "origin", "main"]).is(0, &[]);
    is_quiet(&trace, "aiops/verdicts");

    put_hook(&remote.join("hooks/pre-receive"), &trace, "pre-receive");
    push(&desk, &["--no-verify", "origin", "main"]).is(1, &["refs/heads/main"]);
    is_quiet(&trace, "refs/notes/aiops-verdicts");
    let both = ["--no-verify", "origin", "main", "refs/notes/aiops-verdicts"];
    push(&desk, &both).is(0, &[]);
    is_quiet(&trace, "refs/notes/aiops-verdicts");
    assert_eq!(desk.git(&["ls-remote", "origin", "main"]).split('\t').next(), Some(&*desk.head()));
}
