//! Looking at files and reading them, within bounds.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
#[cfg(target_os = "linux")]
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{ffi::OsString, fs};

use super::Host;

/// What kind of thing a name stands for; links are not followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device.
    Other,
}

/// One name in a folder, seen without following links.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The last path component.
    pub name: OsString,
    /// What it stands for.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since the epoch.
    pub modified_ns: i128,
    /// Status change time, nanoseconds since the epoch; no one can set it at will.
    pub changed_ns: i128,
    /// Inode number.
    pub inode: u64,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
}

impl Entry {
    fn new(name: OsString, meta: &fs::Metadata) -> Self {
        let kind = match meta.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Self {
            name,
            kind,
            size: meta.len(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
            mode: meta.mode() & 0o7777,
            owner: meta.uid(),
            group: meta.gid(),
        }
    }
}

impl Host {
    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// `FileTooLarge` above the limit, else what the system says.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            let why = format!("larger than {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(bytes)
    }

    /// Reads the first `limit` bytes of a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_start(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the first `limit` bytes of standard input.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_input(&self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads at most `limit` bytes of a regular file, never following a link or waiting on a pipe.
    /// Returns the descriptor's own facts beside the bytes.
    ///
    /// # Errors
    /// `InvalidInput` when it is not a regular file, else what the system says.
    pub fn read_plain(&self, path: &Path, limit: u64) -> io::Result<(Entry, Vec<u8>)> {
        let (entry, file) = self.open_plain(path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(entry.size.min(limit)).unwrap_or(0));
        file.take(limit).read_to_end(&mut bytes)?;
        Ok((entry, bytes))
    }

    /// Opens a regular file for reading piece by piece, never following a link or waiting on a
    /// pipe. Returns the descriptor's own facts beside it.
    ///
    /// # Errors
    /// `InvalidInput` when it is not a regular file, else what the system says.
    pub fn open_plain(&self, path: &Path) -> io::Result<(Entry, impl Read + use<>)> {
        let file = open_plain(path, OpenOptions::new().read(true))?;
        let meta = file.metadata()?;
        Ok((Entry::new(path.file_name().unwrap_or_default().into(), &meta), file))
    }

    /// Looks at one path without following a link. `None` when nothing is there.
    ///
    /// # Errors
    /// What the system says, other than that nothing is there.
    pub fn look(&self, path: &Path) -> io::Result<Option<Entry>> {
        match fs::symlink_metadata(path) {
            Ok(meta) => Ok(Some(Entry::new(path.file_name().unwrap_or_default().into(), &meta))),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Lists a folder with what each name stands for, in no order. Names that vanish are left out.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(meta) => entries.push(Entry::new(entry.file_name(), &meta)),
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                Err(err) => return Err(err),
            }
        }
        Ok(entries)
    }

    /// Lists only the names in a folder, in no order: one system call for thousands of them.
    ///
    /// # Errors
    /// What the system says.
    pub fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// What a symbolic link says, as it stands.
    ///
    /// # Errors
    /// What the system says; `InvalidInput` when it is no link.
    pub fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    /// Tells what every symbolic link in a folder says, in the folder's own order, until it is told
    /// to break; cheaply, for folders of very many (/proc/PID/fd). Names that are no link, or
    /// vanish, are left out; so are those that say more than 64 bytes. Linux only.
    ///
    /// # Errors
    /// What the system says about the folder.
    #[cfg(target_os = "linux")]
    pub fn each_link(
        &self,
        folder: &Path,
        told: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> io::Result<()> {
        use rustix::fs::{FileType, Mode, OFlags, RawDir, openat, readlinkat_raw};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(rustix::fs::CWD, folder, flags, Mode::empty())?;
        let mut names = [std::mem::MaybeUninit::uninit(); 8192];
        let mut names = RawDir::new(&folder, &mut names);
        while let Some(entry) = names.next() {
            let entry = entry?;
            if entry.file_type() != FileType::Symlink {
                continue;
            }
            let mut says = [0; 65];
            let length = match readlinkat_raw(&folder, entry.file_name(), &mut says) {
                Ok(length) if length < says.len() => length,
                _ => continue,
            };
            if told(says.get(..length).unwrap_or_default()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Reads the last `limit` bytes of a regular file, never following a link.
    ///
    /// # Errors
    /// `InvalidInput` when it is not a regular file, else what the system says.
    pub fn read_end(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        use std::io::Seek;
        let mut file = open_plain(path, OpenOptions::new().read(true))?;
        let start = file.metadata()?.len().saturating_sub(limit);
        file.seek(io::SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The path with every link resolved.
    ///
    /// # Errors
    /// What the system says.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }
}

/// Opens a regular file; never follows a link at its name or waits for a pipe's other end.
pub(super) fn open_plain(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = options.clone().custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn links_are_read_as_they_stand_and_nothing_else_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        for number in 0..1000 {
            let link = dir.path().join(format!("l{number}"));
            std::os::unix::fs::symlink(format!("socket:[{number}]"), link).unwrap();
        }
        std::os::unix::fs::symlink("x".repeat(65), dir.path().join("long")).unwrap();
        host.replace_file(&dir.path().join("file"), b"", 0o640).unwrap();
        host.make_dir(&dir.path().join("folder"), 0o750).unwrap();
        let mut told = std::collections::BTreeSet::new();
        let mut tell = |says: &[u8]| {
            assert!(told.insert(says.to_vec()));
            ControlFlow::Continue(())
        };
        host.each_link(dir.path(), &mut tell).unwrap();
        let all = (0..1000).map(|number| format!("socket:[{number}]").into_bytes());
        assert!(told.into_iter().eq(all.collect::<std::collections::BTreeSet<_>>()));
        let mut count = 0;
        let mut stop = |_: &[u8]| {
            count += 1;
            if count < 7 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        assert!(host.each_link(&dir.path().join("file"), &mut stop).is_err());
        host.each_link(dir.path(), &mut stop).unwrap();
        assert_eq!(count, 7);
        assert_eq!(host.read_link(&dir.path().join("l7")).unwrap(), Path::new("socket:[7]"));
        assert!(host.read_link(&dir.path().join("file")).is_err());
    }

    #[test]
    fn reads_are_bounded_and_plain_reads_follow_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("a"), dir.path().join("l"));
        let host = Host::real();
        host.replace_file(&path, b"12345", 0o640).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(host.read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(host.read_plain(&link, 10).is_err());
        assert!(host.read_plain(dir.path(), 10).is_err());
        assert_eq!(host.read_plain(&path, 3).unwrap().1, b"123");
    }
}
