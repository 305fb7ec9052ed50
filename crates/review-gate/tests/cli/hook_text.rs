//! The text of the pre-push hook: what it runs, how it takes what git hands it, and which texts count.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::desk::Told;
use crate::hooks::{git, path, plain, run};

#[test]
fn a_missing_binary_lets_nothing_through_and_says_so() {
    let desk = plain();
    run(&desk, "install-hooks").is(0, &[]);
    let mut push = desk.bare("git");
    push.args(["push", "-q", "origin", "main"]);
    let told = Told::from(push.output().unwrap());
    if std::path::Path::new("/opt/ai-ops-runner/bin/review-gate").exists() {
        return skipped::told(skipped::this_test(), "one is installed");
    }
    told.is(1, &["review-gate: not found"]);
    assert_eq!(desk.git(&["ls-remote", "origin"]), "", "nothing moved");
    // A push that fails for another reason than the hook's answer shows nothing.
    desk.run("install-hooks")
        .is(1, &["failed, but not by the hook's answer", "cargo build --release"]);
}

/// A program that says which it is, and how it was called.
fn put_gate(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let script = format!("#!/bin/sh\necho {}: \"$@\"\n", path.display());
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_hook_is_one_line_and_takes_the_first_gate_there_is_of_four_places() {
    let lines = review_gate::hooks::PRE_PUSH.lines().filter(|it| !it.starts_with('#'));
    assert_eq!(lines.count(), 1);
    if Path::new("/opt/ai-ops-runner/bin/review-gate").exists() {
        return skipped::told(skipped::this_test(), "one is installed");
    }
    let desk = plain();
    let hook = desk.path("hook");
    let installed = desk.root().join("opt");
    let text = review_gate::hooks::PRE_PUSH;
    fs::write(&hook, text.replace("/opt/ai-ops-runner/bin", installed.to_str().unwrap())).unwrap();
    let named = desk.root().join("bin");
    let path = format!("{}:{}", named.display(), std::env::var("PATH").unwrap());
    let places = [installed, named, desk.path("target/release"), desk.path("target/debug")]
        .map(|folder| folder.join("review-gate"));
    let call = |shell: &str, args: &[&str]| -> Told {
        let mut command = desk.bare(shell);
        command.arg(&hook).args(args).env("PATH", &path).output().unwrap().into()
    };
    for shell in ["sh", "dash", "bash"] {
        if desk.bare(shell).args(["-c", ":"]).output().is_err() {
            skipped::told(format_args!("{shell} in {}", skipped::this_test()), "not installed");
            continue;
        }
        for place in &places {
            put_gate(place);
        }
        for place in &places {
            let shown = place.strip_prefix(desk.path("")).unwrap_or(place);
            let shown = format!("{}: check -- --help a b\n", shown.display());
            let said = call(shell, &["--help", "a b"]);
            said.is(0, &[]);
            assert!(said.out.ends_with(&shown), "{shell}: {said:?}");
            // What nobody can run is passed over, as what is not there.
            fs::set_permissions(place, fs::Permissions::from_mode(0o644)).unwrap();
        }
        for what in ["nobody may run", "are folders", "are not there"] {
            let said = call(shell, &["origin", "url"]);
            assert!([126, 127].contains(&said.code), "{shell}, gates that {what}: {said:?}");
            assert!(said.err.contains("review-gate: "), "{said:?}");
            for place in &places {
                match what {
                    "nobody may run" => {
                        fs::remove_file(place).unwrap();
                        fs::create_dir(place).unwrap();
                    }
                    "are folders" => fs::remove_dir(place).unwrap(),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn a_hook_of_an_older_version_goes_on_to_count() {
    let desk = plain();
    let older = include_str!("../../src/hooks/pre-push-loop");
    assert_ne!(older, review_gate::hooks::PRE_PUSH);
    desk.put(".githooks/pre-push", older);
    fs::set_permissions(desk.path(".githooks/pre-push"), fs::Permissions::from_mode(0o755))
        .unwrap();
    desk.commit("the hook as it was");
    run(&desk, "install-hooks").is(0, &["seen: git push --dry-run runs the hook"]);
    assert_eq!(desk.read(".githooks/pre-push"), older, "it is left alone");
    run(&desk, "verify-tree").is(0, &[]);
    desk.change(".githooks/pre-push", &older.replace("exit 1", "exit 0"));
    run(&desk, "verify-tree").is(1, &["is not the text of this review-gate"]);
}

#[test]
fn a_remote_that_is_named_like_an_option_is_a_remote() {
    let desk = plain();
    run(&desk, "install-hooks").is(0, &[]);
    let line = format!("refs/heads/main {} refs/heads/main {}\n", desk.head(), "0".repeat(40));
    for name in [
        "--version",
        "--help",
        "-h",
        "help",
        "--json",
        "--bogus",
        "-x",
        "-",
        "--",
        "",
        "a b",
        "--home=/nonexistent",
        "-oProxyCommand=true",
    ] {
        for args in [[name, name], [name, "file:///srv/thing.git"], ["origin", name]] {
            let mut hook = desk.bare(desk.path(".githooks/pre-push"));
            let told = fed(hook.args(args).env("PATH", path()), &line);
            told.is(1, &["refs/heads/main"]);
            assert_eq!(told.out, "", "{name}: standard output is git's");
        }
    }
    let mut hook = desk.bare(desk.path(".githooks/pre-push"));
    hook.args([OsStr::from_bytes(b"-\xff"), OsStr::from_bytes(b"--\xfe")]).env("PATH", path());
    fed(&mut hook, &line).is(1, &["refs/heads/main"]);
    // The same by git itself, which gets such names from its configuration.
    let url = desk.git(&["remote", "get-url", "origin"]);
    for name in ["--help", "--bogus", "-h"] {
        desk.git(&["config", &format!("remote.{name}.url"), &url]);
        desk.git(&["config", "remote.pushDefault", name]);
        git(&desk, &["push", "-q"]).is(1, &["review-gate", "refs/heads/main"]);
        assert_eq!(desk.git(&["ls-remote", &url]), "", "{name}: nothing moved");
    }
}

/// What a command says that reads these lines.
fn fed(command: &mut Command, lines: &str) -> Told {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    file.rewind().unwrap();
    command.stdin(file).output().unwrap().into()
}

#[test]
fn the_hook_needs_no_home() {
    let desk = plain();
    let line = format!("x {} refs/heads/main {}\n", desk.head(), "0".repeat(40));
    let mut check = desk.command("check -- origin x");
    check.env_remove("HOME").env_remove("AIOPS_HOME");
    fed(&mut check, &line).is(1, &["refs/heads/main"]);
}
