//! The folder a change happens in, opened by the kernel beneath the root, and the two names in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::change::{Change, Motion, Side};
use crate::fault::Fault;
use crate::look::{self, Content, Thing};
use crate::path::RelPath;
use crate::sys::{self, Kind};

/// How often a swap is turned back while someone else keeps renaming files over the same name.
const TURNS: usize = 64;

/// An opened parent folder.
pub(crate) struct Place<'a> {
    pub(crate) change: &'a Change,
    pub(crate) name: &'a str,
    /// `None` if the folder is missing: then nothing is under either name.
    dir: Option<OwnedFd>,
}

/// What is under the file's own name and under the temporary name.
pub(crate) struct Pair {
    pub(crate) file: Option<Thing>,
    pub(crate) temp: Option<Thing>,
}

/// Opens the folder a path is in. A missing folder is `None`.
pub(crate) fn open_parent(root: BorrowedFd<'_>, path: &RelPath) -> Result<Option<OwnedFd>, Fault> {
    let parent = path.parent();
    let parent = parent.as_ref().map_or(".", RelPath::as_str);
    match sys::open_folder(root, parent) {
        Ok(dir) => Ok(Some(dir)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Fault::from_errno(errno, "open", parent)),
    }
}

impl<'a> Place<'a> {
    pub(crate) fn open(root: BorrowedFd<'_>, change: &'a Change) -> Result<Self, Fault> {
        change.check()?;
        let dir = open_parent(root, &change.path)?;
        Ok(Self { change, name: change.path.file_name(), dir })
    }

    pub(crate) fn dir(&self) -> Result<BorrowedFd<'_>, Fault> {
        let missing = || self.precondition("its folder is missing");
        self.dir.as_ref().map(OwnedFd::as_fd).ok_or_else(missing)
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.dir.is_none()
    }

    pub(crate) fn look(&self) -> Result<Pair, Fault> {
        if self.is_missing() {
            return Ok(Pair { file: None, temp: None });
        }
        Ok(Pair { file: self.look_under(self.name)?, temp: self.look_under(&self.change.temp)? })
    }

    pub(crate) fn look_under(&self, name: &str) -> Result<Option<Thing>, Fault> {
        look::look(self.dir()?, name, self.change).map_err(|errno| self.io("read", errno))
    }

    /// Which side of the change the file itself is on.
    pub(crate) fn side_of(&self, file: Option<&Thing>) -> Side {
        match (file.map(|thing| thing.content), self.change.motion()) {
            (None, Motion::Create) | (Some(Content::Before), _) => Side::Before,
            (None, Motion::Delete | Motion::Nothing) | (Some(Content::After), _) => Side::After,
            _ => Side::Neither,
        }
    }

    pub(crate) fn changes_nothing(&self, pair: &Pair) -> bool {
        pair.file.as_ref().map_or(self.change.motion() == Motion::Nothing, |file| file.is_both)
    }

    /// Renames within the folder; the new name must be free.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        match sys::rename_new(self.dir()?, from, to) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                let found = self.look_under(to)?;
                Err(self.refusal(found.as_ref(), "someone else made it meanwhile"))
            }
            Err(Errno::NOENT) => Err(self.precondition("someone else moved it meanwhile")),
            Err(errno) => Err(self.io("rename", errno)),
        }
    }

    /// Swaps the file and the temporary name.
    pub(crate) fn exchange(&self) -> Result<(), Fault> {
        match sys::exchange(self.dir()?, &self.change.temp, self.name) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => Err(self.precondition("someone else moved it meanwhile")),
            Err(errno) => Err(self.io("swap in", errno)),
        }
    }

    /// Turns a swap back after which someone else's file was found under the temporary name.
    ///
    /// `placed` is what the swap put under the file's name. If something else comes back out, it is
    /// newer still and belongs under that name, so it is put back in turn.
    pub(crate) fn swap_back(&self, placed: &Thing) -> Result<(), Fault> {
        let dir = self.dir()?;
        let temp = &self.change.temp;
        let failed = |errno| self.io("put back", errno);
        // Held open, so that no id can come up again for another file while it is compared.
        let mut held = Vec::new();
        let mut placed = placed.meta.id;
        for _ in 0..TURNS {
            let coming = look::peek(dir, temp).map_err(failed)?;
            let Some((handle, coming)) = coming else {
                return Err(self.precondition("someone else took the temporary file"));
            };
            held.push(handle);
            match sys::exchange(dir, temp, self.name) {
                Ok(()) => match look::peek(dir, temp).map_err(failed)? {
                    Some((_, out)) if out.id == placed => return Ok(()),
                    Some(_) => placed = coming.id,
                    None => return Err(self.precondition("someone else took the temporary file")),
                },
                Err(Errno::NOENT) => match sys::rename_new(dir, temp, self.name) {
                    Ok(()) => return Ok(()),
                    Err(Errno::EXIST) => {}
                    Err(errno) => return Err(failed(errno)),
                },
                Err(errno) => return Err(failed(errno)),
            }
        }
        Err(self.precondition("someone else keeps replacing it"))
    }

    /// Says why what was found cannot be worked with.
    pub(crate) fn refusal(&self, found: Option<&Thing>, otherwise: &str) -> Fault {
        let path = &self.change.path;
        match found.map(|thing| thing.meta) {
            Some(meta) if meta.kind == Kind::Link => {
                Fault::Symlink(format!("{path}: is a symbolic link"))
            }
            Some(meta) => match meta.kind {
                Kind::Other(what) => {
                    Fault::Denied(format!("{path}: is {what}, not a regular file"))
                }
                _ if meta.has_other_links => {
                    Fault::Denied(format!("{path}: has more than one hard link"))
                }
                _ => self.precondition(otherwise),
            },
            None => self.precondition(otherwise),
        }
    }

    pub(crate) fn precondition(&self, why: &str) -> Fault {
        Fault::Precondition(format!("{}: {why}", self.change.path))
    }

    pub(crate) fn io(&self, doing: &str, errno: Errno) -> Fault {
        Fault::from_errno(errno, doing, self.change.path.as_str())
    }
}
