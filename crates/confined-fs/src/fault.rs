//! Why a file could not be looked at or changed.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;

use rustix::io::Errno;

use crate::path::PathFault;

/// Why nothing was done, in words for people.
#[derive(Debug)]
pub enum Fault {
    /// A symbolic link is on the way, or is the target.
    Symlink(String),
    /// The path leads out of the tree, or onto another file system.
    Escape(String),
    /// The target is not a regular file, has more than one hard link, lies below a file, or the
    /// change itself is malformed.
    Denied(String),
    /// The file is not what the change expects: someone else changed it.
    Precondition(String),
    /// The file is larger than the caller allows.
    TooLarge {
        /// The path.
        path: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// The system refused. The change may or may not be visible: ask [`crate::Tree::state`].
    Io {
        /// What could not be done, in lower case: "open docs".
        doing: String,
        /// What the system said.
        source: io::Error,
        /// Whether the same call may work later without a person doing something.
        ///
        /// True for EIO, ENOSPC, EDQUOT, EROFS, EBUSY, ETXTBSY, EAGAIN, EMFILE, ENFILE, ENOMEM,
        /// EINTR and ESTALE. False for EACCES and EPERM: permissions change when a person changes
        /// them, and retrying would only hide that.
        transient: bool,
    },
}

impl Fault {
    /// Whether the same call may work later; true only for some [`Fault::Io`].
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { transient: true, .. })
    }

    /// Turns the kernel's answer about `path` into a fault.
    pub(crate) fn from_errno(errno: Errno, doing: &str, path: &str) -> Self {
        match errno {
            Errno::LOOP => Self::Symlink(format!("{path}: a symbolic link is on the way")),
            Errno::XDEV => Self::Escape(format!("{path}: leads out of the tree's file system")),
            Errno::NOTDIR => {
                Self::Denied(format!("{path}: a folder on the way is a file, not a folder"))
            }
            Errno::NAMETOOLONG => Self::Denied(format!("{path}: the name is too long")),
            _ => Self::Io {
                doing: format!("{doing} {path}"),
                source: errno.into(),
                transient: is_transient(errno),
            },
        }
    }
}

fn is_transient(errno: Errno) -> bool {
    [
        Errno::IO,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::ROFS,
        Errno::BUSY,
        Errno::TXTBSY,
        Errno::AGAIN,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::INTR,
        Errno::STALE,
    ]
    .contains(&errno)
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink(why)
            | Self::Escape(why)
            | Self::Denied(why)
            | Self::Precondition(why) => f.write_str(why),
            Self::TooLarge { path, limit } => write!(f, "{path}: larger than {limit} bytes"),
            Self::Io { doing, source, .. } => write!(f, "cannot {doing}: {source}"),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<PathFault> for Fault {
    fn from(fault: PathFault) -> Self {
        match fault {
            PathFault::Escape(why) => Self::Escape(why),
            PathFault::Denied(why) => Self::Denied(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_answers_become_the_documented_faults() {
        let kind = |errno| match Fault::from_errno(errno, "open", "a/b") {
            Fault::Symlink(_) => "symlink",
            Fault::Escape(_) => "escape",
            Fault::Denied(_) => "denied",
            Fault::Precondition(_) | Fault::TooLarge { .. } => "never",
            Fault::Io { transient: true, .. } => "later",
            Fault::Io { .. } => "io",
        };
        for (errno, expected) in [
            (Errno::LOOP, "symlink"),
            (Errno::XDEV, "escape"),
            (Errno::NOTDIR, "denied"),
            (Errno::NAMETOOLONG, "denied"),
            (Errno::NOSPC, "later"),
            (Errno::STALE, "later"),
            (Errno::AGAIN, "later"),
            (Errno::ACCESS, "io"),
            (Errno::PERM, "io"),
            (Errno::NOSYS, "io"),
        ] {
            assert_eq!(kind(errno), expected, "{errno}");
        }
    }
}
