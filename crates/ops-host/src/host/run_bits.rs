//! Run bits of files.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::Host;

impl Host {
    /// Lets everybody run a regular file who may read it. A link is not followed.
    ///
    /// # Errors
    /// `InvalidInput` when it is not a regular file, else what the system says.
    pub fn make_executable(&self, path: &Path) -> io::Result<()> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mode = meta.mode() & 0o7777;
        file.set_permissions(Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_become_runners_and_links_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (host, path) = (Host::real(), dir.path().join("hook"));
        host.replace_file(&path, b"", 0o640).unwrap();
        host.make_executable(&path).unwrap();
        assert_eq!(host.look(&path).unwrap().unwrap().mode, 0o750);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(host.make_executable(&link).is_err());
        assert!(host.make_executable(dir.path()).is_err());
    }
}
