//! What a person at a terminal sees of work that takes long, and what nobody else sees.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use jobs::JobId;

use crate::support::World;

/// The call of a job that goes on until `.work/go` is there, through a terminal by way of `script`
/// from util-linux; what it shows on the way to its end.
fn shown(more: &str, until: &str) -> Option<String> {
    for program in ["script", "bwrap"] {
        if ops_core::host::Host::real().find_program(program).is_none() {
            let part = format_args!("{}: {more}", skipped::this_test());
            skipped::told(part, format_args!("{program} is not installed"));
            return None;
        }
    }
    let world = World::new(false);
    // Where nothing may be shown, it lasts as long as what would be shown would be late.
    let last = if until.is_empty() { "sleep 3" } else { "" };
    let wait = "while [ ! -e $ARTIFACT_DIR/go ]; do sleep 0.05; done";
    world.put("job.sh", &format!("#!/bin/sh\n{wait}\n{last}\n"));
    world.commit("job");
    let host = ops_core::host::Host::real();
    let folder = world.path("home/artifacts/jobs");
    let folder = folder.join(JobId::new(host.now(), host.random()).as_str());
    let path = folder.to_str().unwrap();
    let args = ["run", "--job", "hostile", "--repo", "target", "--artifact-dir", path];
    let call = world.command(&args);
    let words = [call.get_program()].into_iter().chain(call.get_args());
    let words: Vec<&str> = words.filter_map(|it| it.to_str()).collect();
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60", "script", "--quiet", "--return", "--flush"]);
    command.args(["--command", &format!("{}{more}", words.join(" ")), "/dev/null"]).env_clear();
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("SHELL", "/bin/sh").env("TERM", "xterm").env("OUT", world.path("out"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut text, mut byte) = (String::new(), [0]);
    while !until.is_empty() && !text.contains(until) {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "{until:?} never came: {text:?}");
        text.push_str(&String::from_utf8_lossy(&byte));
    }
    while fs::write(folder.join(".work/go"), "").is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its job began: {text:?}");
    }
    let mut rest = vec![];
    out.read_to_end(&mut rest).unwrap();
    text.push_str(&String::from_utf8_lossy(&rest));
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text:?}");
    Some(text)
}

#[test]
fn a_job_that_takes_long_gives_signs_of_life_on_a_terminal() {
    let Some(text) = shown("", "running the job") else { return };
    let (signs, report) = text.split_once("\"schema\":\"aiops.job/1\"").unwrap();
    assert!(signs.contains("running the job 1s"), "{signs:?}");
    assert!(!report.contains("running the job"), "it goes before the report comes: {report:?}");
}

#[test]
fn nobody_but_a_terminal_and_who_wants_it_gets_signs_of_life() {
    for more in [" --quiet", " 2>$OUT; cat $OUT"] {
        let Some(text) = shown(more, "") else { return };
        assert!(!text.contains("running the job") && !text.contains('\u{1b}'), "{text:?}");
    }
}
