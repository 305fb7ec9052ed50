//! What `verify-tree` looks at besides HEAD: the index, and what git does not know of.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::desk::Desk;
use crate::hooks::{plain, run};

const WAY: &str = "git push --no-verify\n";

/// How it came to be, and what is told of it; nothing where all is well.
type Case = (&'static str, fn(&Desk), Option<&'static str>);

const CASES: &[Case] = &[
    ("untracked", |it| it.put("ops/evil.sh", WAY), Some("ops/evil.sh (work tree):1")),
    (
        "below a folder, of a name that is no UTF-8",
        |it| {
            let name = std::ffi::OsStr::from_bytes(b"ops/new/\xff.sh");
            fs::create_dir_all(it.path("ops/new")).unwrap();
            fs::write(it.path("").join(name), WAY).unwrap();
        },
        Some("(work tree):1"),
    ),
    (
        "staged, then taken out of the work tree",
        |it| {
            it.put("ops/evil.sh", WAY);
            it.git(&["add", "ops/evil.sh"]);
            fs::remove_file(it.path("ops/evil.sh")).unwrap();
        },
        Some("ops/evil.sh (index):1"),
    ),
    (
        "staged, with HEAD's version in the work tree",
        |it| {
            it.put("ops/tracked.sh", WAY);
            it.git(&["add", "ops"]);
            it.put("ops/tracked.sh", "git push\n");
        },
        Some("ops/tracked.sh (index):1"),
    ),
    (
        "another hook",
        |it| it.put(".githooks/post-commit", WAY),
        Some(".githooks/post-commit (work tree):1"),
    ),
    (
        "a hook that is ignored, which git runs all the same",
        |it| it.put(".githooks/ignored-hook", WAY),
        Some(".githooks/ignored-hook (work tree):1"),
    ),
    ("what the repository ignores in ops", |it| it.put("ops/ignored.sh", WAY), None),
    (
        "what only this clone ignores",
        |it| {
            it.put(".git/info/exclude", "*.sh\n");
            it.git(&["config", "core.excludesFile", ".git/info/exclude"]);
            it.put("ops/evil.sh", WAY);
        },
        Some("ops/evil.sh (work tree):1"),
    ),
    (
        "a name that only case tells apart",
        |it| {
            it.git(&["config", "core.ignoreCase", "true"]);
            it.put("ops/Tracked.sh", WAY);
        },
        Some("ops/Tracked.sh (work tree):1"),
    ),
    (
        "a link that is in no commit",
        |it| symlink("/etc/passwd", it.path("ops/link.sh")).unwrap(),
        Some("ops/link.sh (work tree): it is a link"),
    ),
    (
        "a tracked file that became a link",
        |it| {
            fs::remove_file(it.path("ops/tracked.sh")).unwrap();
            symlink("/etc/passwd", it.path("ops/tracked.sh")).unwrap();
        },
        Some("ops/tracked.sh (work tree): it is a link"),
    ),
    (
        "a folder that became a link",
        |it| {
            fs::rename(it.path("ops"), it.path("elsewhere")).unwrap();
            it.put("elsewhere/evil.sh", WAY);
            symlink("elsewhere", it.path("ops")).unwrap();
        },
        Some("ops (work tree): it is a link"),
    ),
    (
        "a repository inside",
        |it| {
            it.git(&["init", "-q", "ops/inner"]);
            it.put("ops/inner/evil.sh", WAY);
        },
        Some("it is a repository of its own"),
    ),
    (
        "a file whose content is lost",
        |it| {
            let oid = it.git(&["rev-parse", "HEAD:ops/tracked.sh"]);
            fs::remove_file(it.path(&format!(".git/objects/{}/{}", &oid[..2], &oid[2..]))).unwrap();
        },
        Some("ops/tracked.sh: "),
    ),
    ("a tracked file that is gone", |it| fs::remove_dir_all(it.path("ops")).unwrap(), None),
    (
        "a file where the folder was",
        |it| {
            fs::remove_dir_all(it.path("ops")).unwrap();
            it.put("ops", "git push\n");
        },
        None,
    ),
];

#[test]
fn verify_tree_looks_at_what_is_in_no_commit() {
    let desk = plain();
    run(&desk, "install-hooks").is(0, &[]);
    desk.put("ops/tracked.sh", "git push\n");
    desk.put(".gitignore", "ignored*\n");
    desk.commit("the hook");
    run(&desk, "verify-tree").is(0, &["looked through 2 files"]);
    for (case, begin, told) in CASES {
        let copy = desk.root().join("copy");
        let copied = desk.bare("cp").arg("-a").args([&desk.path(""), &copy]).status().unwrap();
        assert!(copied.success());
        begin(&desk);
        let now = run(&desk, "verify-tree");
        match told {
            Some(words) => {
                assert!(now.is(1, &[]).all().contains(words), "{case}: {now:?}");
            }
            None => assert_eq!(now.code, 0, "{case}: {now:?}"),
        }
        fs::remove_dir_all(desk.path("")).unwrap();
        fs::rename(&copy, desk.path("")).unwrap();
    }
    run(&desk, "verify-tree").is(0, &["looked through 2 files"]);
}

#[test]
fn verify_tree_looks_at_a_repository_without_a_commit() {
    let desk = plain();
    desk.git(&["update-ref", "-d", "HEAD"]);
    desk.put("ops/evil.sh", "git push --no-verify\n");
    run(&desk, "verify-tree").is(1, &["ops/evil.sh (work tree):1"]);
}
