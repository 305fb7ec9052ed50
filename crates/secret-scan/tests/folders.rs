//! Files and folders on a real disk, this repository among them.
#![expect(clippy::disallowed_methods, reason = "tests lay out their own files")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ops_host::host::Host;
use secret_scan::{Limits, Rules, Walk, Why};

fn token() -> String {
    format!("{}_{}", "ghp", "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi")
}

fn walk(root: &Path, limits: Limits) -> Walk {
    Rules::shipped().walk(&Host::real(), root, limits)
}

fn places(walk: &Walk) -> Vec<String> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    walk.findings
        .iter()
        .map(|it| format!("{}:{}:{}", path(&it.path).unwrap_or_default(), it.rule, it.line))
        .collect()
}

fn passed(walk: &Walk) -> Vec<(&str, Why)> {
    walk.passed.iter().map(|it| (it.path.to_str().unwrap_or_default(), it.why)).collect()
}

#[test]
fn a_folder_is_scanned_and_what_is_passed_over_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, key) = (folder.path(), token());
    for sub in ["src/deep", ".git", "node_modules/a"] {
        fs::create_dir_all(root.join(sub)).expect("a folder");
    }
    for (path, text) in [
        ("src/deep/a.rs", format!("\n{key}\n")),
        ("src/judged.rs", key.clone()),
        ("README.md", "nothing".to_owned()),
        (".git/config", key.clone()),
        ("node_modules/a/b.js", key.clone()),
        ("logo.png", key.clone()),
        ("data.bin2", format!("\0{key}")),
        ("large.txt", format!("{}{key}", "x\n".repeat(1000))),
        ("id.p12", "\0".to_owned()),
        (".gitleaksignore", "# judged\nsrc/judged.rs:github-pat:1\n".to_owned()),
    ] {
        fs::write(root.join(path), text).expect("a file");
    }
    symlink(root.join("src/deep/a.rs"), root.join("link.rs")).expect("a link");
    symlink("/nonexistent", root.join("dangling")).expect("a link");

    let walk = walk(root, Limits { largest_file: 1000 });
    assert_eq!(places(&walk), ["id.p12:pkcs12-file:1", "src/deep/a.rs:github-pat:2"]);
    assert_eq!(
        passed(&walk),
        [
            ("dangling", Why::Link),
            ("data.bin2", Why::Binary),
            ("id.p12", Why::Binary),
            ("large.txt", Why::TooLarge),
            ("link.rs", Why::Link),
            ("logo.png", Why::Allowed),
            ("node_modules", Why::Allowed),
        ]
    );
    assert_eq!((walk.files, walk.unread.len()), (4, 0), "{:?}", walk.unread);
}

/// Runs a test of this file once more, as a user who may not read everything.
fn as_nobody(test: &str) {
    let mut again = Command::new(std::env::current_exe().expect("a test runs from a file"));
    match again.args(["--exact", test]).uid(65534).gid(65534).output() {
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success() && said.contains("1 passed"), "{said}");
        }
        Err(err) => skipped::told(test, format_args!("not as nobody: {err}")),
    }
}

#[test]
fn what_cannot_be_looked_at_is_said_to_be_unread() {
    if Host::real().is_root() {
        return as_nobody("what_cannot_be_looked_at_is_said_to_be_unread");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let missing = walk(&folder.path().join("missing"), Limits::default());
    assert_eq!(missing.unread.len(), 1);
    let closed = folder.path().join("closed");
    fs::write(&closed, token()).expect("a file");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("a mode");
    let walk = walk(folder.path(), Limits::default());
    assert_eq!(walk.unread[0].path, Path::new("closed"));
    assert_eq!(walk.files, 0);
}

#[test]
fn a_single_file_is_scanned_under_its_own_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("settings.env");
    fs::write(&path, format!("TOKEN={}\n", token())).expect("a file");
    assert_eq!(places(&walk(&path, Limits::default())), ["settings.env:github-pat:1"]);
}

#[test]
fn this_repository_has_no_secrets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(&root).output();
    let Some(list) = list.ok().filter(|it| it.status.success()) else {
        return skipped::told(skipped::this_test(), "this is no checkout, or there is no git");
    };
    let names = String::from_utf8(list.stdout).expect("our names are UTF-8");
    let mut found = Vec::new();
    // gitleaks' rules list keys that it allows; nobody's, and not ours to mark.
    let is_ours = |name: &&str| *name != "crates/secret-scan/rules/gitleaks.toml";
    for name in names.split_terminator('\0').filter(is_ours) {
        // A file that was deleted and not yet committed is listed, too.
        let Ok(text) = fs::read(root.join(name)) else { continue };
        found.extend(Rules::shipped().scan_text(Some(Path::new(name)), &text));
    }
    assert!(names.len() > 1000);
    assert!(found.is_empty(), "{found:#?}");
}
