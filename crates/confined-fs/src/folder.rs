//! One opened folder of a tree and single names in it, of any bytes. For folders whose files are
//! dropped by others or kept by this program alone; changes of users' files go through
//! [`crate::Change`].

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use crate::fault::Fault;
use crate::path::RelPath;
use crate::sys;
use crate::tree::Tree;

/// An opened folder. It stays the same folder even if it is renamed.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: String,
}

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListedKind {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A pipe, socket or device.
    Other,
}

/// One name in a folder, seen without following links.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The name.
    pub name: OsString,
    /// What it stands for.
    pub kind: ListedKind,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since the epoch; anyone who may write can set it.
    pub modified_ns: i128,
    /// Status change time, nanoseconds since the epoch; the kernel alone sets it.
    pub changed_ns: i128,
    /// Inode number.
    pub inode: u64,
}

impl Tree {
    /// Opens a folder of the tree, following nothing. With `make`, a missing one is made (0750).
    pub fn folder(&self, path: &RelPath, make: bool) -> Result<Folder, Fault> {
        let failed = |errno| Fault::from_errno(errno, "open", path.as_str());
        if make {
            for part in path.ancestors().chain([path.clone()]) {
                self.make_folder(&part)?;
            }
        }
        let fd = sys::open_folder(self.root(), path.as_str()).map_err(failed)?;
        // What openat2 gives here is a mere handle; reading and flushing a folder takes a real one.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&fd, ".", flags, Mode::empty()).map_err(failed)?;
        Ok(Folder { fd, path: path.as_str().to_owned() })
    }

    /// Opens the tree's own folder.
    pub fn top(&self) -> Result<Folder, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(self.root(), ".", flags, Mode::empty());
        let fd = fd.map_err(|errno| Fault::from_errno(errno, "open", "."))?;
        Ok(Folder { fd, path: ".".to_owned() })
    }

    fn make_folder(&self, path: &RelPath) -> Result<(), Fault> {
        let failed = |errno| Fault::from_errno(errno, "make", path.as_str());
        let parent = path.parent();
        let parent = parent.as_ref().map_or(".", RelPath::as_str);
        let parent = sys::open_folder(self.root(), parent).map_err(failed)?;
        match fs::mkdirat(&parent, path.file_name(), Mode::from_raw_mode(0o750)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }
}

impl Folder {
    /// Lists the folder, in no order. Names that vanish meanwhile are left out.
    pub fn list(&self) -> Result<Vec<Listed>, Fault> {
        let mut listed = Vec::new();
        for name in self.names()? {
            match fs::statat(&self.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => listed.push(describe(&name, &stat)),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(self.fault("look at", &name, errno)),
            }
        }
        Ok(listed)
    }

    /// The names in the folder, in no order.
    pub fn names(&self) -> Result<Vec<OsString>, Fault> {
        let failed = |errno| Fault::from_errno(errno, "list", &self.path);
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// Looks at one name without following it. Nothing there is `None`.
    pub fn look(&self, name: &OsStr) -> Result<Option<Listed>, Fault> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(describe(name, &stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.fault("look at", name, errno)),
        }
    }

