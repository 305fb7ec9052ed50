//! Linux, 5.6 or later (`openat2`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Uid};
use rustix::io::{Errno, Result, retry_on_intr};

use super::{Kind, Meta};

/// The kernel gives up with EAGAIN when anything on the host is renamed during a walk.
const OPEN_ATTEMPTS: usize = 64;

/// Opens the root itself; links in the path to it are the operator's business.
pub(crate) fn open_root(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry_on_intr(|| fs::open(path, flags, Mode::empty()))
}

/// Opens the root itself, following no link at all on the way.
pub(crate) fn open_root_resolved(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 1..OPEN_ATTEMPTS {
        match fs::openat2(fs::CWD, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            outcome => return outcome,
        }
    }
    fs::openat2(fs::CWD, path, flags, Mode::empty(), resolve)
}

/// Opens a folder beneath another, as a place for `*at` calls.
pub(crate) fn open_folder(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    open_beneath(root, path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
}

/// Takes hold of a name without opening what it names, links and devices included.
pub(crate) fn hold(dir: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    open_beneath(dir, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens a file for reading; never waits for the other end of a FIFO.
pub(crate) fn open_file(dir: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    open_beneath(dir, name, flags, Mode::empty())
}

/// Creates a file that must not exist, readable by its owner alone.
pub(crate) fn create_file(dir: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    open_beneath(dir, name, flags, Mode::RUSR | Mode::WUSR)
}

fn open_beneath(dir: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    #[cfg(test)]
    super::gate::pass()?;
    // NO_XDEV because `sync` reaches one file system only.
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    for _ in 1..OPEN_ATTEMPTS {
        match fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            outcome => return outcome,
        }
    }
    fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, resolve)
}

pub(crate) fn meta(file: impl AsFd) -> Result<Meta> {
    #[cfg(test)]
    super::gate::pass()?;
    let stat = fs::fstat(file)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Link,
        FileType::Directory => Kind::Other("a folder"),
        FileType::Fifo => Kind::Other("a FIFO"),
        FileType::Socket => Kind::Other("a socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Kind::Other("a device"),
        FileType::Unknown => Kind::Other("of an unknown kind"),
    };
    Ok(Meta {
        kind,
        id: (stat.st_dev, stat.st_ino),
        has_other_links: stat.st_nlink > 1,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        len: u64::try_from(stat.st_size).unwrap_or_default(),
    })
}

pub(crate) fn read(file: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    #[cfg(test)]
    super::gate::pass()?;
    retry_on_intr(|| rustix::io::read(&file, &mut *buffer))
}

pub(crate) fn write_all(file: impl AsFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        #[cfg(test)]
        super::gate::pass()?;
        match retry_on_intr(|| rustix::io::write(&file, bytes))? {
            0 => return Err(Errno::IO),
            written => bytes = bytes.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Gives the file an owner and group.
pub(crate) fn give_to(file: impl AsFd, uid: u32, gid: u32) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    // The all-ones id means "leave it" to the kernel and is no owner.
    let uid = (uid != u32::MAX).then(|| Uid::from_raw(uid));
    let gid = (gid != u32::MAX).then(|| Gid::from_raw(gid));
    fs::fchown(file, uid, gid)
}

pub(crate) fn set_mode(file: impl AsFd, mode: u32) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::fchmod(file, Mode::from_raw_mode(mode))
}

pub(crate) fn make_folder(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::mkdirat(dir, name, Mode::from_raw_mode(0o755))
}

pub(crate) fn remove_file(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::unlinkat(dir, name, AtFlags::empty())
}

pub(crate) fn remove_folder(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::unlinkat(dir, name, AtFlags::REMOVEDIR)
}

/// Renames within a folder; EEXIST if the new name is taken.
pub(crate) fn rename_new(dir: BorrowedFd<'_>, from: &str, to: &str) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE)
}

/// Swaps two names of a folder in one step.
pub(crate) fn exchange(dir: BorrowedFd<'_>, one: &str, other: &str) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::renameat_with(dir, one, dir, other, RenameFlags::EXCHANGE)
}

/// Flushes the whole file system the folder is on.
pub(crate) fn sync(dir: impl AsFd) -> Result<()> {
    #[cfg(test)]
    super::gate::pass()?;
    fs::syncfs(dir)
}
