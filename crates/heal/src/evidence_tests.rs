//! What a folder of evidence is, and what it does not forgive.

use std::process::Command;

use ops_core::cli::Common;
use ops_core::host::Host;
use ops_core::report::Report as _;
use ops_core::time::Timestamp;

use super::*;

fn scene() -> (tempfile::TempDir, Context) {
    let home = tempfile::tempdir().unwrap();
    let host = Host::with([("PATH", "/usr/bin:/bin")], Timestamp::UNIX_EPOCH);
    let common = Common { home: Some(home.path().into()), quiet: true, ..Common::default() };
    let context = Context::new("heal", host, &common).unwrap();
    (home, context)
}

fn written(context: &Context) -> PathBuf {
    let folder = make_folder(context).unwrap();
    let files = [("actions.jsonl", ""), ("b.json", "{}"), ("deep/c.txt", "x\n")];
    let files: Vec<(PathBuf, Vec<u8>)> =
        files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    write(context, &folder, &files).unwrap();
    folder
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test asks sha256sum itself")]
fn what_was_written_is_intact_for_us_and_for_sha256sum() {
    let (_home, context) = scene();
    let folder = written(&context);
    let verified = verify(&context, &folder).unwrap();
    assert_eq!((verified.intact, verified.exit()), (3, Exit::Ok), "{verified:?}");
    let mut ran = Command::new("sha256sum");
    ran.args(["--check", "--strict", SUMS]).current_dir(&folder);
    assert!(ran.output().unwrap().status.success());
}

type Spoil = fn(&Host, &Path);

#[test]
fn whatever_is_changed_removed_or_added_is_told() {
    let (_home, context) = scene();
    let host = &context.host;
    let spoils: [(Spoil, &str); 4] = [
        (
            |host, it| host.replace_file(&it.join("b.json"), b"{ }", 0o640).unwrap(),
            "changed: b.json",
        ),
        (|host, it| host.remove_file(&it.join("b.json")).unwrap(), "cannot be read: b.json"),
        (
            |host, it| host.replace_file(&it.join("deep/d"), b"", 0o640).unwrap(),
            "not listed: deep/d",
        ),
        (
            |host, it| {
                host.remove_file(&it.join("b.json")).unwrap();
                std::os::unix::fs::symlink("actions.jsonl", it.join("b.json")).unwrap();
            },
            "cannot be read: b.json",
        ),
    ];
    for (spoil, want) in spoils {
        let folder = written(&context);
        spoil(host, &folder);
        let verified = verify(&context, &folder).unwrap();
        assert_eq!(verified.exit(), Exit::No);
        assert!(verified.wrong.len() == 1 && verified.wrong[0].starts_with(want), "{verified:?}");
    }
}

#[test]
fn a_list_that_is_none_or_leaves_the_folder_is_refused() {
    let (_home, context) = scene();
    let hash = "0".repeat(64);
    for (text, exit) in [
        (String::new(), Exit::Malformed),
        (format!("{hash}  ../outside\n"), Exit::Malformed),
        (format!("{hash}  /etc/passwd\n"), Exit::Malformed),
        (format!("{hash} one-space\n"), Exit::Malformed),
        ("nothing\n".into(), Exit::Malformed),
        (format!("{}  b.json\n", &hash[1..]), Exit::Malformed),
    ] {
        let folder = written(&context);
        context.host.replace_file(&folder.join(SUMS), text.as_bytes(), 0o640).unwrap();
        assert_eq!(verify(&context, &folder).unwrap_err().exit, exit, "{text}");
    }
    let folder = written(&context);
    context.host.remove_file(&folder.join(SUMS)).unwrap();
    assert_eq!(verify(&context, &folder).unwrap_err().exit, Exit::Unavailable);
}

#[test]
fn two_runs_of_one_second_have_a_folder_each() {
    let (_home, context) = scene();
    let (one, two) = (make_folder(&context).unwrap(), make_folder(&context).unwrap());
    assert_ne!(one, two);
    assert!(one.file_name().unwrap().to_str().unwrap().starts_with("19700101T000000Z_"));
}
