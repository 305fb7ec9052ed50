//! What a change is, and which side of it a tree is on.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use crate::fault::Fault;
use crate::path::RelPath;

/// One file made, replaced or deleted.
///
/// The temporary name lies beside the file. It holds the new content from `prepare` to `commit`,
/// and from `commit` to `finish` what was replaced or deleted. While `prepare` writes, the content
/// is under `temp` + `.part` instead, so that whatever is under `temp` after a `kill -9` was
/// complete when it got there.
///
/// Each step looks at both names first and acts on this table. *old* is what `before` says and
/// *new* what `after` says (for a new file *old* is "no file", for a deletion *new* is); *torn*
/// is new content with its tail missing or zeroed, as a power failure leaves it; *other* is
/// anything else, links and folders included. "no" is a [`Fault`], and nothing was touched.
///
/// | file  | temp      | how it came about                      | state   | prepare  | commit | undo | finish |
/// |-------|-----------|----------------------------------------|---------|----------|--------|------|--------|
/// | old   | –         | nothing done, finished after undo      | Before  | writes   | no ¹   | ok   | ok     |
/// | old   | new       | prepared, or undone                    | Before  | rewrites | acts   | ok   | drops  |
/// | old   | old       | someone put the old content back       | Before  | rewrites | no     | ok   | drops  |
/// | old   | torn      | power failed before `sync`             | Before  | rewrites | no     | ok   | drops  |
/// | old   | other     | killed inside undo ²                   | Neither | no       | no     | back | no     |
/// | new   | –         | finished (or a committed new file)     | After   | no ³     | ok     | no ¹ | ok     |
/// | new   | old       | committed                              | After   | ok       | ok     | acts | drops  |
/// | new   | new       | someone else wrote the same            | After   | no       | no     | ok   | drops  |
/// | new   | torn/other| killed inside commit ²                 | Neither | no       | back   | back | no     |
/// | other | –         | someone else's file                    | Neither | no       | no     | no   | ok     |
/// | other | new, torn | prepared, then changed by someone else | Neither | no       | no     | ok   | drops  |
/// | other | old       | committed, then changed by someone else| Neither | no       | no     | no   | drops  |
/// | other | other     | both                                   | Neither | no       | no     | no   | no     |
///
/// ¹ A deletion has nothing to write, so its commit acts here; a new file has no earlier content to
/// keep, so its undo acts here. ² Someone changed the file between the last look and the swap, and
/// the process died before it could look at what it had swapped out: "back" puts their file back
/// where it belongs (and commit still says no). Where a new file was to be, or a deleted one was,
/// and something is there again, it cannot be put back: both say no. ³ Not ours as far as can be seen: after a crash ask
/// [`crate::Tree::state`] first, and prepare only on the Before side.
///
/// A change whose old and new content are the same bytes is about the mode alone: a file with the
/// new mode is *new*, any other is *old*, and if nothing differs every step is ok and does nothing.
///
/// Call [`crate::Tree::sync`] between `prepare` and `commit`, and between `commit` and `finish`:
/// the table holds for `kill -9` without it, for power failures only with it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The file.
    pub path: RelPath,
    /// What it must be now.
    pub before: Before,
    /// What it is to become.
    pub after: After,
    /// A name beside it that this change alone uses: starts with `.aiops-`, ASCII letters, digits,
    /// `-`, `_` and `.` only, at most 200 bytes.
    pub temp: String,
}

/// What a file must be for a change to apply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Before {
    /// There is no file.
    Absent,
    /// There is a regular file with this content.
    File {
        /// SHA-256 of its bytes.
        sha256: [u8; 32],
    },
}

/// What a change makes of a file.
#[derive(Clone, Eq, PartialEq)]
pub enum After {
    /// No file.
    Absent,
    /// A regular file.
    File {
        /// Its content, at most [`crate::LARGEST`] bytes.
        bytes: Arc<[u8]>,
        /// Its permission bits, at most `0o777`: special bits are refused.
        mode: u32,
    },
}

/// Which side of a change a tree is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The change can be prepared and committed.
    Before,
    /// The change is there.
    After,
    /// Someone else changed the file, or a swap with someone else's file was interrupted, which
    /// [`crate::Tree::undo`] sorts out.
    Neither,
}

/// How a change moves files about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Motion {
    Nothing,
    Create,
    Replace,
    Delete,
}

impl Change {
    pub(crate) fn motion(&self) -> Motion {
        match (&self.before, &self.after) {
            (Before::Absent, After::Absent) => Motion::Nothing,
            (Before::Absent, After::File { .. }) => Motion::Create,
            (Before::File { .. }, After::File { .. }) => Motion::Replace,
            (Before::File { .. }, After::Absent) => Motion::Delete,
        }
    }

    /// The name under which `prepare` writes.
    pub(crate) fn part(&self) -> String {
        format!("{}.part", self.temp)
    }

    /// Checks what the types leave open.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !self.temp.starts_with(".aiops-")
            || self.temp.len() > 200
            || !self.temp.bytes().all(plain)
        {
            return Err(Fault::Denied(format!("{:?} is not a temporary name", self.temp)));
        }
        if let After::File { bytes, mode } = &self.after {
            if mode & !0o777 != 0 {
                return Err(Fault::Denied(format!(
                    "{}: mode {mode:o} has special bits",
                    self.path
                )));
            }
            if bytes.len() as u64 > crate::LARGEST {
                return Err(Fault::TooLarge { path: self.path.to_string(), limit: crate::LARGEST });
            }
        }
        Ok(())
    }
}

impl Debug for After {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::File { bytes, mode } => write!(f, "File({} bytes, mode {mode:o})", bytes.len()),
        }
    }
}
