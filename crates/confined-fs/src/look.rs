//! What is under one name, compared with what a change expects. Follows and changes nothing.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::change::{After, Before, Change};
use crate::sys::{self, Kind, Meta};

/// The most bytes a file may have to be read or changed here: 1 GiB. A larger one is never what a
/// change expects.
pub const LARGEST: u64 = 1 << 30;

const CHUNK: u64 = 64 * 1024;

/// What a name leads to, compared with a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    Before,
    After,
    /// New content with its tail missing or zeroed.
    Torn,
    Other,
}

/// Something under a name. Holding it open keeps its inode number from being used again.
#[derive(Debug)]
pub(crate) struct Thing {
    pub(crate) meta: Meta,
    pub(crate) content: Content,
    /// It is both what the change expects and what it makes: there is nothing to change.
    pub(crate) is_both: bool,
    _held: OwnedFd,
}

/// Looks at one name. Nothing there is `None`.
pub(crate) fn look(
    dir: BorrowedFd<'_>,
    name: &str,
    change: &Change,
) -> Result<Option<Thing>, Errno> {
    let Some((held, meta, file)) = open(dir, name)? else { return Ok(None) };
    let (content, is_both) = match file {
        Some(file) if meta.len <= LARGEST => compare(&file, &meta, change)?,
        _ => (Content::Other, false),
    };
    Ok(Some(Thing { meta, content, is_both, _held: held }))
}

/// Takes hold of one name without reading it. Nothing there is `None`.
pub(crate) fn peek(dir: BorrowedFd<'_>, name: &str) -> Result<Option<(OwnedFd, Meta)>, Errno> {
    match sys::hold(dir, name) {
        Ok(handle) => {
            let meta = sys::meta(&handle)?;
            Ok(Some((handle, meta)))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

type Opened = (OwnedFd, Meta, Option<OwnedFd>);

/// Takes hold of a name and, if it is a regular file, opens that for reading.
pub(crate) fn open(dir: BorrowedFd<'_>, name: &str) -> Result<Option<Opened>, Errno> {
    // Opening a device or a FIFO can do things, so look first; then the name may lead elsewhere.
    for _ in 0..64 {
        let Some((handle, meta)) = peek(dir, name)? else { return Ok(None) };
        if meta.kind != Kind::File {
            return Ok(Some((handle, meta, None)));
        }
        match sys::open_file(dir, name) {
            Ok(file) => {
                let opened = sys::meta(&file)?;
                if opened.id == meta.id {
                    return Ok(Some((handle, opened, Some(file))));
                }
            }
            // ENXIO is a socket.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::AGAIN)
}

fn compare(file: &OwnedFd, meta: &Meta, change: &Change) -> Result<(Content, bool), Errno> {
    let mut buffer = buffer(meta.len);
    let mut hash = Sha256::new();
    let (expected, mode) = match &change.after {
        After::File { bytes, mode } => (&bytes[..], Some(*mode)),
        After::Absent => (&[][..], None),
    };
    let (mut rest, mut is_same, mut is_torn) = (expected, mode.is_some(), mode.is_some());
    let mut total = 0_u64;
    loop {
        let count = sys::read(file, &mut buffer)?;
        if count == 0 {
            break;
        }
        let seen = buffer.get(..count).unwrap_or_default();
        total += count as u64;
        if total > LARGEST {
            return Ok((Content::Other, false));
        }
        hash.update(seen);
        let (wanted, after) = rest.split_at(seen.len().min(rest.len()));
        is_same &= seen == wanted;
        is_torn &= seen.len() == wanted.len()
            && seen.iter().zip(wanted).all(|(&is, &should)| is == should || is == 0);
        rest = after;
    }
    is_same &= rest.is_empty();
    let is_before = match change.before {
        Before::File { sha256 } => <[u8; 32]>::from(hash.finalize()) == sha256,
        Before::Absent => false,
    };
    // Where the bytes do not tell the sides apart, the mode does.
    let is_after = is_same && (!is_before || mode == Some(meta.mode));
    let content = match (is_after, is_before, is_torn) {
        (true, _, _) => Content::After,
        (_, true, _) => Content::Before,
        (_, _, true) => Content::Torn,
        _ => Content::Other,
    };
    Ok((content, is_after && is_before))
}

/// Returns a buffer that takes a file of `len` bytes and its end in few reads.
fn buffer(len: u64) -> Vec<u8> {
    vec![0; usize::try_from(len.saturating_add(1).clamp(512, CHUNK)).unwrap_or(512)]
}

/// Reads a file to its end, or nothing if it has more than `limit` bytes.
pub(crate) fn read_all(file: &OwnedFd, len: u64, limit: u64) -> Result<Option<Vec<u8>>, Errno> {
    if len > limit {
        return Ok(None);
    }
    let mut buffer = buffer(len);
    let mut bytes = Vec::new();
    loop {
        let count = sys::read(file, &mut buffer)?;
        if count == 0 {
            return Ok(Some(bytes));
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if bytes.len() as u64 > limit {
            return Ok(None);
        }
    }
}
