//! What gc packs, what it removes, and what is left of it when it is ended half-way.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ops_core::host::Host;
use ops_core::time::parse;
use repo_mirror::{Bounds, Mirrors};

use crate::scene::Scene;

/// Sets when a mirror was last used.
fn used(mirror: &Path, seconds: u64) {
    let pins = fs::File::open(mirror.join("refs/orb/jobs")).unwrap();
    pins.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn mirrors_give_way_to_size_the_longest_unused_first_and_never_one_in_use() {
    let mut scene = Scene::new();
    let sha = scene.commit(&scene.host.random::<20_000>());
    let home = scene.dir.path().join("home");
    let make = |scene: &mut Scene, name: &str| {
        scene.repository.name = name.into();
        scene.pin(&sha, false).unwrap().unwrap()
    };
    let names = ["a", "b", "c", "d"];
    // By the bytes that may stay, in halves of a mirror's size: which go.
    for (halves, is_used, want) in [
        (9, false, ""),
        (8, false, ""),
        (7, false, "c"),
        (6, false, "c"),
        (5, false, "ca"),
        (1, false, "cadb"),
        (0, false, "cadb"),
        (7, true, "a"),
        (0, true, "adb"),
    ] {
        let mut held = None;
        for (name, at) in names.iter().zip([2_000, 4_000, 1_000, 3_000]) {
            let pinned = make(&mut scene, name);
            if *name == "c" && is_used {
                held = Some(pinned);
            } else {
                drop(pinned);
            }
            used(&scene.mirrors().join(format!("{name}.git")), at);
        }
        let gc = |most| Mirrors::new(&scene.host, &home).gc(&names, Duration::MAX, most).unwrap();
        let packed = gc(u64::MAX);
        assert!(packed.iter().all(|it| !it.removed && it.bytes > 20_000), "{packed:?}");
        let whole: u64 = packed.iter().map(|it| it.bytes).sum();
        let swept = gc(whole * halves / 8);
        let gone: Vec<&str> =
            swept.iter().filter(|it| it.removed).map(|it| it.name.as_str()).collect();
        assert_eq!(gone.concat(), want, "{halves} {is_used}");
        assert!(swept.iter().all(|it| it.bytes > 20_000), "what was freed is told, too");
        for it in &swept {
            let is_there = scene.mirrors().join(format!("{}.git", it.name)).exists();
            assert_ne!(is_there, it.removed, "{}", it.name);
        }
        drop(held);
    }
}

#[test]
fn a_mirror_that_cannot_be_packed_does_not_keep_others_from_going() {
    let mut scene = Scene::new();
    let sha = scene.commit(b"one");
    for name in ["a", "b"] {
        scene.repository.name = name.into();
        drop(scene.pin(&sha, false).unwrap().unwrap());
        used(&scene.mirrors().join(format!("{name}.git")), if name == "a" { 9 } else { 1 });
    }
    for file in scene.names(&scene.mirrors().join("a.git/objects/pack")) {
        let path = scene.mirrors().join("a.git/objects/pack").join(file);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "torn").unwrap();
    }
    let home = scene.dir.path().join("home");
    let gc = |most| Mirrors::new(&scene.host, &home).gc(&["a", "b"], Duration::MAX, most).unwrap();
    let whole: u64 = gc(u64::MAX).iter().map(|it| it.bytes).sum();
    let swept = gc(whole - 1);
    let told: Vec<(&str, bool, bool)> =
        swept.iter().map(|it| (it.name.as_str(), it.removed, it.unpacked.is_some())).collect();
    assert_eq!(told, [("b", true, false), ("a", false, true)]);
}

#[test]
fn a_clock_that_jumps_removes_nothing_that_is_used() {
    let scene = Scene::new();
    let sha = scene.commit(b"one");
    let living = scene.pin(&sha, false).unwrap().unwrap();
    let tree = scene.tree(&living);
    let home = scene.dir.path().join("home");
    for (now, removed) in [("2106-01-01T00:00:00Z", false), ("1990-01-01T00:00:00Z", false)] {
        let search = std::env::var("PATH").unwrap();
        let host = Host::with([("PATH", search)], parse(now).unwrap());
        let swept = Mirrors::new(&host, &home).gc(&["t"], Duration::from_hours(720), 0).unwrap();
        assert_eq!(swept[0].removed, removed, "{now}");
        assert_eq!(tree.compare(&host, &living), [], "{now}");
    }
}

