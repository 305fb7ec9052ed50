//! sshd_config: nothing panics, lines joined again are the file, and a directive that is commented
//! out is gone while every other line means what it meant.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sshd_fix::config::{Meaning, lines};
use sshd_fix::decide::{Edit, edited};

fuzz_target!(|bytes: &[u8]| {
    let taken = lines(bytes);
    let joined: Vec<u8> = taken.iter().flat_map(|line| line.raw).copied().collect();
    assert_eq!(joined, bytes);
    let Some(at) = taken.iter().position(|line| line.meaning.is("listenaddress")) else { return };
    let edit = Edit::CommentOut { first: at + 1, last: at + 1, instead: None };
    let text = edited(bytes, &[edit], "marker");
    for (index, (before, after)) in taken.iter().zip(lines(&text)).enumerate() {
        if index == at {
            assert_eq!(after.meaning, Meaning::Nothing);
        } else {
            assert_eq!(after, *before);
        }
    }
});
