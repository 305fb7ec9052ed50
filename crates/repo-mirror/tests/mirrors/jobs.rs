//! A mirror under jobs that run beside each other, and remotes that hang, flood or are gone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jobs::Sha;
use ops_core::failure::Exit;
use ops_core::host::Host;
use repo_mirror::{Bounds, Mirrors, Worktree};

use crate::scene::{Scene, id};

#[test]
fn a_remote_that_is_gone_takes_neither_the_mirror_nor_anybodys_commit_away() {
    let scene = Scene::new();
    let sha = scene.commit(b"one");
    let running = scene.pin(&sha, false).unwrap().unwrap();
    let tree = scene.tree(&running);
    fs::rename(scene.source(), scene.dir.path().join("away")).unwrap();
    for anew in [false, true] {
        let missing = Sha::read(&"1".repeat(40)).unwrap();
        assert_eq!(scene.pin(&missing, anew).unwrap_err().exit, Exit::Unavailable);
    }
    assert_eq!(tree.compare(&scene.host, &running), []);
    let other = scene.pin(&sha, false).unwrap().unwrap();
    assert!(!other.fetched);
    drop((tree, running, other));
    assert_eq!(scene.names(&scene.mirrors()), ["t.git", "t.lock", "t.pins", "t.seal"]);
    assert!(scene.names(&scene.mirrors().join("t.git/refs/orb/jobs")).is_empty());
    assert!(scene.names(&scene.mirrors().join("t.pins")).is_empty());
}

#[test]
fn a_fetch_that_brings_too_much_is_no_change_of_a_job_that_runs() {
    let mut scene = Scene::new();
    let sha = scene.commit(b"one");
    let running = scene.pin(&sha, false).unwrap().unwrap();
    let tree = scene.tree(&running);
    let second = scene.commit(b"two");
    scene.bounds.bytes = 1;
    assert_eq!(scene.pin(&second, false).unwrap_err().exit, Exit::Unavailable);
    assert_eq!(tree.compare(&scene.host, &running), []);
    drop((tree, running));
    fs::rename(scene.source(), scene.dir.path().join("away")).unwrap();
    assert_eq!(scene.pin(&sha, false).unwrap().unwrap().warnings, Vec::<String>::new());
}

#[test]
fn a_mirror_that_is_replaced_stays_for_the_jobs_that_use_it() {
    let scene = Scene::new();
    let sha = scene.commit(b"one");
    let running = scene.pin(&sha, false).unwrap().unwrap();
    let tree = scene.tree(&running);
    let packs = scene.names(&scene.mirrors().join("t.git/objects/pack"));
    let second = scene.pin(&sha, true).unwrap().unwrap();
    assert_eq!(second.warnings, ["MIRROR_REBUILT: it was corrupt"]);
    let is_old = |it: &&String| it.contains("Z-");
    let old = |scene: &Scene| scene.names(&scene.mirrors()).iter().find(is_old).cloned();
    let kept = old(&scene).unwrap();
    assert_eq!(scene.names(&scene.mirrors().join(kept).join("objects/pack")), packs);
    assert_eq!(tree.compare(&scene.host, &running), []);
    drop((tree, running));
    // It goes with the first job after its last one.
    drop(scene.pin(&sha, false).unwrap().unwrap());
    assert_eq!(old(&scene), None);
    // A change of the new one is told to whoever uses it.
    let tree = scene.tree(&second);
    fs::write(scene.mirrors().join("t.git/config"), "x").unwrap();
    assert_eq!(tree.compare(&scene.host, &second)[0].path, "<mirror>/");
    // And a pin that was moved.
    fs::remove_file(scene.mirrors().join("t.git").join(&second.reference)).unwrap();
    assert!(tree.compare(&scene.host, &second).iter().any(|it| it.path.contains("refs/orb")));
}

#[test]
fn other_commits_are_fetched_once_held_to_the_references_and_pinned() {
    let scene = Scene::new();
    let first = scene.commit(b"one");
    let away = scene.commit(b"withdrawn");
    drop(scene.pin(&away, false).unwrap().unwrap());
    scene.git(&["reset", "-q", "--hard", first.as_str()]);
    let second = scene.commit(b"two");
    scene.git(&["update-ref", "refs/pull/1/head", "HEAD"]);
    scene.git(&["reset", "-q", "--hard", first.as_str()]);
    let never = Sha::read(&"1".repeat(40)).unwrap();
    let pins = scene.mirrors().join("t.git/refs/orb/jobs");
    // As one that is here was reachable when it was last asked for, it still is.
    drop(scene.pin_with(&first, &[("a", &away)], false).unwrap().unwrap());
    let others = [("a", &away), ("b", &never), ("c", &first), ("d", &second)];
    let nos = scene.pin_with(&first, &others, false).unwrap().unwrap_err();
    let fields: Vec<&str> = nos.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["a", "b", "d"]);
    assert!(nos[0].message.contains("forced push") && nos[1].message.contains("never pushed"));
    assert!(scene.names(&pins).is_empty());
    // On the remote, and not here yet.
    scene.git(&["reset", "-q", "--hard", second.as_str()]);
    let asked = scene.pin_with(&first, &[("a", &second), ("b", &second)], false).unwrap().unwrap();
    assert!(asked.fetched);
    let tree = scene.tree(&asked);
    assert_eq!(scene.names(&pins).len(), 2, "one for each commit");
    let home = scene.dir.path().join("home");
    Mirrors::new(&scene.host, &home).gc(&["t"], Duration::ZERO, u64::MAX).unwrap();
    let again = scene.pin_with(&second, &[("a", &first)], false).unwrap().unwrap();
    assert_eq!((again.fetched, scene.names(&pins).len()), (false, 4));
    drop(again);
    assert_eq!(tree.compare(&scene.host, &asked), []);
    fs::write(pins.join(format!("{}.1", asked.reference.rsplit('/').next().unwrap())), "x")
        .unwrap();
    assert!(tree.compare(&scene.host, &asked)[0].path.ends_with(".1"));
    drop((tree, asked));
    assert!(scene.names(&pins).is_empty());
    // Pins of a killed job go, all of them.
    let job = id();
    for name in [job.to_string(), format!("{job}.1"), format!("{job}.2")] {
        fs::write(pins.join(name), format!("{first}\n")).unwrap();
    }
    drop(scene.pin(&second, false).unwrap().unwrap());
    assert!(scene.names(&pins).is_empty());
}

