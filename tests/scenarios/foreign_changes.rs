//! A git work tree full of somebody's unfinished changes.

use std::fs;
use std::path::Path;
use std::process::Command;

use scenarios::{Bridge, Document, changed, moved, snapshot, write};

/// What the executor may write in its root.
const EVIDENCE: &[&str] =
    &["results", "diffs", "archive", "dead_letter", "logs", "meta", "commands"];

fn git(at: &Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.current_dir(at).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    git.env("HOME", at).env("GIT_CONFIG_NOSYSTEM", "1");
    for (name, value) in [("AUTHOR", "x"), ("COMMITTER", "x")] {
        git.env(format!("GIT_{name}_NAME"), value)
            .env(format!("GIT_{name}_EMAIL"), "x@example.invalid");
    }
    let output = git.args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn changes_of_others_staged_or_not_are_exactly_as_before() {
    let bridge = Bridge::new();
    let root = &bridge.root;
    drop(bridge.run(&["init"]).expect(0));
    for name in ["kept", "edited", "staged", "both", "deleted", "removed", "ours", "from"] {
        fs::write(root.join(name), format!("{name}\n")).unwrap();
    }
    git(root, &["add", "-A"]);
    git(root, &["commit", "-q", "--no-verify", "-m", "begin"]);
    fs::write(root.join("edited"), "mine\n").unwrap();
    for name in ["staged", "both", "new-and-staged"] {
        fs::write(root.join(name), "mine\n").unwrap();
        git(root, &["add", name]);
    }
    fs::write(root.join("both"), "mine again\n").unwrap();
    fs::write(root.join("untracked"), "mine\n").unwrap();
    fs::remove_file(root.join("deleted")).unwrap();
    git(root, &["rm", "-q", "removed"]);
    let ours = ["ours", "from", "to", "made"];
    let skip: Vec<&str> = EVIDENCE.iter().chain(&ours).copied().collect();
    let look = || {
        let status = git(root, &["status", "--porcelain", "-uall"]);
        let foreign = |line: &&str| {
            !skip.iter().any(|it| line[3..].starts_with(it)) && !line.contains("-> to")
        };
        let status: Vec<String> = status.lines().filter(foreign).map(str::to_owned).collect();
        (status, git(root, &["diff", "--cached"]), snapshot(root, &skip))
    };
    let before = look();
    let main = |id: &str, ops: &[serde_json::Value]| Document::new(id, ops).with("/target", "MAIN");
    bridge.submit(&main("good", &[write("ours", "x\n"), moved("from", "to"), write("made/x", "")]));
    bridge.submit(&main("bad", &[write("ours", "y\n"), moved("deleted", "undeleted")]));
    drop(bridge.once().expect(1));
    bridge.assert_consistent(["good", "bad"]);
    let after = look();
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, before.1, "what is staged");
    assert!(changed(&before.2, &after.2).is_empty(), "{:?}", changed(&before.2, &after.2));
    assert_eq!(fs::read_to_string(root.join("ours")).unwrap(), "x\n");
}
