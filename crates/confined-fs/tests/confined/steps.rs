//! What each step does when nobody interferes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use confined_fs::{Seen, Side};

use crate::support::{Ground, change, path, sha};

#[test]
fn a_new_file_comes_with_the_folders_it_needs_and_goes_with_them() {
    let ground = Ground::new();
    ground.put("a/keep", "");
    let change = change("a/b/c/new", None, Some(b"hello"));
    let made = ground.tree.prepare(&change).unwrap();
    assert_eq!(made, [path("a/b"), path("a/b/c")]);
    assert_eq!(ground.tree.prepare(&change).unwrap(), []);
    assert_eq!(ground.content("a/b/c/.aiops-1").unwrap(), b"hello");
    ground.tree.sync().unwrap();
    ground.tree.commit(&change).unwrap();
    assert_eq!(ground.content("a/b/c/new").unwrap(), b"hello");
    assert_eq!(ground.mode("a/b/c/new"), 0o644);
    assert_eq!(ground.mode("a/b") & 0o700, 0o700);
    ground.tree.undo(&change).unwrap();
    ground.tree.finish(&change).unwrap();
    for folder in made.iter().rev() {
        ground.tree.remove_empty_dir(folder).unwrap();
    }
    assert_eq!(ground.listing(), ["a/", "a/keep"]);
}

#[test]
fn a_replacement_has_the_new_mode_and_the_old_owner() {
    let ground = Ground::new();
    ground.put("file", "old");
    fs::set_permissions(ground.at("file"), fs::Permissions::from_mode(0o600)).unwrap();
    let is_root = chown(ground.at("file"), Some(1234), Some(2345)).is_ok();
    let mut change = change("file", Some(b"old"), Some(b"new"));
    change.after = confined_fs::After::File { bytes: (*b"new").into(), mode: 0o751 };
    ground.tree.prepare(&change).unwrap();
    assert_eq!(ground.content("file").unwrap(), b"old");
    ground.tree.commit(&change).unwrap();
    let meta = fs::metadata(ground.at("file")).unwrap();
    assert_eq!((ground.content("file").unwrap(), ground.mode("file")), (b"new".to_vec(), 0o751));
    if is_root {
        assert_eq!((meta.uid(), meta.gid()), (1234, 2345));
    } else {
        let part = format_args!("the owner in {}", skipped::this_test());
        skipped::told(part, "only root can give files away");
    }
    ground.tree.undo(&change).unwrap();
    assert_eq!((ground.content("file").unwrap(), ground.mode("file")), (b"old".to_vec(), 0o600));
    ground.tree.commit(&change).unwrap();
    ground.tree.finish(&change).unwrap();
    ground.tree.finish(&change).unwrap();
    assert_eq!(
        (ground.listing(), ground.content("file").unwrap()),
        (vec!["file".into()], b"new".to_vec())
    );
}

#[test]
fn a_deletion_keeps_the_file_until_it_is_finished() {
    let ground = Ground::new();
    ground.put("d/file", "old");
    let change = change("d/file", Some(b"old"), None);
    assert_eq!(ground.tree.prepare(&change).unwrap(), []);
    ground.tree.commit(&change).unwrap();
    assert_eq!(ground.listing(), ["d/", "d/.aiops-1"]);
    ground.tree.undo(&change).unwrap();
    assert_eq!(ground.listing(), ["d/", "d/file"]);
    ground.tree.commit(&change).unwrap();
    ground.tree.finish(&change).unwrap();
    assert_eq!(ground.listing(), ["d/"]);
    assert_eq!(ground.tree.state(&change).unwrap(), Side::After);
}

#[test]
fn reading_gives_content_mode_and_hash_and_keeps_to_the_limit() {
    let ground = Ground::new();
    let large = vec![7; 200_000];
    ground.put("d/file", &large);
    fs::set_permissions(ground.at("d/file"), fs::Permissions::from_mode(0o640)).unwrap();
    let Seen::File(seen) = ground.tree.read(&path("d/file"), 200_000).unwrap() else {
        panic!("the file is there")
    };
    assert_eq!((seen.sha256, seen.mode), (sha(&large), 0o640));
    assert_eq!(seen.bytes, large);
    for absent in ["d/none", "none/file", "none"] {
        assert_eq!(ground.tree.read(&path(absent), 10).unwrap(), Seen::Absent);
    }
    ground.put("empty", "");
    let Seen::File(seen) = ground.tree.read(&path("empty"), 0).unwrap() else {
        panic!("the file is there")
    };
    assert_eq!(seen.bytes, b"");
}

#[test]
fn only_empty_folders_are_removed() {
    let ground = Ground::new();
    ground.put("full/file", "");
    fs::create_dir_all(ground.at("a/empty")).unwrap();
    for name in ["full", "a/empty", "a/empty", "none/x"] {
        ground.tree.remove_empty_dir(&path(name)).unwrap();
    }
    assert!(ground.tree.remove_empty_dir(&path("full/file")).is_err());
    assert_eq!(ground.listing(), ["a/", "full/", "full/file"]);
}
