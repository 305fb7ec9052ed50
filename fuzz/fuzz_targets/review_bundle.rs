//! Review bundles: two versions of a file render so that every line is shown once and can be read
//! back, packets drop nothing, and the rules have an answer. The input is a byte for the mode, one for
//! the size of packets, then the name, the old and the new content, divided by the byte 0x1e.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use review_bundle::{Change, Object, ObjectId, cut, section, unescape};
use review_rules::{Policy, Rules};

static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::new(&Policy::default()).expect("the shipped rules"));

fuzz_target!(|bytes: &[u8]| {
    let [mode, size, rest @ ..] = bytes else { return };
    let mut parts = rest.splitn(3, |&byte| byte == 0x1e);
    let [name, old, new] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let mode = [0o100_644, 0o100_755, 0o120_000][usize::from(*mode) % 3];
    let room = 300 + usize::from(*size) * 8;
    let object = |bytes: &[u8], oid: &[u8]| {
        let oid = ObjectId::try_from(oid).expect("an oid");
        (!bytes.is_empty()).then_some(Object { mode, oid })
    };
    let (was, is) = (object(old, &[1; 20]), object(new, &[2; 20]));
    if was.is_none() && is.is_none() {
        return;
    }
    let change = Change { path: name.to_vec(), old: was, new: is };
    let contents = [was.map(|_| old.to_vec()), is.map(|_| new.to_vec())];
    section(&change, contents, |section| {
        assert_eq!(unescape(&section.entry.path).as_deref(), Some(name));
        assert!(section.text.starts_with("=== "));
        let shown = section.text.lines().filter(|line| line.starts_with([' ', '+', '-']));
        let shown: Vec<Vec<u8>> =
            shown.map(|line| unescape(&line[1..]).expect("what is shown can be read")).collect();
        let lines = section.lines.iter();
        let lines: Vec<&[u8]> =
            lines.map(|line| line.bytes.strip_suffix(b"\n").unwrap_or(line.bytes)).collect();
        assert_eq!(shown, lines);
        let cut = cut(section.text, room);
        let mut joined = String::new();
        for (at, part) in cut.iter().enumerate() {
            let head = if at == 0 { 0 } else { 2 };
            for line in part.lines().skip(head) {
                if let Some(rest) = line.strip_prefix("\\>") {
                    joined.pop();
                    joined.push_str(rest);
                } else if line.starts_with([' ', '+', '-']) {
                    joined.push_str(line);
                } else {
                    continue;
                }
                joined.push('\n');
            }
        }
        let whole: String = section
            .text
            .split_inclusive('\n')
            .filter(|line| line.starts_with([' ', '+', '-']))
            .collect();
        assert_eq!(joined, whole);
        for finding in RULES.find(section) {
            assert!(!finding.rule.is_empty());
        }
    });
});
