//! Caps and what is made of a bundle that is above them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ops_core::failure::Exit;
use ops_core::host::Host;
use ops_core::time;
use review_bundle::{Limits, write_packets};
use tempfile::TempDir;

use crate::git::{Git, Rendered, rendered};

/// A machine on which it is always the same second.
fn host() -> Host {
    let none: [(&str, &str); 0] = [];
    Host::with(none, time::parse("2026-11-21T10:00:00Z").expect("a time"))
}

fn many(git: &Git) -> Rendered {
    let since = git.commit();
    for at in 0..40 {
        git.write(&format!("small/{at:02}"), format!("{at}\n").repeat(20));
    }
    git.write("large", (0..2000).fold(String::new(), |it, at| format!("{it}line {at}\n")));
    git.write("minified", "x".repeat(30_000));
    let to = git.commit();
    rendered(&git.dir, &since, &to)
}

#[test]
fn a_bundle_is_over_its_cap_from_the_first_byte_or_token_too_many() {
    let git = Git::new();
    let got = many(&git);
    let bytes = got.text.len() as u64;
    let count = |text: &str| text.len() as u64 / 3;
    for (max_bytes, max_tokens, over) in [
        (bytes, None, None),
        (bytes - 1, None, Some((bytes, None))),
        (bytes, Some(bytes / 3), None),
        (bytes, Some(bytes / 3 - 1), Some((bytes, Some(bytes / 3)))),
        (bytes - 1, Some(1), Some((bytes, None))),
    ] {
        let limits = Limits { max_bytes, max_tokens };
        let found = got.bundle.over_cap(&got.repository, limits, Some(&count)).expect("an answer");
        assert_eq!(found.map(|it| (it.bytes, it.tokens)), over, "{limits:?}");
    }
}

#[test]
fn packets_stay_within_their_tokens() {
    let git = Git::new();
    let got = many(&git);
    // Every character of the minified line is a token of its own.
    let count = |text: &str| text.bytes().map(|it| if it == b'x' { 3 } else { 1 }).sum::<u64>() / 3;
    let limits = Limits { max_bytes: 50_000, max_tokens: Some(5000) };
    let mut tokens = Vec::new();
    let manifest = got.bundle.packets(&got.repository, limits, Some(&count), &mut |packet| {
        tokens.push(count(&packet.text));
        Ok(())
    });
    let manifest = manifest.expect("packets");
    assert!(tokens.iter().all(|&it| it <= 5000), "{tokens:?}");
    let said: Vec<Option<u64>> = manifest.packets.iter().map(|it| it.tokens).collect();
    assert_eq!(said, tokens.into_iter().map(Some).collect::<Vec<_>>());
    let small = manifest.entry("small/39").expect("an entry").packets[0];
    assert!(manifest.packets[small as usize - 1].parts.len() > 1, "small files share a packet");
}

#[test]
fn a_packet_without_space_is_a_wrong_call() {
    let git = Git::new();
    let got = many(&git);
    let limits = Limits { max_bytes: 4095, max_tokens: None };
    let failure = got.bundle.packets(&got.repository, limits, None, &mut |_| Ok(()));
    assert_eq!(failure.map(drop).expect_err("too small").exit, Exit::Usage);
}

#[test]
fn a_cap_below_what_a_packet_needs_is_told_as_it_is_and_the_packets_are_larger() {
    let git = Git::new();
    let got = many(&git);
    let below = TempDir::new().expect("a folder");
    let count = |text: &str| text.len() as u64;
    let limits = Limits { max_bytes: 500, max_tokens: Some(500) };
    let written =
        write_packets(&host(), below.path(), &got.bundle, &got.repository, limits, Some(&count));
    let written = written.expect("packets");
    let sizes: Vec<u64> = written.manifest.packets.iter().map(|it| it.bytes).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|it| *it <= 4096), "{sizes:?}");
    let meta = std::fs::read(written.folder.join("size_cap_meta.json")).expect("a file");
    let meta: serde_json::Value = serde_json::from_slice(&meta).expect("JSON");
    assert_eq!((&meta["max_bytes"], &meta["max_tokens"]), (&500.into(), &500.into()));
}

#[test]
fn what_is_written_is_private_the_same_twice_and_all_in_the_archive() {
    let git = Git::new();
    let got = many(&git);
    let limits = Limits { max_bytes: 9000, max_tokens: None };
    let write = |below: &Path| {
        write_packets(&host(), below, &got.bundle, &got.repository, limits, None).expect("written")
    };
    let [one, two] = [(); 2].map(|()| TempDir::new().expect("a folder"));
    let (first, second) = (write(one.path()), write(two.path()));
    assert_eq!((&first.manifest, &first.files), (&second.manifest, &second.files));
    let stamp = first.folder.strip_prefix(one.path()).expect("below");
    assert_eq!(stamp, Path::new("review_packets/20261121T100000Z"));
    let again = write(one.path()).folder;
    assert_eq!(again, first.folder.with_file_name("20261121T100000Z-2"), "the same second");

    let mut contents = BTreeMap::new();
    for name in &first.files {
        let path = first.folder.join(name);
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
        let bytes = std::fs::read(&path).expect("a file");
        assert_eq!(bytes, std::fs::read(second.folder.join(name)).expect("a file"), "{name}");
        contents.insert(name.clone(), bytes);
    }
    for packet in &first.manifest.packets {
        assert!(contents.contains_key(&packet.file));
    }
    for name in ["HOW_TO_PASTE.txt", "README_REVIEW_PACKETS.txt"] {
        let text = String::from_utf8_lossy(&contents[name]);
        assert!(text.contains(&format!("packet_{:03}.txt", 1)), "{text}");
    }
    let meta: serde_json::Value =
        serde_json::from_slice(&contents["size_cap_meta.json"]).expect("JSON");
    assert_eq!(meta["max_bytes"], 9000);
    assert_eq!(meta["actual_bytes"], got.text.len());
    assert_eq!(meta["packets"].as_array().map(Vec::len), Some(first.manifest.packets.len()));

    let archive = contents.remove("ORB_REVIEW_PACKETS.tar.gz").expect("an archive");
    let mut packed = BTreeMap::new();
    let mut order = Vec::new();
    for entry in
        tar::Archive::new(flate2::read::GzDecoder::new(&archive[..])).entries().expect("a tar")
    {
        let mut entry = entry.expect("an entry");
        let header = entry.header();
        let name = entry.path().expect("a name").to_str().expect("UTF-8").to_owned();
        assert_eq!((header.mode().ok(), header.mtime().ok()), (Some(0o600), Some(0)), "{name}");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("read");
        order.push(name.clone());
        packed.insert(name, bytes);
    }
    assert_eq!(packed, contents);
    assert!(order.is_sorted(), "{order:?}");
}