#[test]
fn what_killed_jobs_pinned_is_let_go_and_what_living_ones_pinned_stays() {
    let scene = Scene::new();
    let sha = scene.commit(b"one");
    let living = scene.pin(&sha, false).unwrap().unwrap();
    let folder = scene.mirrors().join("t.git/refs/orb/jobs");
    fs::write(folder.join(id().as_str()), format!("{sha}\n")).unwrap();
    fs::write(folder.join("nonsense"), "x").unwrap();
    let second = scene.pin(&sha, false).unwrap().unwrap();
    assert_eq!(scene.names(&folder).len(), 2);
    let home = scene.dir.path().join("home");
    let swept = Mirrors::new(&scene.host, &home).gc(&[], Duration::ZERO, u64::MAX).unwrap();
    assert!(!swept[0].removed, "it is in use");
    assert_eq!(scene.names(&folder).len(), 2);
    drop((living, second));
    let swept = Mirrors::new(&scene.host, &home).gc(&[], Duration::ZERO, u64::MAX).unwrap();
    assert!(swept[0].removed);
}

#[test]
fn hooks_that_cannot_be_set_up_are_a_warning_with_what_git_said() {
    let mut scene = Scene::new();
    let plain = scene.commit(b"no hooks");
    fs::create_dir(scene.source().join(".githooks")).unwrap();
    fs::write(scene.source().join(".githooks/pre-commit"), "#!/bin/sh\n").unwrap();
    let hooked = scene.commit(b"hooks");
    let set = |tree: &Worktree| {
        fs::read_to_string(tree.git().join("config")).unwrap().contains("hooksPath = .githooks")
    };
    let pinned = scene.pin(&hooked, false).unwrap().unwrap();
    let tree = scene.tree(&pinned);
    assert_eq!((tree.warnings.as_slice(), set(&tree)), (&[][..], true));
    drop((tree, pinned));
    let bin = scene.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let (real, now) = (scene.host.clone(), scene.host.now());
    // Without git, and with one that fails at this alone.
    for (script, why) in [
        (None, "git"),
        (Some("#!/bin/sh\necho 'fatal: could not lock config file' >&2\nexit 4\n"), "lock config"),
    ] {
        if let Some(script) = script {
            fs::write(bin.join("git"), script).unwrap();
            fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (sha, is_told) in [(&hooked, true), (&plain, false)] {
            scene.host = real.clone();
            let pinned = scene.pin(sha, false).unwrap().unwrap();
            scene.host = Host::with([("PATH", bin.to_str().unwrap())], now);
            let tree = scene.tree(&pinned);
            assert_eq!(tree.warnings.len(), usize::from(is_told), "{:?}", tree.warnings);
            for warning in &tree.warnings {
                assert!(warning.starts_with("HOOKS_PATH_NOT_SET: "), "{warning}");
                assert!(warning.contains(why), "{warning}");
            }
            // The tree is as good without.
            assert!(!set(&tree));
            assert_eq!(tree.compare(&scene.host, &pinned), []);
        }
    }
}

#[test]
fn a_remote_that_hangs_or_floods_is_ended_with_all_it_started() {
    let mut scene = Scene::new();
    let noise: Vec<u8> = (0..100_000).flat_map(|_| scene.host.random::<32>()).collect();
    let sha = scene.commit(&noise);
    let upload = format!("exec git-upload-pack '{}'", scene.source().display());
    let limit = Duration::from_secs(2);
    for (script, bytes, why) in [
        ("(trap '' TERM HUP; exec sleep 98711) & sleep 98711", 1 << 30, "did not end in 2 s"),
        ("while :; do echo noise >&2; done", 1 << 30, "did not end in 2 s"),
        ("printf 'no \\033]0;title\\007\\033[2Jway\\n' >&2; exit 1", 1 << 30, "no ]0;title[2Jway"),
        // Lines as they come before the references, without end.
        (
            "while :; do printf '0032# service=git-upload-pack xxxxxxxxxxxxxxxxxxxx\\n'; done",
            1 << 30,
            "",
        ),
        (upload.as_str(), 1 << 20, "sends more than 1048576 bytes"),
    ] {
        scene.over(script);
        scene.bounds = Bounds { deadline: limit, bytes };
        let began = Instant::now();
        let failure = scene.pin(&sha, false).unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.to_string().contains(why), "{script}: {failure}");
        assert!(began.elapsed() < Duration::from_mins(1));
        assert_eq!(scene.names(&scene.mirrors()), ["t.lock"], "{script}");
        let lines = scene.names(Path::new("/proc"));
        let lines = lines.iter().filter_map(|it| fs::read(format!("/proc/{it}/cmdline")).ok());
        let left = lines.filter(|it| it.windows(5).any(|it| it == b"98711")).count();
        assert_eq!(left, 0, "{script}");
    }
    scene.bounds = Bounds::default();
    let pinned = scene.pin(&sha, false).unwrap().unwrap();
    assert_eq!(fs::read(scene.tree(&pinned).tree().join("a.txt")).unwrap(), noise);
}
