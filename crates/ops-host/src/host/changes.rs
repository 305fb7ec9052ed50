//! Changing files: whole or not at all, and durable where the name says so.

use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Host;
use super::files::open_plain;

impl Host {
    /// Makes a folder and its parents.
    ///
    /// # Errors
    /// What the system says, other than that it exists.
    pub fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(mode).create(path)
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
        use rustix::fs::{CWD, Gid, chownat};
        let group = Gid::from_raw(group);
        chownat(CWD, path, None, Some(group), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
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
}
