//! `allowed_signers`: nothing panics, every line either counts, is refused with a reason or says
//! nothing, and lines do not reach into each other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdict::signers::Signers;

fuzz_target!(|bytes: &[u8]| {
    let read = Signers::read(bytes);
    let lines: Vec<&[u8]> = bytes.split(|it| *it == b'\n').collect();
    assert!(read.entries.len() + read.refused.len() <= lines.len());
    for (at, why) in &read.refused {
        assert!((1..=lines.len()).contains(at) && !why.is_empty());
    }
    let apart: Vec<_> = lines.iter().flat_map(|line| Signers::read(line).entries).collect();
    assert_eq!(apart, read.entries);
    for entry in &read.entries {
        assert!(entry.principals.starts_with(entry.principal()));
        let (after, before) = (entry.valid_after, entry.valid_before);
        assert!(after.zip(before).is_none_or(|(after, before)| after < before));
        let _allowed = entry.allows_namespace("aiops-verdict");
        assert!(read.of_key(&entry.key).any(|it| it == entry));
    }
});
