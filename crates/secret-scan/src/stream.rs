//! Scans what is read piece by piece, in flat memory.

use std::io::{self, Read};
use std::path::Path;

use crate::Rules;
use crate::finding::Finding;
use crate::lines::Place;
use crate::text::{Part, scan_part};

/// How a text is cut into windows, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// How far each goes beyond the one before.
    pub(crate) step: usize,
    /// How far behind its start a secret may end and be found wherever windows meet.
    pub(crate) overlap: usize,
    /// How much of what was looked at stays in view, for what stands before a value.
    pub(crate) behind: usize,
}

/// How files are cut. The largest keys have some ten thousand bytes.
pub(crate) const WINDOWS: Windows = Windows { step: 1 << 20, overlap: 64 << 10, behind: 4 << 10 };

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
    windows: Windows,
) -> io::Result<Outcome> {
    let Windows { step, overlap, behind } = windows;
    let mut text = Vec::new();
    let (mut findings, mut bytes) = (Vec::new(), 0);
    let (mut own_from, mut origin) = (0, Place::START);
    loop {
        let before = text.len();
        let room = (step + overlap + behind).saturating_sub(before);
        let read = reader.take(room as u64).read_to_end(&mut text)?;
        if bytes == 0 && memchr::memchr(0, &text[..text.len().min(BINARY_SEEN)]).is_some() {
            return Ok(Outcome::Binary);
        }
        bytes += read as u64;
        let is_last = read < room;
        let own_to = if is_last { text.len() } else { text.len() - overlap };
        let part = Part { path, text: &text, own: own_from..own_to, origin };
        findings.extend(scan_part(rules, &part));
        if is_last {
            return Ok(Outcome::Scanned { findings, bytes });
        }
        let done = own_to.saturating_sub(behind);
        origin = origin.after(&text[..done]);
        own_from = own_to - done;
        text.drain(..done);
    }
}
