//! The room in a file system.

use std::io;
use std::path::Path;

use super::Host;

/// What a file system has: statvfs(3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// All of it, bytes.
    pub total_bytes: u64,
    /// Free, bytes, also what only root may use.
    pub free_bytes: u64,
    /// What users may still write, bytes.
    pub available_bytes: u64,
    /// All inodes; 0 where the file system has no fixed number.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
}

impl Host {
    /// The room in the file system that holds a path. It can wait for ever on a dead network mount.
    ///
    /// # Errors
    /// What the system says.
    pub fn space(&self, path: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space {
            total_bytes: bytes(stat.f_blocks),
            free_bytes: bytes(stat.f_bfree),
            available_bytes: bytes(stat.f_bavail),
            inodes: stat.f_files,
            free_inodes: stat.f_ffree,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_around_a_path_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let space = host.space(dir.path()).unwrap();
        assert!(space.available_bytes <= space.total_bytes && space.free_inodes <= space.inodes);
        assert!(host.space(Path::new("/no/such/place")).is_err());
    }
}
