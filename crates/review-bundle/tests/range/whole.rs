//! Whatever changes, every path is in the manifest once, and in the text once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use review_bundle::{Limits, Manifest, Side, Status, unescape};

use crate::git::{Git, Rendered, rendered};

const PATHS: &[&[u8]] = &[
    b"a",
    b"a b",
    b"a\nb",
    b"b/\xff",
    b"b/c/d",
    b"b/c/e",
    b"b-",
    b"b.c",
    b"c/x",
    b"d\"e",
    b"\\u{41}",
    b"z\xc3\xa9",
];

type Side1 = BTreeMap<&'static [u8], (&'static str, u8)>;

fn side() -> impl Strategy<Value = Side1> {
    let mode = prop::sample::select(vec!["100644", "100755", "120000", "160000"]);
    let entry = prop::option::weighted(0.7, (mode, 0_u8..4));
    prop::collection::vec(entry, PATHS.len()).prop_map(|entries| {
        PATHS.iter().copied().zip(entries).filter_map(|(path, it)| Some((path, it?))).collect()
    })
}

/// Contents: short, long, long and different at both ends, binary.
fn content(which: u8) -> Vec<u8> {
    let long = |name: &str| (0..400).fold(String::new(), |it, at| format!("{it}{name} {at}\n"));
    match which {
        0 => b"short\n".to_vec(),
        1 => long("one").into_bytes(),
        2 => format!("start\n{}end", long("one")).into_bytes(),
        _ => vec![0; 500],
    }
}

fn commit(git: &Git, side: &Side1) -> String {
    let oids: Vec<String> = (0..4).map(|which| git.blob(&content(which))).collect();
    let entries: Vec<(&str, String, &[u8])> = side
        .iter()
        .map(|(path, (mode, which))| {
            let module = format!("{which}").repeat(39) + "1";
            (
                *mode,
                if *mode == "160000" { module } else { oids[usize::from(*which)].clone() },
                *path,
            )
        })
        .collect();
    let entries: Vec<_> = entries.iter().map(|(mode, oid, path)| (*mode, &**oid, *path)).collect();
    git.commit_index(&entries)
}

/// What git says changed: path, modes, oids.
fn raw(git: &Git, since: &str, to: &str) -> Vec<(Vec<u8>, [String; 4])> {
    let args = ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", since, to];
    let out = git.bytes(&args, b"");
    let fields: Vec<&[u8]> = out.split(|&byte| byte == 0).collect();
    fields
        .chunks_exact(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair[0]).expect("ASCII").trim_start_matches(':');
            let [was, is, old, new, _] = text.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            (pair[1].to_vec(), [was, is, old, new].map(str::to_owned))
        })
        .collect()
}

fn ours(manifest: &Manifest) -> Vec<(Vec<u8>, [String; 4])> {
    let mode = |side: &Option<Side>| side.as_ref().map_or("000000".into(), |it| it.mode.clone());
    let oid = |side: &Option<Side>| side.as_ref().map_or("0".repeat(40), |it| it.oid.clone());
    manifest
        .files
        .iter()
        .map(|it| {
            let path = unescape(&it.path).expect("a path");
            (path, [mode(&it.old), mode(&it.new), oid(&it.old), oid(&it.new)])
        })
        .collect()
}

/// Checks that packets hold every file's section, whole and in order.
fn check_packets(got: &Rendered, max_bytes: u64) {
    let limits = Limits { max_bytes, max_tokens: None };
    let mut texts = Vec::new();
    let manifest = got.bundle.packets(&got.repository, limits, None, &mut |packet| {
        assert_eq!(packet.entry.bytes, packet.text.len() as u64);
        assert!(packet.entry.bytes <= max_bytes, "{}", packet.entry.bytes);
        texts.push(packet.text);
        Ok(())
    });
    let manifest = manifest.expect("packets");
    assert_eq!(manifest.packets.len(), texts.len());
    let mut parts: BTreeMap<&str, Vec<(u32, u32, bool)>> = BTreeMap::new();
    for packet in &manifest.packets {
        for it in &packet.parts {
            parts.entry(&it.path).or_default().push((packet.number, it.part, it.last));
        }
    }
    assert_eq!(parts.len(), manifest.files.len());
    for entry in &manifest.files {
        let parts = &parts[&*entry.path];
        let numbers: Vec<u32> = parts.iter().map(|it| it.0).collect();
        assert_eq!(numbers, entry.packets, "{}", entry.path);
        assert!(numbers.windows(2).all(|it| it[1] == it[0] + 1), "{numbers:?}");
        let order: Vec<(u32, bool)> = parts.iter().map(|it| (it.1, it.2)).collect();
        let count = u32::try_from(parts.len()).expect("few");
        let expected: Vec<(u32, bool)> = (1..=count).map(|part| (part, part == count)).collect();
        assert_eq!(order, expected, "{}", entry.path);
    }
    // What is shown of the files is the same lines, in the same order.
    let lines = |text: &str| -> Vec<String> {
        let is_line = |it: &&str| it.starts_with([' ', '+', '-']);
        text.lines().filter(is_line).map(str::to_owned).collect()
    };
    let cut: Vec<String> = texts.iter().flat_map(|text| lines(text)).collect();
    let whole: Vec<String> = got.seen.iter().flat_map(|(_, text, _)| lines(text)).collect();
    assert_eq!(cut, whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_manifest_is_what_git_says_and_packets_hold_it_all(old in side(), new in side()) {
        let git = Git::new();
        let (since, to) = (commit(&git, &old), commit(&git, &new));
        let got = rendered(&git.dir, &since, &to);
        let manifest = got.bundle.manifest();
        prop_assert_eq!(ours(manifest), raw(&git, &since, &to));
        prop_assert_eq!(got.text.lines().filter(|it| it.starts_with("=== ")).count(), manifest.files.len());
        for it in &manifest.files {
            prop_assert_eq!(it.status == Status::Added, it.old.is_none());
            prop_assert_eq!(it.status == Status::Deleted, it.new.is_none());
        }
        let sections: String = got.seen.iter().map(|(_, text, _)| text.as_str()).collect();
        prop_assert!(got.text.ends_with(&sections));
        prop_assert_eq!(manifest.bundle_bytes, got.text.len() as u64);
        check_packets(&got, 4096);
        check_packets(&got, 1 << 20);
    }
}
