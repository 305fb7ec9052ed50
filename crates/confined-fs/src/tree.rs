//! A directory tree, and looking at what is in it.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::change::{Change, Side};
use crate::fault::Fault;
use crate::look::{self, Content, LARGEST};
use crate::path::RelPath;
use crate::place::{Place, open_parent};
use crate::sys::{self, Kind};

/// An open directory tree. Nothing outside it can be reached through it.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

/// What is under a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// Nothing, or not even the folder it would be in.
    Absent,
    /// A regular file with one link.
    File(Snapshot),
}

/// A file as it was read.
#[derive(Clone, Eq, PartialEq)]
pub struct Snapshot {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its permission bits, special ones included (`0o7777`).
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// SHA-256 of `bytes`.
    pub sha256: [u8; 32],
}

impl Tree {
    /// Opens a tree. Links in the path to the root are followed; the root stays the same folder
    /// even if it is renamed.
    pub fn open(root: &Path) -> Result<Self, Fault> {
        let failed = |errno| unopened(errno, root);
        let root_fd = sys::open_root(root).map_err(failed)?;
        // A kernel without openat2 should be noticed here, not in the middle of a change.
        drop(sys::open_folder(root_fd.as_fd(), ".").map_err(failed)?);
        Ok(Self { root: root_fd })
    }

    /// Opens a tree by an absolute path without links: one that somebody put there since the path was
    /// resolved is not followed but a fault.
    pub fn open_resolved(root: &Path) -> Result<Self, Fault> {
        let failed = |errno| unopened(errno, root);
        Ok(Self { root: sys::open_root_resolved(root).map_err(failed)? })
    }

    /// Reads a file of at most `limit` bytes (and at most [`LARGEST`]), following nothing.
    ///
    /// Anything but a regular file with one link is a fault, as is a larger one.
    pub fn read(&self, path: &RelPath, limit: u64) -> Result<Seen, Fault> {
        let failed = |errno| Fault::from_errno(errno, "read", path.as_str());
        let Some(dir) = open_parent(self.root(), path)? else { return Ok(Seen::Absent) };
        let opened = look::open(dir.as_fd(), path.file_name()).map_err(failed)?;
        let Some((_, meta, file)) = opened else { return Ok(Seen::Absent) };
        let file = match (meta.kind, file) {
            (Kind::Link, _) => return Err(Fault::Symlink(format!("{path}: is a symbolic link"))),
            (Kind::Other(what), _) => {
                return Err(Fault::Denied(format!("{path}: is {what}, not a regular file")));
            }
            (Kind::File, Some(file)) if !meta.has_other_links => file,
            (Kind::File, _) => {
                return Err(Fault::Denied(format!("{path}: has more than one hard link")));
            }
        };
        let limit = limit.min(LARGEST);
        let Some(bytes) = look::read_all(&file, meta.len, limit).map_err(failed)? else {
            return Err(Fault::TooLarge { path: path.to_string(), limit });
        };
        let sha256 = Sha256::digest(&bytes).into();
        Ok(Seen::File(Snapshot { bytes, mode: meta.mode, uid: meta.uid, gid: meta.gid, sha256 }))
    }

    /// Tells which side of a change the tree is on; see the table in [`Change`].
    ///
    /// A symbolic link or anything but a regular file in the file's place is [`Side::Neither`]; one
    /// on the way to it is a fault.
    pub fn state(&self, change: &Change) -> Result<Side, Fault> {
        let place = Place::open(self.root(), change)?;
        let pair = place.look()?;
        let side = place.side_of(pair.file.as_ref());
        Ok(match (side, pair.temp.map(|temp| temp.content)) {
            (_, Some(Content::Other)) | (Side::After, Some(Content::Torn)) => Side::Neither,
            _ => side,
        })
    }

    /// Removes a folder if it is empty. One that is not, or is not there, is left and is no fault.
    pub fn remove_empty_dir(&self, path: &RelPath) -> Result<(), Fault> {
        let Some(dir) = open_parent(self.root(), path)? else { return Ok(()) };
        match sys::remove_folder(dir.as_fd(), path.file_name()) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(Errno::NOTDIR) => Err(Fault::Denied(format!("{path}: is not a folder"))),
            Err(errno) => Err(Fault::from_errno(errno, "remove", path.as_str())),
        }
    }

    /// Waits until everything written to the tree's file system so far is on the disk.
    pub fn sync(&self) -> Result<(), Fault> {
        sys::sync(&self.root).map_err(|errno| Fault::from_errno(errno, "flush", "the file system"))
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

fn unopened(errno: Errno, root: &Path) -> Fault {
    let shown = root.display();
    match errno {
        Errno::NOSYS => Fault::Io {
            doing: format!(
                "open {shown}: it takes openat2, which Linux 5.6 or later has and a systemd unit with \
                 RestrictSUIDSGID= has not"
            ),
            source: io::ErrorKind::Unsupported.into(),
            transient: false,
        },
        _ => Fault::from_errno(errno, "open", &shown.to_string()),
    }
}

impl Debug for Snapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} bytes, mode {:o})", self.bytes.len(), self.mode)
    }
}
