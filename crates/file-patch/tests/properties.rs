//! What is rendered parses and applies back, and no input makes anything panic.

mod common;

use common::{Change, change, contents};
use file_patch::{FileChange, Mode, Side, apply, parse, render};
use proptest::prelude::*;

/// Applies the diff of one change to what was before, and checks that what is after comes out.
fn round_trip(change: &Change) {
    let diff = render(&[change.view()]);
    if !change.is_change() {
        assert_eq!(diff, b"");
        return;
    }
    let patches = parse(&diff).unwrap_or_else(|fault| panic!("{fault}\n{}", diff.escape_ascii()));
    let [patch] = &patches[..] else { panic!("one patch: {}", diff.escape_ascii()) };
    let before = change.before.as_ref().map(|(bytes, _)| &bytes[..]);
    let after = change.after.as_ref().map(|(bytes, _)| bytes.clone());
    assert_eq!(apply(patch, before), Ok(after), "{}", diff.escape_ascii());
    assert_eq!(patch.old.as_ref(), change.before.as_ref().map(|_| &change.path));
    assert_eq!(patch.new.as_ref(), change.after.as_ref().map(|_| &change.path));
    let mode = |executable| if executable { Mode::Executable } else { Mode::Plain };
    let was = change.before.as_ref().map(|(_, executable)| mode(*executable));
    let is = change.after.as_ref().map(|(_, executable)| mode(*executable));
    assert_eq!(patch.mode, if was == is { None } else { is });
}

proptest! {
    #[test]
    fn what_is_rendered_parses_and_applies_back(change in change("x".into())) {
        round_trip(&change);
    }

    #[test]
    fn any_path_comes_back_as_it_was(path in "[^\0]{1,8}|[ -~]{1,8}") {
        let before = Some((b"a\n".to_vec(), false));
        round_trip(&Change { path: path.clone(), before: before.clone(), after: None });
        round_trip(&Change { path, before, after: Some((b"b\n".to_vec(), true)) });
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        diff in prop::collection::vec(any::<u8>(), 0..200),
        old in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        for start in [&b""[..], b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n", b"diff --git a/x b/x\n"] {
            for patch in parse(&[start, &diff].concat()).unwrap_or_default() {
                apply(&patch, Some(&old)).ok();
            }
        }
    }

    #[test]
    fn a_diff_of_other_contents_never_panics((old, new) in contents(), (other, _) in contents()) {
        let side = |bytes| Some(Side { bytes, mode: 0o644 });
        let change = FileChange { path: "x", moved_from: None, before: side(&old), after: side(&new) };
        for patch in parse(&render(&[change])).unwrap_or_default() {
            apply(&patch, Some(&other)).ok();
        }
    }

    #[test]
    fn one_byte_of_a_diff_changed_never_panics(
        change in change("p q".into()), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut diff = render(&[change.view()]);
        if !diff.is_empty() {
            let at = at.index(diff.len());
            diff[at] = byte;
        }
        let before = change.before.as_ref().map(|(bytes, _)| &bytes[..]);
        for patch in parse(&diff).unwrap_or_default() {
            apply(&patch, before).ok();
        }
    }
}

/// Half a mebibyte of lines, the longest command there may be.
fn big(mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut text = Vec::new();
    for index in 0.. {
        text.extend_from_slice(line(index).as_bytes());
        if text.len() >= 512 * 1024 {
            break;
        }
    }
    text
}

#[test]
fn files_that_are_hard_to_compare_round_trip() {
    let mut seed = 88_172_645_463_325_252_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let unique = |from: usize| big(|index| format!("{:x}\n", from + index));
    // Random lines are the slowest to compare, so a debug build gets fewer of them.
    let mut one_of = |kinds: u64| big(|_| format!("{:x}\n", random(kinds)))[..128 * 1024].to_vec();
    let (few, few_again, many, many_again) = (one_of(16), one_of(16), one_of(4096), one_of(4096));
    let cases = [
        ("unique lines, all different", unique(0), unique(1 << 24)),
        (
            "unique lines, every second changed",
            unique(0),
            big(|index| match index % 2 {
                0 => format!("{index:x}\n"),
                _ => format!("{:x}\n", index + (1 << 24)),
            }),
        ),
        ("unique lines, pairs swapped", unique(0), big(|index| format!("{:x}\n", index ^ 1))),
        ("the same line", big(|_| "a\n".into()), big(|_| "a\n".into())[4..].to_vec()),
        ("empty lines", b"\n".repeat(512 * 1024), b"x".to_vec()),
        (
            "blank lines between different ends",
            [b"x\n", &b"\n".repeat(512 * 1024)[..], b"y\n"].concat(),
            [b"z\n", &b"\n".repeat(256 * 1024)[..], b"w\n"].concat(),
        ),
        ("alternating lines", big(|_| "a\nb\n".into()), big(|_| "a\na\nb\n".into())),
        ("few kinds of lines", few, few_again),
        ("many kinds of lines", many, many_again),
        ("one line", vec![b'a'; 512 * 1024], vec![b'b'; 512 * 1024]),
    ];
    for (name, before, after) in cases {
        let change = Change {
            path: name.into(),
            before: Some((before, false)),
            after: Some((after, false)),
        };
        round_trip(&change);
    }
}

#[test]
fn diffs_that_are_large_in_odd_ways_are_read_or_refused() {
    let hunks = (0..20_000).fold(String::new(), |text, n| {
        text + &format!("@@ -{0},2 +{0},2 @@\n-a\n+b\n a\n", 2 * n + 1)
    });
    let patches = parse(format!("--- a/x\n+++ b/x\n{hunks}").as_bytes()).unwrap();
    let new = apply(&patches[0], Some(&b"a\n".repeat(40_000))).unwrap();
    assert_eq!(new, Some(b"b\na\n".repeat(20_000)));

    let files = (0..10_000).fold(String::new(), |text, n| {
        text + &format!("diff --git a/{n} b/{n}\nnew file mode 100644\n")
    });
    assert_eq!(parse(files.as_bytes()).map(|patches| patches.len()), Ok(10_000));

    let starts: [&[u8]; 6] =
        [b"", b"diff --git ", b"--- \"", b"--- a/", b"@@ -", b"--- a/x\n+++ b/x\n@@ -1"];
    for start in starts {
        for filler in [&b"a"[..], b"\\", b"\"", b" ", b"\n", b"9", b"-", b"\xff"] {
            let diff = [start, &filler.repeat(512 * 1024)[..], b"\n"].concat();
            assert!(parse(&diff).is_err());
        }
    }
}
