//! Why a diff was refused, and why a patch does not fit its file.

use std::error::Error;
use std::fmt;

/// A diff was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchFault {
    /// The line of the diff, counted from 1; the line after the last one where something is missing.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The input is empty.
    NoPatch,
    /// Text that belongs to no patch.
    StrayText,
    /// The last line has no newline, so the diff may have been cut.
    Unterminated,
    /// A header line that is unknown, repeated, missing or contradicts another one.
    Header,
    /// A patch that changes nothing.
    NoChange,
    /// A rename or a copy.
    Rename,
    /// A binary patch.
    Binary,
    /// A mode other than 100644 and 100755.
    Mode,
    /// A name that is not `a/…` (old side), `b/…` (new side) or `/dev/null`.
    Prefix,
    /// An empty name, one with bytes that git would have quoted, or a broken quotation.
    Name,
    /// A name that is not UTF-8.
    NotUtf8,
    /// What follows a name is not a timestamp, or it is the one that stands for an absent file.
    Timestamp,
    /// The names of one patch are not the same, or do not fit its header.
    NamesDisagree,
    /// A second patch of the same path.
    SamePathTwice,
    /// No hunk where one must be, or a hunk header of another shape.
    HunkHeader,
    /// A line number or count too large to be one.
    Overflow,
    /// A hunk that overlaps the one before, comes before it, or whose two positions disagree.
    HunkPosition,
    /// A hunk body with more or fewer lines than its header says.
    HunkCounts,
    /// A marker of a missing final newline where the file cannot end.
    Marker,
    /// A created file that had lines, or a deleted one that keeps some.
    WholeFile,
}

impl fmt::Display for PatchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.fault {
            Fault::NoPatch => "there is no patch",
            Fault::StrayText => "text outside a patch",
            Fault::Unterminated => "the last line has no newline",
            Fault::Header => "a header line that does not belong here",
            Fault::NoChange => "a patch that changes nothing",
            Fault::Rename => "renames and copies are not accepted",
            Fault::Binary => "binary patches are not accepted",
            Fault::Mode => "only modes 100644 and 100755 are accepted",
            Fault::Prefix => "names must start with a/ and b/, or be /dev/null",
            Fault::Name => "a name that is empty or not quoted as git quotes",
            Fault::NotUtf8 => "a name that is not UTF-8",
            Fault::Timestamp => "not a timestamp of an existing file (a tab must end the name)",
            Fault::NamesDisagree => "the names of the patch disagree",
            Fault::SamePathTwice => "a second patch of the same path",
            Fault::HunkHeader => "a hunk header was expected",
            Fault::Overflow => "a line number that is too large",
            Fault::HunkPosition => "the hunk overlaps, is out of order or contradicts itself",
            Fault::HunkCounts => "the hunk's counts do not match its lines",
            Fault::Marker => "a missing final newline is marked where the file cannot end",
            Fault::WholeFile => "a created file had lines, or a deleted one keeps some",
        };
        write!(f, "line {}: {text}", self.line)
    }
}

impl Error for PatchFault {}

/// A patch does not fit the file it was applied to. Hunks and lines are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The patch creates a file that exists.
    Exists,
    /// The patch changes or deletes a file that does not exist.
    Missing,
    /// The file differs from what the hunk expects.
    Differs {
        /// The hunk.
        hunk: usize,
        /// The first line of the file that differs; one past the last where the file is too short.
        line: usize,
    },
    /// The hunk ends without context or newline, which it may only at the end of the file, and the
    /// file goes on.
    NotAtEnd {
        /// The hunk.
        hunk: usize,
    },
    /// The hunk adds lines after a last line that has no newline.
    NoFinalNewline {
        /// The hunk.
        hunk: usize,
    },
    /// The patch deletes the file, but not all of its contents.
    Leftover,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => write!(f, "the file to create exists"),
            Self::Missing => write!(f, "the file to change does not exist"),
            Self::Differs { hunk, line } => {
                write!(f, "hunk {hunk}: the file differs at line {line}")
            }
            Self::NotAtEnd { hunk } => {
                write!(f, "hunk {hunk}: ends without context, but the file goes on")
            }
            Self::NoFinalNewline { hunk } => {
                write!(f, "hunk {hunk}: adds to a last line that has no newline")
            }
            Self::Leftover => write!(f, "the file to delete has more than the patch removes"),
        }
    }
}

impl Error for Conflict {}
