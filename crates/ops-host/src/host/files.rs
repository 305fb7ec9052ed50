//! Files: bounded reads, durable writes.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
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
    /// vanish, are left out; so are those that say more than 64 bytes.
    ///
    /// # Errors
    /// What the system says about the folder.
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

    /// Makes a folder and its parents.
    ///
    /// # Errors
    /// What the system says, other than that it exists.
    pub fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(mode).create(path)
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

    /// Adds a line, newline included, to the end of a file of whole lines; durable on return. A last
    /// line that a crash left unfinished, up to `limit` bytes, was never told to anybody and goes.
    ///
    /// # Errors
    /// What the system says; nothing was added then.
    pub fn append_line(&self, path: &Path, line: &[u8], mode: u32, limit: u64) -> io::Result<()> {
        let is_new = self.look(path)?.is_none();
        let options = OpenOptions::new().read(true).append(true).create(true).mode(mode).to_owned();
        let mut file = open_plain(path, &options)?;
        let before = file.metadata()?.len();
        let end = self.read_end(path, limit)?;
        let unfinished =
            end.len() - end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if unfinished as u64 == limit {
            let why = format!("its last {limit} bytes hold no line end");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let whole = before - unfinished as u64;
        if unfinished > 0 {
            file.set_len(whole)?;
        }
        let added = file.write_all(line).and_then(|()| file.sync_all());
        added.inspect_err(|_| drop(file.set_len(whole)))?;
        if is_new { sync_folder(path) } else { Ok(()) }
    }

    /// Adds a line, newline included, to the end of a file in one write, so that those of several
    /// processes do not mix. Not flushed: for what is a copy of something durable, or can be missed.
    /// A last line that a crash left unfinished is ended first, and stays for its reader to skip.
    ///
    /// # Errors
    /// What the system says.
    pub fn add_line(&self, path: &Path, line: &[u8], mode: u32) -> io::Result<()> {
        use std::io::Seek;
        let options = OpenOptions::new().read(true).append(true).create(true).mode(mode).to_owned();
        let mut file = open_plain(path, &options)?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(io::SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last == [b'\n'] {
            return file.write_all(line);
        }
        file.write_all(&[b"\n", line].concat())
    }

    /// Replaces a file so that after a crash it is whole, old or new, and durable on return:
    /// temporary name, fsync, rename, fsync of the folder.
    ///
    /// # Errors
    /// What the system says; the old file is then untouched.
    pub fn replace_file(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let temp = self.write_temp(path, bytes, mode, true)?;
        fs::rename(&temp, path).inspect_err(|_| drop(fs::remove_file(&temp)))?;
        sync_folder(path)
    }

    /// Replaces a file atomically but leaves flushing to the caller's own syncfs.
    ///
    /// # Errors
    /// What the system says; the old file is then untouched.
    pub fn replace_file_unsynced(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let temp = self.write_temp(path, bytes, mode, false)?;
        fs::rename(&temp, path).inspect_err(|_| drop(fs::remove_file(&temp)))
    }

    /// Creates a file, whole and durable, only if the name is free.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, else what the system says.
    pub fn create_file(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let temp = self.write_temp(path, bytes, mode, true)?;
        rename_to_free_name(&temp, path).inspect_err(|_| drop(fs::remove_file(&temp)))?;
        sync_folder(path)
    }

    /// A name beside `path` that nobody else uses.
    pub(super) fn temporary(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let random = u64::from_ne_bytes(self.random());
        path.with_file_name(format!(".aiops-{random:016x}-{name:.80}.tmp"))
    }

    fn write_temp(&self, path: &Path, bytes: &[u8], mode: u32, sync: bool) -> io::Result<PathBuf> {
        let temp = self.temporary(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temp)?;
        let written =
            file.write_all(bytes).and_then(|()| if sync { file.sync_all() } else { Ok(()) });
        written.inspect_err(|_| drop(fs::remove_file(&temp)))?;
        Ok(temp)
    }

    /// Renames a file over whatever has the new name. What was there is gone; nothing is flushed.
    ///
    /// # Errors
    /// What the system says; both names are then as they were.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Renames a file over whatever has the new name, and flushes the folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename_durable(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder(to)
    }

    /// Removes a file, and flushes the folder; one that is not there is fine.
    ///
    /// # Errors
    /// What the system says, other than that nothing is there.
    pub fn remove_file_durable(&self, path: &Path) -> io::Result<()> {
        self.remove_file(path)?;
        sync_folder(path)
    }

    /// Gives a file or folder of this user to a group, with these permission bits.
    ///
    /// # Errors
    /// What the system says.
    pub fn share(&self, path: &Path, group: u32, mode: u32) -> io::Result<()> {
        use rustix::fs::{CWD, Gid, Mode, chmodat, chownat};
        let group = Gid::from_raw(group);
        chownat(CWD, path, None, Some(group), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
        chmodat(CWD, path, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())?;
        Ok(())
    }

    /// Renames a file only if the new name is free; nothing is flushed.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, else what the system says.
    pub fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        rename_to_free_name(from, to)
    }

    /// Gives a file a second name, only if that name is free. Which file a name stands for can be
    /// told by [`Entry::inode`], also after a crash.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, else what the system says.
    pub fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    /// Removes a file; one that is not there is fine.
    ///
    /// # Errors
    /// What the system says, other than that nothing is there.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
            _ => Ok(()),
        }
    }

    /// Removes a folder and all below it; links in it are removed, not followed.
    ///
    /// # Errors
    /// What the system says, other than that nothing is there.
    pub fn remove_tree(&self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
            _ => Ok(()),
        }
    }

    /// The path with every link resolved.
    ///
    /// # Errors
    /// What the system says.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    /// Flushes the file system that holds `path`: one call for any number of files written before.
    /// Linux only, as is whoever relies on it.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(target_os = "linux")]
    pub fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        rustix::fs::syncfs(File::open(path)?).map_err(io::Error::from)
    }
}

