//! Disks that are full or read-only: nothing is lost, nothing half done, and it goes on afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scenarios::{Bridge, Document, is_root, write};
use serde_json::json;

/// Something mounted, until it is dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(args: &[&str], at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(args).arg(at).status().unwrap();
        assert!(mounted.success(), "mount {args:?} {}", at.display());
        Self(at.to_path_buf())
    }

    /// A disk of one mebibyte.
    fn small(at: &Path) -> Self {
        Self::new(&["-t", "tmpfs", "-o", "size=1m,mode=0750", "tmpfs"], at)
    }

    /// The same folder, read-only.
    fn read_only(at: &Path) -> Self {
        let path = at.to_str().unwrap();
        let mount = Self::new(&["--bind", path], at);
        let again = Command::new("mount").args(["-o", "remount,ro,bind"]).arg(at).status().unwrap();
        assert!(again.success(), "remount {path}");
        mount
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// Whether this process may mount; tells that the test is skipped where it may not.
fn may_mount() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "tmpfs"]).arg(dir.path());
    let may = is_root() && mount.output().is_ok_and(|it| it.status.success());
    if may {
        drop(Mount(dir.path().to_path_buf()));
    } else {
        skipped::told(skipped::this_test(), "mounting is not permitted here");
    }
    may
}

/// Fills a disk to its last byte; the file to remove is returned.
fn fill(disk: &Path) -> PathBuf {
    let filler = disk.join("filler");
    let mut size = 1 << 20;
    let mut file = fs::File::create(&filler).unwrap();
    while size > 0 {
        if std::io::Write::write_all(&mut file, &vec![b'x'; size]).is_err() {
            size /= 2;
        }
    }
    filler
}

fn quick(policy: &mut serde_json::Value) {
    policy["retries"] = json!({"attempts": 6, "base_ms": 1, "longest_ms": 1});
}

fn large(id: &str) -> Document {
    let text = "x".repeat(20_000);
    Document::new(id, &[write(&format!("{id}/a"), &text), write(&format!("{id}/b"), &text)])
}

#[test]
fn a_full_disk_loses_nothing_wherever_it_is() {
    if !may_mount() {
        return;
    }
    for place in ["root", "home", "work"] {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let _disk = Mount::small(&base.join(place));
        let bridge = Bridge::at(&base, quick);
        bridge.submit(&large("before"));
        drop(bridge.once().expect(0));
        for id in ["one", "two"] {
            bridge.submit(&large(id));
        }
        let filler = fill(&base.join(place));
        let ran = bridge.once();
        // A full target is tried again; without its own root or home nothing is accepted at all.
        assert_eq!(ran.code, if place == "work" { 0 } else { 69 }, "{place}: {ran:?}");
        assert_eq!(bridge.names("commands"), ["one.json", "two.json"], "{place}");
        assert!(!bridge.work.join("one").exists() && !bridge.work.join("two").exists(), "{place}");
        fs::remove_file(filler).unwrap();
        drop(bridge.once().expect(0));
        for id in ["before", "one", "two"] {
            assert_eq!(bridge.text(&format!("{id}/b")).map(|it| it.len()), Some(20_000), "{place}");
        }
        bridge.assert_consistent(["before", "one", "two"]);
    }
}

#[test]
fn read_only_evidence_stops_everything_before_anything_is_changed() {
    if !may_mount() {
        return;
    }
    for folder in ["results", "archive", "logs", "diffs"] {
        let bridge = Bridge::with(quick);
        drop(bridge.once().expect(0));
        bridge.submit(&large("one"));
        let mount = Mount::read_only(&bridge.root.join(folder));
        drop(bridge.once().expect(69));
        assert_eq!(bridge.names("commands"), ["one.json"], "{folder}");
        drop(mount);
        drop(bridge.once().expect(0));
        bridge.assert_consistent(["one"]);
    }
}

#[test]
fn a_read_only_target_is_tried_again_and_given_up_at_last() {
    if !may_mount() {
        return;
    }
    let bridge = Bridge::with(quick);
    let mount = Mount::read_only(&bridge.work);
    bridge.submit(&large("one"));
    for attempt in 1..6 {
        let ran = bridge.run(&["once", "--json"]).expect(0);
        assert_eq!(ran.json()["retrying"], 1, "{attempt}");
        let retries = fs::read_to_string(bridge.root.join("meta/retries.json")).unwrap();
        let retries: serde_json::Value = serde_json::from_str(&retries).unwrap();
        assert_eq!(retries["one"]["attempts"], attempt);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(bridge.once().expect(1));
    assert_eq!(bridge.reason("one"), "retries_exhausted");
    drop(mount);
    assert_eq!(fs::read_dir(&bridge.work).unwrap().count(), 0);
    bridge.assert_consistent(["one"]);
}
