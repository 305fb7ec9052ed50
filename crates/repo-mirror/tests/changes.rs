//! Every way to change a tree that facts 3.6 lists, and more: each is told. `git status` misses 13
//! of the first 18, and the last makes it run a program.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up repositories")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use jobs::{Change, JobId, Repository};
use ops_core::host::Host;
use ops_core::time::parse;
use repo_mirror::{Mirrors, Pinned, PlaceInside, Worktree};
use tempfile::TempDir;

struct Scene {
    dir: TempDir,
    pinned: Option<Pinned>,
    worktree: Option<Worktree>,
}

fn git(folder: &Path, args: &[&str]) -> String {
    let done = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn id() -> JobId {
    JobId::new(parse("2026-11-21T10:00:00Z").unwrap(), Host::real().random())
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir_all(source.join("src/deep")).unwrap();
        git(&source, &["init", "-q"]);
        for (path, text) in [
            ("a.txt", "aaaa\n"),
            ("src/deep/b.txt", "b\n"),
            (".gitignore", "*.log\nbuild/\n"),
            ("run.sh", "#!/bin/sh\n"),
        ] {
            fs::write(source.join(path), text).unwrap();
        }
        fs::set_permissions(source.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("a.txt", source.join("link")).unwrap();
        git(&source, &["add", "-A"]);
        git(&source, &["commit", "-qm", "one"]);
        let repository = Repository {
            name: "t".into(),
            url: format!("file://{}", source.display()),
            refs: vec!["refs/heads/*".into()],
        };
        let (host, home, id) = (Host::real(), dir.path().join("home"), id());
        fs::create_dir_all(&home).unwrap();
        let pinned = Mirrors::new(&host, &home)
            .pin(&repository, None, &BTreeMap::new(), &id, false)
            .unwrap()
            .unwrap();
        // The git folder is used from outside here, so that git can be asked, too.
        let objects = pinned.mirror.join("objects");
        let scratch = if Path::new("/dev/shm").is_dir() {
            PathBuf::from(format!("/dev/shm/aiops-orb-{}", host.user()))
        } else {
            home.join("worktrees")
        };
        let own = scratch.join(id.as_str()).join("git");
        let inside = PlaceInside { git: own.to_str().unwrap(), objects: objects.to_str().unwrap() };
        let worktree = Worktree::write(&host, &home, &id, &pinned, inside).unwrap().unwrap();
        assert_eq!(worktree.git(), own);
        Self { dir, pinned: Some(pinned), worktree: Some(worktree) }
    }

    fn worktree(&self) -> &Worktree {
        self.worktree.as_ref().unwrap()
    }

    fn pinned(&self) -> &Pinned {
        self.pinned.as_ref().unwrap()
    }

    fn tree(&self, path: &str) -> PathBuf {
        self.worktree().tree().join(path)
    }

    fn mirror(&self, path: &str) -> PathBuf {
        self.pinned().mirror.join(path)
    }

    /// Writes where nothing has a write bit.
    fn write(&self, path: &str, text: &str) {
        let path = self.tree(path);
        open(path.parent().unwrap());
        if path.exists() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::write(path, text).unwrap();
    }

    fn changes(&self) -> Vec<Change> {
        self.worktree().compare(&Host::real(), self.pinned())
    }
}

fn open(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Puts a file's time back to what it was.
fn put_back(path: &Path, change: impl FnOnce()) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    change();
    fs::File::open(path).unwrap().set_modified(before).unwrap();
}

#[test]
fn an_untouched_tree_has_no_changes_and_gits_own_status_is_clean() {
    let scene = Scene::new();
    assert_eq!(scene.changes(), []);
    assert_eq!(
        git(&scene.worktree().tree(), &["-c", "safe.directory=*", "status", "--porcelain"]),
        ""
    );
    assert_eq!(fs::metadata(scene.tree("a.txt")).unwrap().permissions().mode() & 0o777, 0o444);
    assert_eq!(fs::metadata(scene.tree("run.sh")).unwrap().permissions().mode() & 0o777, 0o555);
    assert_eq!(fs::metadata(scene.tree("src")).unwrap().permissions().mode() & 0o777, 0o555);
    let tree = scene.worktree().tree();
    let Scene { mut worktree, pinned, dir } = scene;
    let reference = pinned.as_ref().map(|it| it.mirror.join(&it.reference)).unwrap();
    assert!(reference.is_file());
    worktree.take().unwrap().remove().unwrap();
    drop(pinned);
    assert!(!tree.exists() && !reference.exists());
    drop(dir);
}

type Change1 = (&'static str, &'static str, fn(&Scene));

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_change_is_told() {
    let table: Vec<Change1> = vec![
        ("edited file", "a.txt", |it| it.write("a.txt", "other")),
        ("retargeted link", "link", |it| {
            open(&it.worktree().tree());
            fs::remove_file(it.tree("link")).unwrap();
            symlink("b.txt", it.tree("link")).unwrap();
        }),
        ("nested repository", "src/nested/.git/HEAD", |it| {
            open(&it.tree("src"));
            fs::create_dir_all(it.tree("src/nested/.git")).unwrap();
            fs::write(it.tree("src/nested/.git/HEAD"), "ref: refs/heads/x\n").unwrap();
        }),
        ("edit of the same size, time put back", "a.txt", |it| {
            put_back(&it.tree("a.txt"), || it.write("a.txt", "bbbb\n"));
        }),
        ("ignored file", "x.log", |it| it.write("x.log", "x")),
        ("ignored folder", "build/out", |it| {
            open(&it.worktree().tree());
            fs::create_dir(it.tree("build")).unwrap();
            it.write("build/out", "x");
        }),
        ("new .gitignore and what it hides", "src/payload", |it| {
            it.write("src/.gitignore", "*\n");
            it.write("src/payload", "x");
        }),
        ("exclude file of the mirror", "<mirror>/", |it| {
            fs::create_dir_all(it.mirror("info")).unwrap();
            fs::write(it.mirror("info/exclude"), "*\n").unwrap();
        }),
        ("assume-unchanged and an edit", "<gitdir>/", |it| {
            mode(&it.worktree().git().join("index"), 0o644);
            let args = ["-c", "safe.directory=*", "update-index", "--assume-unchanged", "a.txt"];
            git(&it.worktree().tree(), &args);
        }),
        ("skip-worktree and an edit", "a.txt", |it| {
            mode(&it.worktree().git().join("index"), 0o644);
            let args = ["-c", "safe.directory=*", "update-index", "--skip-worktree", "a.txt"];
            git(&it.worktree().tree(), &args);
            it.write("a.txt", "other");
        }),
        ("core.fileMode=false and a lost run bit", "run.sh", |it| {
            let config = it.worktree().git().join("config");
            mode(&config, 0o644);
            git(
                &it.worktree().tree(),
                &["-c", "safe.directory=*", "config", "core.fileMode", "false"],
            );
            mode(&it.tree("run.sh"), 0o444);
        }),
        ("core.trustctime=false, same size, time put back", "a.txt", |it| {
            mode(&it.worktree().git().join("config"), 0o644);
            git(
                &it.worktree().tree(),
                &["-c", "safe.directory=*", "config", "core.trustctime", "false"],
            );
            put_back(&it.tree("a.txt"), || it.write("a.txt", "cccc\n"));
        }),
        ("empty commit", "<gitdir>/", |it| {
            let own = it.worktree().git();
            for name in ["index", "HEAD"] {
                mode(&own.join(name), 0o644);
            }
            let args = ["-c", "safe.directory=*", "commit", "-q", "--allow-empty", "-m", "x"];
            git(&it.worktree().tree(), &args);
        }),
        ("commit of a new file", "new.txt", |it| {
            let own = it.worktree().git();
            for name in ["index", "HEAD"] {
                mode(&own.join(name), 0o644);
            }
            it.write("new.txt", "x");
            git(&it.worktree().tree(), &["-c", "safe.directory=*", "add", "new.txt"]);
            git(&it.worktree().tree(), &["-c", "safe.directory=*", "commit", "-qm", "x"]);
        }),
        ("empty folder", "src/empty", |it| {
            open(&it.tree("src"));
            fs::create_dir(it.tree("src/empty")).unwrap();
        }),
        ("hook in the mirror", "<mirror>/", |it| {
            fs::create_dir_all(it.mirror("hooks")).unwrap();
            fs::write(it.mirror("hooks/post-checkout"), "#!/bin/sh\n").unwrap();
        }),
        ("reference in the mirror", "<mirror>/", |it| {
            let text = format!("{}\n", it.pinned().sha);
            fs::write(it.mirror("refs/heads/evil"), text).unwrap();
        }),
        ("mode 0666", "a.txt", |it| mode(&it.tree("a.txt"), 0o666)),
        ("attribute or mode, put back", "a.txt", |it| {
            mode(&it.tree("a.txt"), 0o600);
            mode(&it.tree("a.txt"), 0o444);
        }),
        ("time", "a.txt", |it| {
            let when = std::time::UNIX_EPOCH;
            fs::File::open(it.tree("a.txt")).unwrap().set_modified(when).unwrap();
        }),
        (".git that leads elsewhere", ".git", |it| {
            let evil = it.dir.path().join("evil");
            fs::create_dir(&evil).unwrap();
            git(&evil, &["init", "-q"]);
            it.write(".git", &format!("gitdir: {}/.git\n", evil.display()));
        }),
        (".git as a folder", ".git", |it| {
            open(&it.worktree().tree());
            fs::remove_file(it.tree(".git")).unwrap();
            fs::create_dir(it.tree(".git")).unwrap();
        }),
        ("removed file", "src/deep/b.txt", |it| {
            open(&it.tree("src/deep"));
            fs::remove_file(it.tree("src/deep/b.txt")).unwrap();
        }),
        ("link in place of a file", "a.txt", |it| {
            open(&it.worktree().tree());
            fs::remove_file(it.tree("a.txt")).unwrap();
            symlink("/etc/hostname", it.tree("a.txt")).unwrap();
        }),
        ("link in place of a folder", "src", |it| {
            open(&it.worktree().tree());
            let moved = it.worktree().git().with_file_name("moved");
            open(&it.tree("src"));
            fs::rename(it.tree("src"), &moved).unwrap();
            symlink(moved, it.tree("src")).unwrap();
        }),
        ("huge sparse file", "a.txt", |it| {
            mode(&it.tree("a.txt"), 0o644);
            fs::OpenOptions::new()
                .write(true)
                .open(it.tree("a.txt"))
                .unwrap()
                .set_len(1 << 40)
                .unwrap();
        }),
        ("second name of a file", "a.txt", |it| {
            open(&it.worktree().tree());
            fs::hard_link(it.tree("a.txt"), it.tree("b")).unwrap();
        }),
        ("pipe", "pipe", |it| {
            open(&it.worktree().tree());
            assert!(Command::new("mkfifo").arg(it.tree("pipe")).status().unwrap().success());
        }),
        ("setting of the mirror", "<mirror>/", |it| {
            let text = fs::read_to_string(it.mirror("config")).unwrap();
            fs::write(it.mirror("config"), text.replace("DISABLED", "x")).unwrap();
        }),
        ("HEAD of the mirror", "<mirror>/", |it| {
            fs::write(it.mirror("HEAD"), "ref: refs/heads/evil\n").unwrap();
        }),
        ("pin of the commit", "<mirror>/refs/orb/jobs/", |it| {
            fs::remove_file(it.mirror(&it.pinned().reference)).unwrap();
        }),
        ("objects of the git folder", "<gitdir>/", |it| {
            fs::write(it.worktree().git().join("objects/info/alternates"), "/tmp\n")
                .unwrap_or_else(|_| {
                    mode(&it.worktree().git().join("objects/info/alternates"), 0o644);
                    fs::write(it.worktree().git().join("objects/info/alternates"), "/tmp\n")
                        .unwrap();
                });
        }),
    ];
    for (what, path, change) in table {
        let scene = Scene::new();
        change(&scene);
        let changes = scene.changes();
        assert!(
            changes
                .iter()
                .any(|it| it.path == path || (path.ends_with('/') && it.path.starts_with(path))),
            "{what}: expected {path}, told {changes:?}"
        );
    }
}

#[test]
fn nothing_is_run_by_comparing_a_tree_whose_git_leads_elsewhere() {
    let scene = Scene::new();
    let (evil, mark) = (scene.dir.path().join("evil"), scene.dir.path().join("mark"));
    fs::create_dir(&evil).unwrap();
    git(&evil, &["init", "-q"]);
    git(&evil, &["config", "core.fsmonitor", &format!("touch {}", mark.display())]);
    scene.write(".git", &format!("gitdir: {}/.git\n", evil.display()));
    assert!(scene.changes().iter().any(|it| it.path == ".git"));
    assert!(!mark.exists());
    // The bait works: git itself takes it.
    let tree = scene.worktree().tree();
    let _status = Command::new("git").args(["status"]).current_dir(tree).output().unwrap();
    assert!(mark.exists(), "the bait of this test is stale");
}