/// Renames, never replacing. A watcher of the folder sees a file moved in whole, with one link.
fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot; they can link, at the price of two names for a moment.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to).and_then(|()| fs::remove_file(from))
        }
        renamed => renamed.map_err(io::Error::from),
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

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_leaves_no_temporary_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let host = Host::real();
        host.replace_file(&path, b"one", 0o640).unwrap();
        host.replace_file(&path, b"two", 0o640).unwrap();
        assert_eq!(host.read(&path, 10).unwrap(), b"two");
        assert_eq!(host.names(dir.path()).unwrap(), ["a.json"]);
        let taken = host.create_file(&path, b"three", 0o640).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(host.names(dir.path()).unwrap(), ["a.json"]);
    }

    #[test]
    fn a_line_is_added_whole_and_an_unfinished_one_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let host = Host::real();
        host.append_line(&path, b"one\n", 0o600, 99).unwrap();
        fs::write(&path, "one\ncut o").unwrap();
        host.append_line(&path, b"two\n", 0o600, 99).unwrap();
        assert_eq!(host.read(&path, 99).unwrap(), b"one\ntwo\n");
        assert_eq!(host.read_end(&path, 5).unwrap(), b"\ntwo\n");
        fs::write(&path, "x".repeat(200)).unwrap();
        let refused = host.append_line(&path, b"two\n", 0o600, 99).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        assert_eq!(host.read(&path, 999).unwrap().len(), 200);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(host.append_line(&link, b"x\n", 0o600, 99).is_err());
        assert!(host.append_line(Path::new("/dev/full"), b"x\n", 0o600, 99).is_err());
    }

    #[test]
    fn a_second_name_and_a_new_name_never_take_a_used_one() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| dir.path().join(name));
        let host = Host::real();
        host.replace_file(&a, b"a", 0o640).unwrap();
        host.replace_file(&b, b"b", 0o640).unwrap();
        let taken = host.rename_new(&a, &b).unwrap_err().kind();
        assert_eq!(taken, io::ErrorKind::AlreadyExists);
        assert_eq!(host.hard_link(&a, &b).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        host.hard_link(&a, &c).unwrap();
        let inode = |path: &Path| host.look(path).unwrap().unwrap().inode;
        assert_eq!(inode(&a), inode(&c));
        host.remove_file(&c).unwrap();
        host.rename_new(&a, &c).unwrap();
        host.rename(&c, &b).unwrap();
        assert_eq!(host.names(dir.path()).unwrap(), ["b"]);
        assert_eq!(host.read(&b, 9).unwrap(), b"a");
    }

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
