//! A pack of new objects and its index, with each tree as a delta against its last version.
//!
//! A thousand commits that each add a line to three growing folders are 200 MB of trees; as deltas
//! they are a few dozen bytes each, and `git push` sends deltas on as it finds them.
//!
//! As in git's own packs the newest version is whole and each older one a delta of the next: git
//! walks from new to old, so that the base it needs is always the one it just had. The other way
//! round, checking a push to a root with 10,000 outcomes takes the receiving side five times as
//! long. The newest version is known only at the end, so the last one of each folder waits.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::ObjectId;
use gix::objs::Kind;

/// Deltas in a row before an object is written whole again: bounds what reading an old one costs.
const LONGEST_CHAIN: u32 = 250;

/// The longest piece one copy instruction moves, as git itself writes them.
const LONGEST_COPY: usize = 0x1_0000;

/// The last version of a tree so far, not written yet.
#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    chain: u32,
}

/// A pack under construction.
#[derive(Debug, Default)]
pub(crate) struct Pack {
    data: Vec<u8>,
    entries: Vec<(ObjectId, u32, usize)>,
    known: HashSet<ObjectId>,
    waiting: BTreeMap<ObjectId, Waiting>,
    trees: u64,
}

/// A finished pack: what goes into `.pack` and `.idx`, and the hash that names both.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) name: ObjectId,
    pub(crate) pack: Vec<u8>,
    pub(crate) index: Vec<u8>,
}

impl Pack {
    /// Bytes so far.
    pub(crate) fn size(&self) -> usize {
        self.data.len()
    }

    /// Bytes of trees so far, each counted whole.
    pub(crate) fn trees(&self) -> u64 {
        self.trees
    }

    /// Adds an object unless it is here already.
    pub(crate) fn add(&mut self, kind: Kind, id: ObjectId, bytes: &[u8]) -> io::Result<()> {
        if self.known.insert(id) {
            self.entry(kind_code(kind), id, bytes, &[])?;
        }
        Ok(())
    }

    /// Adds a version of a tree, and writes the one before it as a delta of this one.
    pub(crate) fn add_tree(
        &mut self,
        id: ObjectId,
        bytes: Vec<u8>,
        before: Option<ObjectId>,
    ) -> io::Result<()> {
        if !self.known.insert(id) {
            return Ok(());
        }
        self.trees += bytes.len() as u64;
        let mut chain = 0;
        if let Some(before) = before
            && let Some(old) = self.waiting.remove(&before)
        {
            if old.chain < LONGEST_CHAIN {
                chain = old.chain + 1;
                self.entry(REF_DELTA, before, &delta(&bytes, &old.bytes), id.as_slice())?;
            } else {
                self.entry(kind_code(Kind::Tree), before, &old.bytes, &[])?;
            }
        }
        self.waiting.insert(id, Waiting { bytes, chain });
        Ok(())
    }

    /// Completes both files; `None` when nothing was added.
    pub(crate) fn finish(mut self) -> io::Result<Option<Finished>> {
        for (id, tree) in std::mem::take(&mut self.waiting) {
            self.entry(kind_code(Kind::Tree), id, &tree.bytes, &[])?;
        }
        if self.entries.is_empty() {
            return Ok(None);
        }
        let count = u32::try_from(self.entries.len()).map_err(io::Error::other)?;
        if let Some(place) = self.data.get_mut(8..12) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        let name = sha1(&self.data)?;
        self.data.extend_from_slice(name.as_slice());
        self.entries.sort_unstable();
        let index = index(&self.entries, name)?;
        Ok(Some(Finished { name, pack: self.data, index }))
    }

    /// Where the next entry begins.
    fn start(&mut self) -> usize {
        if self.data.is_empty() {
            self.data.extend_from_slice(b"PACK\0\0\0\x02\0\0\0\0");
        }
        self.data.len()
    }

    fn entry(&mut self, code: u8, id: ObjectId, bytes: &[u8], base: &[u8]) -> io::Result<()> {
        let offset = self.start();
        self.data.extend_from_slice(&header(code, bytes.len()));
        self.data.extend_from_slice(base);
        let mut zlib = ZlibEncoder::new(std::mem::take(&mut self.data), Compression::fast());
        zlib.write_all(bytes)?;
        self.data = zlib.finish()?;
        let crc = crc32fast::hash(self.data.get(offset..).unwrap_or_default());
        self.entries.push((id, crc, offset));
        Ok(())
    }
}

const REF_DELTA: u8 = 7;

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    }
}

fn sha1(bytes: &[u8]) -> io::Result<ObjectId> {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(bytes);
    hasher.try_finalize().map_err(io::Error::other)
}

/// Kind and size: three bits and four bits, then seven at a time.
fn header(code: u8, size: usize) -> Vec<u8> {
    let mut rest = size >> 4;
    let mut bytes = vec![(code << 4) | low(size, 0x0f)];
    while rest > 0 {
        mark(&mut bytes);
        bytes.push(low(rest, 0x7f));
        rest >>= 7;
    }
    bytes
}