    /// Reads the first `limit` bytes of a regular file, never waiting for the other end of a pipe.
    /// Nothing there is `None`; what is not a regular file is a fault.
    pub fn read(&self, name: &OsStr, limit: u64) -> Result<Option<(Listed, Vec<u8>)>, Fault> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match retry_on_intr(|| fs::openat(&self.fd, name, flags, Mode::empty())) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.fault("read", name, errno)),
        };
        let failed = |errno| self.fault("read", name, errno);
        let about = describe(name, &fs::fstat(&file).map_err(failed)?);
        if about.kind != ListedKind::File {
            return Err(Fault::Denied(format!("{}: is no regular file", self.of(name))));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(about.size.min(limit)).unwrap_or(0) + 1);
        let mut chunk = [0; 16 * 1024];
        while (bytes.len() as u64) < limit {
            let room = usize::try_from(limit - bytes.len() as u64).unwrap_or(usize::MAX);
            let room = room.min(chunk.len());
            let part = chunk.get_mut(..room).unwrap_or_default();
            match retry_on_intr(|| rustix::io::read(&file, &mut *part)).map_err(failed)? {
                0 => break,
                count => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            }
        }
        Ok(Some((about, bytes)))
    }

    /// Writes a file under a temporary name of its own, so that a full disk shows now. An earlier
    /// one of the same name is dropped.
    pub fn stage(&self, name: &OsStr, bytes: &[u8], mode: u32) -> Result<(), Fault> {
        let temp = temporary(name);
        let failed = |errno| self.fault("write", name, errno);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(mode);
        let create = || fs::openat(&self.fd, &temp, flags | OFlags::CLOEXEC, mode);
        let file = match create() {
            Err(Errno::EXIST) => {
                self.free(&temp)?;
                create()
            }
            outcome => outcome,
        }
        .map_err(failed)?;
        sys::write_all(&file, bytes).map_err(|errno| {
            let _gone = fs::unlinkat(&self.fd, &temp, AtFlags::empty()).is_ok();
            failed(errno)
        })
    }

    /// Gives a staged file its name, in place of whatever has it. A staged file that is not there is
    /// fine if the name is taken: then it was placed before.
    pub fn place(&self, name: &OsStr) -> Result<(), Fault> {
        match fs::renameat(&self.fd, temporary(name), &self.fd, name) {
            Err(Errno::NOENT) if self.look(name)?.is_some() => Ok(()),
            outcome => outcome.map_err(|errno| self.fault("rename", name, errno)),
        }
    }

    /// Drops a staged file. Nothing there is fine.
    pub fn unstage(&self, name: &OsStr) -> Result<(), Fault> {
        self.free(&temporary(name))
    }

    /// Removes a name. Nothing there is fine.
    pub fn remove(&self, name: &OsStr) -> Result<(), Fault> {
        match fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.fault("remove", name, errno)),
        }
    }

    /// Makes a temporary name free. Who may write here may have put a folder there, which must stop
    /// nobody: an empty one goes, another is kept under a hidden name that nobody can foresee.
    fn free(&self, temp: &OsStr) -> Result<(), Fault> {
        if self.look(temp)?.is_none_or(|it| it.kind != ListedKind::Folder) {
            return self.remove(temp);
        }
        match fs::unlinkat(&self.fd, temp, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(errno) => return Err(self.fault("remove", temp, errno)),
        }
        let tag = getrandom::u64().map_err(|err| Fault::Io {
            doing: "ask for a random name".to_owned(),
            source: io::Error::other(err.to_string()),
            transient: true,
        })?;
        let kept = OsString::from(format!(".aiops-{tag:016x}.folder"));
        fs::renameat_with(&self.fd, temp, &self.fd, &kept, RenameFlags::NOREPLACE)
            .map_err(|errno| self.fault("set aside", temp, errno))
    }

    /// Removes a name only if what it leads to still is what `is_it` knows; anything newer of the same
    /// name is kept, also when an earlier call died half way. Tells whether it was removed.
    pub fn remove_if(
        &self,
        name: &OsStr,
        is_it: impl Fn(&Self, &OsStr) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let aside = temporary(name);
        if self.look(&aside)?.is_some() && self.remove_aside(name, &aside, &is_it)? {
            return Ok(true);
        }
        if self.look(name)?.is_none() || !is_it(self, name)? {
            return Ok(false);
        }
        // Renamed, then looked at again: nobody can put another file in between.
        match fs::renameat(&self.fd, name, &self.fd, &aside) {
            Ok(()) => self.remove_aside(name, &aside, &is_it),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.fault("remove", name, errno)),
        }
    }

    fn remove_aside(
        &self,
        name: &OsStr,
        aside: &OsStr,
        is_it: &impl Fn(&Self, &OsStr) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        if is_it(self, aside)? {
            return self.free(aside).map(|()| true);
        }
        match fs::renameat_with(&self.fd, aside, &self.fd, name, RenameFlags::NOREPLACE) {
            // Somebody dropped yet another one meanwhile, which is newer: the older goes.
            Err(Errno::EXIST) => self.free(aside).map(|()| false),
            outcome => outcome.map(|()| false).map_err(|errno| self.fault("keep", name, errno)),
        }
    }

    /// Writes `bytes` at an offset of a regular file and cuts it off behind them; makes the file
    /// (0640) if it is missing.
    pub fn write_at(&self, name: &OsStr, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let failed = |errno| self.fault("write", name, errno);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(0o640);
        let file = fs::openat(&self.fd, name, flags | OFlags::CLOEXEC, mode).map_err(failed)?;
        let stat = fs::fstat(&file).map_err(failed)?;
        if describe(name, &stat).kind != ListedKind::File || stat.st_nlink != 1 {
            return Err(Fault::Denied(format!("{}: is no plain file", self.of(name))));
        }
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let at = offset + written as u64;
            match retry_on_intr(|| rustix::io::pwrite(&file, rest, at)).map_err(failed)? {
                0 => return Err(failed(Errno::IO)),
                count => written += count,
            }
        }
        fs::ftruncate(&file, offset + bytes.len() as u64).map_err(failed)
    }

    /// Renames a file within the folder; the new name must be free.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Fault> {
        fs::renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE)
            .map_err(|errno| self.fault("rename", from, errno))
    }

    /// Flushes the whole file system the folder is on.
    pub fn sync(&self) -> Result<(), Fault> {
        sys::sync(self.fd.as_fd()).map_err(|errno| Fault::from_errno(errno, "flush", &self.path))
    }

    fn of(&self, name: &OsStr) -> String {
        format!("{}/{}", self.path, name.to_string_lossy())
    }

    fn fault(&self, doing: &str, name: &OsStr, errno: Errno) -> Fault {
        match errno {
            Errno::ISDIR => Fault::Denied(format!("{}: is a folder", self.of(name))),
            Errno::NXIO => Fault::Denied(format!("{}: is no regular file", self.of(name))),
            Errno::NAMETOOLONG => Fault::Io {
                doing: format!("{doing} {}", self.of(name)),
                source: io::Error::from(errno),
                transient: false,
            },
            _ => Fault::from_errno(errno, doing, &self.of(name)),
        }
    }
}

