//! Removes what somebody hostile left: however deep, and closed to whoever owns it. Linux only, as is
//! whoever needs it.

use std::ffi::CString;
use std::io;
use std::path::Path;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::Host;

impl Host {
    /// Removes a folder and all below it, however deep: nothing is called in itself, no descriptor
    /// is held for a level, and no path is longer than a name. Nobody else may change it meanwhile.
    /// Links in it are removed, not followed.
    ///
    /// # Errors
    /// What the system says, other than that nothing is there.
    pub fn remove_deep_tree(&self, path: &Path) -> io::Result<()> {
        let top = match open(CWD, path) {
            Err(Errno::NOENT) => return Ok(()),
            top => top?,
        };
        let mut lifted = 0_u64;
        loop {
            let names = names(top.as_fd())?;
            if names.is_empty() {
                break;
            }
            for name in &names {
                if is_removed(top.as_fd(), name)? {
                    continue;
                }
                let folder = open(top.as_fd(), name.as_c_str())?;
                for inner in self::names(folder.as_fd())? {
                    if !is_removed(folder.as_fd(), &inner)? {
                        lift(folder.as_fd(), &inner, top.as_fd(), &mut lifted)?;
                    }
                }
                rustix::fs::unlinkat(&top, name, AtFlags::REMOVEDIR)?;
            }
        }
        Ok(rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR)?)
    }
}

/// Opens a folder so that what is in it can be changed.
fn open<P: rustix::path::Arg + Copy>(
    at: BorrowedFd<'_>,
    path: P,
) -> rustix::io::Result<rustix::fd::OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Whatever a link leads to is left as it is.
    drop(rustix::fs::openat(at, path, flags, Mode::empty())?);
    rustix::fs::chmodat(at, path, Mode::RWXU, AtFlags::empty())?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn names(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<CString>> {
    let mut names = vec![];
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a file, link or empty folder; false for a folder that holds something.
fn is_removed(folder: BorrowedFd<'_>, name: &CString) -> rustix::io::Result<bool> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(true),
        Err(Errno::ISDIR) => {}
        Err(err) => return Err(err),
    }
    match rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(err) => Err(err),
    }
}

/// Moves a folder up, to a free name.
fn lift(
    from: BorrowedFd<'_>,
    name: &CString,
    to: BorrowedFd<'_>,
    lifted: &mut u64,
) -> rustix::io::Result<()> {
    // To move a folder is to write it.
    rustix::fs::chmodat(from, name, Mode::RWXU, AtFlags::empty())?;
    loop {
        *lifted += 1;
        let free = format!(".lifted-{lifted}");
        match rustix::fs::renameat_with(from, name, to, free, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set the scene")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_is_deep_closed_and_linked_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (top, kept) = (dir.path().join("top"), dir.path().join("kept"));
        for folder in ["a/b/c", "closed/inner", ".lifted-1/x", "empty"] {
            fs::create_dir_all(top.join(folder)).unwrap();
        }
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "x").unwrap();
        symlink(&kept, top.join("a/link")).unwrap();
        symlink(&kept, top.join("link")).unwrap();
        fs::write(top.join("a/b/c/file"), "x").unwrap();
        fs::write(top.join("closed/inner/file"), "x").unwrap();
        // Deeper than a process may have files open, and than a path may be long.
        let mut at = open(CWD, &top).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "dddddddd", Mode::RWXU).unwrap();
            at = open(at.as_fd(), "dddddddd").unwrap();
        }
        for closed in ["closed/inner", "closed", "a"] {
            fs::set_permissions(top.join(closed), fs::Permissions::from_mode(0o0)).unwrap();
        }
        let host = Host::real();
        assert!(host.remove_deep_tree(&dir.path().join("gone")).is_ok());
        symlink(&kept, dir.path().join("link")).unwrap();
        assert!(host.remove_deep_tree(&dir.path().join("link")).is_err());
        host.remove_deep_tree(&top).unwrap();
        assert!(host.look(&top).unwrap().is_none());
        assert_eq!(fs::read(kept.join("file")).unwrap(), b"x");
    }
}