/// How to make `new` from `old`: what both begin with, what is in between, what both end with.
fn delta(old: &[u8], new: &[u8]) -> Vec<u8> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) =
        (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let both = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = both.take_while(|(a, b)| a == b).count();
    let mut out = Vec::new();
    size(&mut out, old.len());
    size(&mut out, new.len());
    copy(&mut out, 0, head);
    let middle = new.get(head..new.len() - tail).unwrap_or_default();
    for piece in middle.chunks(0x7f) {
        out.push(low(piece.len(), 0x7f));
        out.extend_from_slice(piece);
    }
    copy(&mut out, old.len() - tail, tail);
    out
}

fn size(out: &mut Vec<u8>, mut size: usize) {
    while size > 0x7f {
        out.push(low(size, 0x7f) | 0x80);
        size >>= 7;
    }
    out.push(low(size, 0x7f));
}

fn copy(out: &mut Vec<u8>, mut from: usize, mut length: usize) {
    while length > 0 {
        let piece = length.min(LONGEST_COPY);
        let place = out.len();
        out.push(0x80);
        let mut which = 0x80;
        // A length of 0x10000 is written as none at all.
        let sizes = (piece % LONGEST_COPY).to_le_bytes();
        for (bit, byte) in from.to_le_bytes().iter().take(4).chain(sizes.iter().take(2)).enumerate()
        {
            if *byte != 0 {
                which |= 1 << bit;
                out.push(*byte);
            }
        }
        if let Some(first) = out.get_mut(place) {
            *first = which;
        }
        from += piece;
        length -= piece;
    }
}

fn low(value: usize, mask: u8) -> u8 {
    value.to_le_bytes().first().copied().unwrap_or_default() & mask
}

fn mark(bytes: &mut [u8]) {
    if let Some(last) = bytes.last_mut() {
        *last |= 0x80;
    }
}

/// The index, version 2, of entries sorted by id.
fn index(entries: &[(ObjectId, u32, usize)], pack: ObjectId) -> io::Result<Vec<u8>> {
    let mut out = b"\xfftOc\0\0\0\x02".to_vec();
    let mut below = 0_usize;
    for first in 0..=u8::MAX {
        let more = entries.get(below..).unwrap_or_default().iter();
        below += more.take_while(|(id, ..)| id.first_byte() <= first).count();
        out.extend_from_slice(&u32::try_from(below).map_err(io::Error::other)?.to_be_bytes());
    }
    for (id, ..) in entries {
        out.extend_from_slice(id.as_slice());
    }
    for (_, crc, _) in entries {
        out.extend_from_slice(&crc.to_be_bytes());
    }
    for (.., offset) in entries {
        // A batch is cut long before the 2 GiB that one more table would be needed for.
        let offset = i32::try_from(*offset).map_err(io::Error::other)?;
        out.extend_from_slice(&offset.to_be_bytes());
    }
    out.extend_from_slice(pack.as_slice());
    let sum = sha1(&out)?;
    out.extend_from_slice(sum.as_slice());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Applies a delta as git does.
    fn apply(old: &[u8], delta: &[u8]) -> Vec<u8> {
        let mut at = delta.iter().copied();
        let mut number = || {
            let (mut value, mut shift) = (0_usize, 0);
            loop {
                let byte = at.next().unwrap();
                value |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    return value;
                }
            }
        };
        assert_eq!(number(), old.len());
        let length = number();
        let mut new = Vec::new();
        while let Some(code) = at.next() {
            if code & 0x80 == 0 {
                assert_ne!(code, 0);
                new.extend((0..code).map(|_| at.next().unwrap()));
                continue;
            }
            let mut part = |bits: std::ops::Range<u8>, first: u8| {
                bits.filter(|bit| code & (1 << bit) != 0)
                    .map(|bit| usize::from(at.next().unwrap()) << (8 * (bit - first)))
                    .sum::<usize>()
            };
            let (from, length) = (part(0..4, 0), part(4..7, 4));
            let length = if length == 0 { 0x1_0000 } else { length };
            new.extend_from_slice(&old[from..from + length]);
        }
        assert_eq!(new.len(), length);
        new
    }

    proptest! {
        #[test]
        fn a_delta_makes_the_new_from_the_old(
            head in proptest::collection::vec(0_u8..3, 0..300),
            (cut, new) in proptest::collection::vec(0_u8..3, 0..300).prop_flat_map(|v| (0..=v.len(), Just(v))),
            tail in proptest::collection::vec(0_u8..3, 0..300),
        ) {
            let old = [&head[..], &new[..cut], &tail[..]].concat();
            let new = [&head[..], &new[..], &tail[..]].concat();
            prop_assert_eq!(apply(&old, &delta(&old, &new)), new);
        }

        #[test]
        fn long_pieces_are_copied_in_several(length in 0_usize..300_000) {
            let old: Vec<u8> = (0..length).map(|at| low(at / 7, 0xff)).collect();
            let new = [&b"x"[..], &old, b"y"].concat();
            prop_assert_eq!(apply(&old, &delta(&old, &new)), new);
        }
    }

    #[test]
    fn numbers_are_spelt_as_the_pack_format_has_them() {
        assert_eq!(header(3, 5), [0x35]);
        assert_eq!(header(2, 0x1234), [0xa4, 0xa3, 0x02]);
    }
}
