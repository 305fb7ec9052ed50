//! Ends of things: the room left in a file system, the last bytes of a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
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

    /// Reads the last `limit` bytes of a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_end(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_file_and_the_room_around_it_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let (host, path) = (Host::real(), dir.path().join("log"));
        host.replace_file(&path, b"one\ntwo\n", 0o640).unwrap();
        assert_eq!(host.read_end(&path, 4).unwrap(), b"two\n");
        assert_eq!(host.read_end(&path, 99).unwrap(), b"one\ntwo\n");
        assert!(host.read_end(&dir.path().join("none"), 9).is_err());
        let space = host.space(dir.path()).unwrap();
        assert!(space.available_bytes <= space.total_bytes && space.free_inodes <= space.inodes);
        assert!(host.space(Path::new("/no/such/place")).is_err());
    }
}
