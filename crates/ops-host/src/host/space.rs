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

/// What a machine has: `proc_meminfo(5)`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Memory {
    /// All of it, bytes.
    pub total_bytes: u64,
    /// What programs can still have without swapping, bytes.
    pub available_bytes: u64,
}

impl Space {
    /// Whether the last twentieth, or GiB, of it is in use: enough is left for everybody else to
    /// end what they do.
    pub fn is_short(&self) -> bool {
        self.available_bytes < (self.total_bytes / 20).min(1 << 30)
    }
}

impl Memory {
    /// Whether the last twentieth, or 256 MiB, of it is in use.
    pub fn is_short(&self) -> bool {
        self.available_bytes < (self.total_bytes / 20).min(256 << 20)
    }
}

impl Host {
    /// The memory of this machine. Linux only, as is whoever relies on it.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> io::Result<Memory> {
        let text = self.read_start(Path::new("/proc/meminfo"), 1 << 16)?;
        let text = String::from_utf8_lossy(&text);
        let bytes = |name: &str| -> io::Result<u64> {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kib = found.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            kib.map(|it| it.saturating_mul(1024)).ok_or_else(|| io::ErrorKind::InvalidData.into())
        };
        Ok(Memory { total_bytes: bytes("MemTotal")?, available_bytes: bytes("MemAvailable")? })
    }

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

    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_the_machine_is_told() {
        let memory = Host::real().memory().unwrap();
        assert!(memory.available_bytes <= memory.total_bytes && memory.total_bytes > 1 << 20);
    }

    #[test]
    fn short_is_the_last_twentieth_or_a_bound() {
        let gib = 1 << 30;
        for (total, available, short) in [
            (1000, 50, false),
            (1000, 49, true),
            (900 * gib, gib, false),
            (900 * gib, gib - 1, true),
        ] {
            let space = Space {
                total_bytes: total,
                free_bytes: available,
                available_bytes: available,
                inodes: 0,
                free_inodes: 0,
            };
            assert_eq!(space.is_short(), short, "{available} of {total}");
            let memory = Memory { total_bytes: total, available_bytes: available / 4 };
            assert_eq!(memory.is_short(), available / 4 < (total / 20).min(gib / 4));
        }
    }
}
