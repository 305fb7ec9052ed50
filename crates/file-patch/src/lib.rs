//! Unified diffs as git writes them: [`parse`] reads hostile ones, [`apply`] applies one in memory,
//! [`render`] writes one from byte contents. No files are touched and no path is judged here.
//!
//! Everything `apply` accepts, `git apply` accepts too and gives the same bytes; much that git
//! tolerates (offsets, text between patches, renames, hunks without trailing context in the middle
//! of a file) is refused.

mod apply;
mod fault;
mod hunk;
mod lines;
mod names;
mod parse;
mod quoting;
mod render;

pub use apply::apply;
pub use fault::{Conflict, Fault, PatchFault};
pub use parse::parse;
pub use quoting::unquoted_name;
pub use render::{FileChange, Side, render};

/// The part of a diff that is about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// The file the patch reads, as the diff names it without `a/`; `None`: the file is created.
    pub old: Option<String>,
    /// The file the patch leaves, as the diff names it without `b/`; `None`: the file is deleted.
    /// Where both are named they are equal.
    pub new: Option<String>,
    /// The mode the diff says the file has before (`old mode`, `deleted file mode` or `index`).
    pub old_mode: Option<Mode>,
    /// The mode the diff gives the file (`new mode` or `new file mode`); `None`: it is kept.
    pub mode: Option<Mode>,
    hunks: Vec<hunk::Hunk>,
}

/// A mode a diff may state; there are no others here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `100644`.
    Plain,
    /// `100755`.
    Executable,
}

impl Mode {
    /// Returns the permission bits: `0o644` or `0o755`.
    pub fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }

    /// Returns what git would record for a file of these permission bits: only the owner's execute
    /// bit counts.
    pub fn of_bits(bits: u32) -> Self {
        if bits & 0o100 == 0 { Self::Plain } else { Self::Executable }
    }
}
