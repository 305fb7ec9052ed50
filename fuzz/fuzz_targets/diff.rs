//! Diffs: nothing panics, and what applies gives a file from which the same change renders, parses
//! and applies again. The input is a diff and, behind a NUL byte, the file it is for.
#![no_main]

use file_patch::{FileChange, Side, apply, parse, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|&byte| byte == 0);
    let (diff, old) = split.map_or((bytes, None), |at| (&bytes[..at], Some(&bytes[at + 1..])));
    let Ok(patches) = parse(diff) else { return };
    for patch in &patches {
        let Ok(new) = apply(patch, old) else { continue };
        let side = |bytes| Side { bytes, mode: 0o644 };
        let change = FileChange {
            path: "file",
            moved_from: None,
            before: old.map(side),
            after: new.as_deref().map(side),
        };
        let text = render(&[change]);
        let is_binary = [old, new.as_deref()].into_iter().flatten().any(|it| it.contains(&0));
        if text.is_empty() || is_binary {
            continue;
        }
        let again = parse(&text).expect("what is rendered parses");
        assert_eq!(apply(&again[0], old).expect("and applies"), new);
    }
});
