//! Scans what is read piece by piece, in flat memory.

use std::io::{self, Read};
use std::path::Path;

use crate::Rules;
use crate::finding::Finding;
use crate::lines::Place;
use crate::text::{Part, scan_part};

/// How much is looked at at a time, bytes.
pub(crate) const WINDOW: usize = 1 << 20;

/// How far behind its start a match may end and be found wherever windows meet, bytes.
pub(crate) const OVERLAP: usize = 64 << 10;

/// How much of what was looked at stays in view, for what stands before a value, bytes.
const BEHIND: usize = 4 << 10;

/// How many bytes from its start a file is looked at for a NUL, as git does.
const BINARY_SEEN: usize = 8000;

/// What came of a file.
#[derive(Debug)]
pub(crate) enum Outcome {
    Scanned { findings: Vec<Finding>, bytes: u64 },
    Binary,
}

/// Scans everything a reader gives.
pub(crate) fn scan(
    rules: &Rules,
    path: Option<&Path>,
    reader: &mut dyn Read,
    window: usize,
) -> io::Result<Outcome> {
    let mut text = Vec::new();
    let (mut findings, mut bytes) = (Vec::new(), 0);
    let (mut own_from, mut origin) = (0, Place::START);
    loop {
        let before = text.len();
        let room = (window + OVERLAP + BEHIND).saturating_sub(before);
        let read = reader.take(room as u64).read_to_end(&mut text)?;
        if bytes == 0 && memchr::memchr(0, &text[..text.len().min(BINARY_SEEN)]).is_some() {
            return Ok(Outcome::Binary);
        }
        bytes += read as u64;
        let is_last = read < room;
        let own_to = if is_last { text.len() } else { text.len() - OVERLAP };
        let part = Part { path, text: &text, own: own_from..own_to, origin };
        findings.extend(scan_part(rules, &part));
        if is_last {
            return Ok(Outcome::Scanned { findings, bytes });
        }
        let done = own_to.saturating_sub(BEHIND);
        origin = origin.after(&text[..done]);
        own_from = own_to - done;
        text.drain(..done);
    }
}