/// The temporary name of a file: hidden, not ending in `.json`, one per name.
fn temporary(name: &OsStr) -> OsString {
    let mut temp = OsString::from(".aiops-");
    // A name may be as long as the file system takes; its end is what tells names apart here.
    let bytes = name.as_bytes();
    let tail = bytes.get(bytes.len().saturating_sub(200)..).unwrap_or_default();
    temp.push(OsStr::from_bytes(tail));
    temp.push(".tmp");
    temp
}

pub(crate) fn describe(name: &OsStr, stat: &Stat) -> Listed {
    let ns = |seconds: i64, ns: u64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
    Listed {
        name: name.to_owned(),
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => ListedKind::File,
            FileType::Symlink => ListedKind::Link,
            FileType::Directory => ListedKind::Folder,
            _ => ListedKind::Other,
        },
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        modified_ns: ns(stat.st_mtime, stat.st_mtime_nsec),
        changed_ns: ns(stat.st_ctime, stat.st_ctime_nsec),
        inode: stat.st_ino,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set the scene themselves")]
mod tests {
    use super::*;
    use std::fs as std_fs;
    use std::os::unix::fs::symlink;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        let folder = tree.folder(&RelPath::parse("a/b").unwrap(), true).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_staged_file_is_invisible_until_it_is_placed() {
        let (_dir, folder) = folder();
        let name = OsStr::new("x.json");
        folder.stage(name, b"one", 0o640).unwrap();
        assert_eq!(folder.look(name).unwrap(), None);
        folder.stage(name, b"two", 0o640).unwrap();
        folder.place(name).unwrap();
        folder.place(name).unwrap();
        assert_eq!(folder.read(name, 99).unwrap().unwrap().1, b"two");
        assert_eq!(folder.names().unwrap(), [name]);
        folder.stage(OsStr::new("y"), b"", 0o640).unwrap();
        folder.unstage(OsStr::new("y")).unwrap();
        assert!(folder.place(OsStr::new("y")).is_err());
    }

    #[test]
    fn only_the_very_file_is_removed() {
        let (_dir, folder) = folder();
        let name = OsStr::new("x");
        folder.stage(name, b"old", 0o640).unwrap();
        folder.place(name).unwrap();
        let is = |inode| {
            move |folder: &Folder, name: &OsStr| {
                Ok(folder.look(name)?.is_some_and(|it| it.inode == inode))
            }
        };
        let old = folder.look(name).unwrap().unwrap().inode;
        folder.stage(name, b"new", 0o640).unwrap();
        folder.place(name).unwrap();
        assert!(!folder.remove_if(name, is(old)).unwrap());
        assert_eq!(folder.read(name, 9).unwrap().unwrap().1, b"new");
        let new = folder.look(name).unwrap().unwrap().inode;
        // As a call leaves it that dies after it took the newer file aside.
        folder.rename(name, &temporary(name)).unwrap();
        assert!(!folder.remove_if(name, is(old)).unwrap());
        assert_eq!(folder.read(name, 9).unwrap().unwrap().1, b"new");
        assert!(folder.remove_if(name, is(new)).unwrap());
        assert!(!folder.remove_if(name, is(new)).unwrap());
        assert!(folder.names().unwrap().is_empty());
    }

    #[test]
    fn a_folder_with_a_temporary_name_stops_nobody() {
        for inside in [None, Some("kept")] {
            let (dir, folder) = folder();
            let name = OsStr::new("x");
            let planted = dir.path().join("a/b").join(temporary(name));
            let plant = || {
                std_fs::create_dir(&planted).unwrap();
                if let Some(it) = inside {
                    std_fs::write(planted.join(it), it).unwrap();
                }
            };
            plant();
            folder.stage(name, b"one", 0o640).unwrap();
            folder.place(name).unwrap();
            plant();
            folder.unstage(name).unwrap();
            plant();
            let is_file = |folder: &Folder, name: &OsStr| {
                Ok(folder.look(name)?.is_some_and(|it| it.kind == ListedKind::File))
            };
            assert!(folder.remove_if(name, is_file).unwrap());
            let kept = folder.names().unwrap();
            assert_eq!(kept.len(), if inside.is_some() { 3 } else { 0 }, "{kept:?}");
        }
    }

    #[test]
    fn links_pipes_folders_and_hard_links_are_not_read_or_written() {
        let (dir, folder) = folder();
        let outside = dir.path().join("outside");
        std_fs::write(&outside, "kept").unwrap();
        let at = dir.path().join("a/b");
        symlink(&outside, at.join("link")).unwrap();
        symlink(dir.path().join("a"), dir.path().join("c")).unwrap();
        std_fs::create_dir(at.join("folder")).unwrap();
        std_fs::hard_link(&outside, at.join("hard")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at.join("pipe"), Mode::RUSR).unwrap();
        for name in ["link", "folder", "pipe"] {
            assert!(folder.read(OsStr::new(name), 9).is_err(), "{name}");
        }
        for name in ["link", "folder", "pipe", "hard"] {
            assert!(folder.write_at(OsStr::new(name), 0, b"x").is_err(), "{name}");
        }
        assert_eq!(std_fs::read(&outside).unwrap(), b"kept");
        let tree = Tree::open(dir.path()).unwrap();
        let through = tree.folder(&RelPath::parse("c/b").unwrap(), true);
        assert!(matches!(through, Err(Fault::Symlink(_))));
    }

    #[test]
    fn writing_at_an_offset_cuts_off_what_lies_behind() {
        let (_dir, folder) = folder();
        let name = OsStr::new("log");
        folder.write_at(name, 0, b"one two three").unwrap();
        folder.write_at(name, 4, b"2").unwrap();
        assert_eq!(folder.read(name, 99).unwrap().unwrap().1, b"one 2");
        assert_eq!(folder.read(name, 3).unwrap().unwrap().1, b"one");
    }
}