/// What git did besides packing when it was ended: everything it was told to, or a part.
const ENDED: [(&str, &str); 5] = [
    ("hung when it was done", "$REAL \"$@\"; exec sleep 98715"),
    ("killed when it was done", "$REAL \"$@\"; kill -KILL $$"),
    ("killed with new packs half-way", "echo x >$packs/.tmp-1-pack-x.pack; kill -KILL $$"),
    ("killed with a pack half-way", "echo x >$packs/tmp_pack_x; kill -KILL $$"),
    ("failed at once", "echo 'fatal: out of memory' >&2; exit 128"),
];

#[test]
fn packing_that_is_ended_wherever_it_was_leaves_the_mirror_as_good_as_it_was() {
    for (what, end) in ENDED {
        for step in ["repack", "prune"] {
            let scene = Scene::new();
            let first = scene.commit(b"one");
            drop(scene.pin(&first, false).unwrap().unwrap());
            let sha = scene.commit(b"two");
            drop(scene.pin(&sha, false).unwrap().unwrap());
            let script = format!(
                "for it; do case $it in --git-dir=*) packs=${{it#*=}}/objects/pack;; esac; done\n\
                 case \" $* \" in *' {step} '*|*' gc '*) {end};; esac\nexec $REAL \"$@\""
            );
            let host = scene.with_git(&script);
            let home = scene.dir.path().join("home");
            let bounds = Bounds { deadline: Duration::from_secs(2), ..Bounds::default() };
            let gc = |host| {
                let mirrors = Mirrors::new(host, &home).within(bounds);
                mirrors.gc(&["t"], Duration::MAX, u64::MAX).unwrap()
            };
            assert!(gc(&host)[0].unpacked.is_some(), "{what} in {step}");
            let packs = scene.names(&scene.mirrors().join("t.git/objects/pack"));
            assert!(packs.iter().all(|it| it.starts_with("pack-")), "{what}: {packs:?}");
            // Nobody can be asked: it is as it was, or the job does not run.
            fs::rename(scene.source(), scene.dir.path().join("away")).unwrap();
            for sha in [&first, &sha] {
                let pinned = scene.pin(sha, false).unwrap().unwrap();
                assert_eq!((pinned.fetched, pinned.warnings.len()), (false, 0), "{what}");
                assert_eq!(scene.tree(&pinned).compare(&scene.host, &pinned), [], "{what}");
            }
            assert_eq!(gc(&scene.host)[0].unpacked, None, "{what} in {step}");
            let packs = scene.names(&scene.mirrors().join("t.git/objects/pack"));
            let is_pack = |it: &&String| it.rsplit_once('.').is_some_and(|it| it.1 == "pack");
            assert_eq!(packs.iter().filter(is_pack).count(), 1, "{what} in {step}");
            drop(scene.pin(&sha, false).unwrap().unwrap());
        }
    }
}

#[test]
fn a_mirror_that_a_job_uses_is_left_alone() {
    let scene = Scene::new();
    let sha = scene.commit(b"one");
    let running = scene.pin(&sha, false).unwrap().unwrap();
    let tree = scene.tree(&running);
    let asked = scene.dir.path().join("asked");
    let host = scene.with_git(&format!("echo \"$*\" >>{}; exec $REAL \"$@\"", asked.display()));
    let home = scene.dir.path().join("home");
    let gc = || Mirrors::new(&host, &home).gc(&["t"], Duration::MAX, u64::MAX).unwrap();
    assert_eq!(gc()[0].unpacked, None);
    assert!(!asked.exists(), "git was started");
    assert_eq!(tree.compare(&scene.host, &running), []);
    drop((tree, running));
    assert_eq!(gc()[0].unpacked, None);
    assert!(fs::read_to_string(&asked).unwrap().contains("repack"));
}
