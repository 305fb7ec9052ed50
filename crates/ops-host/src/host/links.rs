//! Links, and files with a given owner and time: what putting things back exactly needs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Timespec, Timestamps, UTIME_OMIT, Uid};

use super::Host;
use super::changes::sync_folder;

/// Who a file belongs to, what may be done with it, and how old it says it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Belongings {
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
    /// Modification time, nanoseconds since the epoch; `None`: now.
    pub modified_ns: Option<i128>,
}

impl Host {
    /// Replaces a file as [`Host::replace_file`] does, with owner, mode and time as given from the
    /// first moment it has its name.
    ///
    /// # Errors
    /// What the system says; the old file is then untouched.
    pub fn replace_file_as(&self, path: &Path, bytes: &[u8], like: Belongings) -> io::Result<()> {
        let temp = self.temporary(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| belong(&file, like))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temp, path));
        written.inspect_err(|_| drop(fs::remove_file(&temp)))?;
        sync_folder(path)
    }

    /// Sets a symbolic link, over whatever has that name unless it is a folder, at once and
    /// durably.
    ///
    /// # Errors
    /// What the system says; what was there is then untouched.
    pub fn replace_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        let temp = self.temporary(path);
        std::os::unix::fs::symlink(target, &temp)?;
        fs::rename(&temp, path).inspect_err(|_| drop(fs::remove_file(&temp)))?;
        sync_folder(path)
    }

    /// Gives a link, itself and not what it points at, to an owner.
    ///
    /// # Errors
    /// What the system says.
    pub fn own_link(&self, path: &Path, owner: u32, group: u32) -> io::Result<()> {
        let (owner, group) = (Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)));
        rustix::fs::chownat(CWD, path, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }

    /// Removes a folder if nothing is in it, durably. Returns whether it is gone.
    ///
    /// # Errors
    /// What the system says, other than that it is not there or not empty.
    pub fn remove_empty_folder(&self, path: &Path) -> io::Result<bool> {
        match fs::remove_dir(path) {
            Ok(()) => sync_folder(path).map(|()| true),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(err) if err.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// Makes a folder that is on disk when this returns; its parent must be there. Returns whether
    /// it is new.
    ///
    /// # Errors
    /// What the system says, other than that it is there.
    pub fn make_dir_durable(&self, path: &Path, mode: u32) -> io::Result<bool> {
        use std::os::unix::fs::DirBuilderExt;
        match fs::DirBuilder::new().mode(mode).create(path) {
            Ok(()) => sync_folder(path).map(|()| true),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
            Err(err) => Err(err),
        }
    }
}

fn belong(file: &File, like: Belongings) -> io::Result<()> {
    let (owner, group) = (Some(Uid::from_raw(like.owner)), Some(Gid::from_raw(like.group)));
    rustix::fs::fchown(file, owner, group)?;
    // After the owner: changing it takes the set-user-id bits away.
    file.set_permissions(fs::Permissions::from_mode(like.mode))?;
    let Some(ns) = like.modified_ns else { return Ok(()) };
    let billion = 1_000_000_000;
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidInput, "a time out of range");
    let modified = Timespec {
        tv_sec: i64::try_from(ns.div_euclid(billion)).map_err(wrong)?,
        tv_nsec: i64::try_from(ns.rem_euclid(billion)).map_err(wrong)?,
    };
    let kept = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    rustix::fs::futimens(file, &Timestamps { last_access: kept, last_modification: modified })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_mode_and_time_and_leaves_no_temporary_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let host = Host::real();
        let group = host.look(dir.path()).unwrap().unwrap().group;
        let modified_ns = Some(1_234_567_890_123_456_789);
        let like = Belongings { mode: 0o4711, owner: host.user(), group, modified_ns };
        host.replace_file_as(&path, b"x", like).unwrap();
        let entry = host.look(&path).unwrap().unwrap();
        assert_eq!((entry.mode, entry.modified_ns), (0o4711, 1_234_567_890_123_456_789));
        assert_eq!(host.names(dir.path()).unwrap(), ["f"]);
    }

    #[test]
    fn links_replace_files_and_links_and_folders_go_only_when_empty() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let [folder, link] = ["d", "d/l"].map(|name| dir.path().join(name));
        assert!(host.make_dir_durable(&folder, 0o755).unwrap());
        assert!(!host.make_dir_durable(&folder, 0o755).unwrap());
        host.replace_file(&link, b"file", 0o640).unwrap();
        for target in ["/dev/null", "gone"] {
            host.replace_link(&link, Path::new(target)).unwrap();
            assert_eq!(host.read_link(&link).unwrap(), Path::new(target));
        }
        assert!(!host.remove_empty_folder(&folder).unwrap());
        host.remove_file_durable(&link).unwrap();
        assert!(host.remove_empty_folder(&folder).unwrap());
        assert!(host.remove_empty_folder(&folder).unwrap());
    }
}
