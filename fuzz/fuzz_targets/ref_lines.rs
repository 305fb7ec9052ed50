//! What git tells its hooks: nothing panics, no line is lost, and what the user typed moves nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use review_check::{Mode, lines};

fuzz_target!(|bytes: &[u8]| {
    let ends = bytes.iter().filter(|it| **it == b'\n').count();
    for mode in [Mode::PrePush, Mode::PreReceive] {
        let read = lines::read(mode, bytes);
        let is_whole = bytes.is_empty() || bytes.ends_with(b"\n");
        assert_eq!(read.len(), if is_whole { ends } else { 1 });
        assert!(is_whole || read.iter().all(Result::is_err));
        for update in read.iter().flatten() {
            assert!(update.reference.as_bstr().starts_with(b"refs/"));
            assert!(update.old.is_none_or(|id| !id.is_null()));
            assert!(update.new.is_none_or(|id| !id.is_null()));
        }
        if mode == Mode::PrePush && is_whole {
            // Whatever else stands before a line, it says the same.
            let typed: Vec<u8> = bytes
                .split_inclusive(|it| *it == b'\n')
                .flat_map(|line| [b"HEAD@{1 second ago} ", line].concat())
                .collect();
            for (one, two) in read.iter().zip(lines::read(mode, &typed)) {
                assert!(one.is_err() || *one == two);
            }
        }
    }
});
