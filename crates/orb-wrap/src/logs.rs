//! What a job says: written as it comes, up to its cap, and its end kept for the artifact.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use ops_core::host::Stream;
use rustix::fs::{CWD, Mode, OFlags};

/// Bytes of each stream's end that the artifact shows.
const TAIL: usize = 4096;

/// The names of the two files.
pub(crate) const NAMES: [&str; 2] = ["stdout.log", "stderr.log"];

/// Both streams of a job.
#[derive(Debug)]
pub(crate) struct Logs {
    streams: [Log; 2],
}

#[derive(Debug)]
struct Log {
    file: File,
    left: u64,
    is_cut: bool,
    tail: Vec<u8>,
}

impl Logs {
    /// Makes both files, which must not be there.
    pub(crate) fn new(folder: &Path, cap: u64) -> io::Result<Self> {
        let log = |name: &str| -> io::Result<Log> {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
            let mode = Mode::from_raw_mode(0o640);
            let file = rustix::fs::openat(CWD, folder.join(name), flags | OFlags::CLOEXEC, mode)?;
            Ok(Log { file: file.into(), left: cap, is_cut: false, tail: vec![] })
        };
        let [out, err] = NAMES;
        Ok(Self { streams: [log(out)?, log(err)?] })
    }

    /// Adds what was said.
    pub(crate) fn add(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let [out, err] = &mut self.streams;
        let log = if stream == Stream::Out { out } else { err };
        let room = usize::try_from(log.left).unwrap_or(usize::MAX).min(bytes.len());
        let (kept, cut) = bytes.split_at(room);
        log.file.write_all(kept)?;
        log.left -= room as u64;
        log.is_cut |= !cut.is_empty();
        log.tail.extend_from_slice(kept);
        if log.tail.len() > 2 * TAIL {
            log.tail.drain(..log.tail.len() - TAIL);
        }
        Ok(())
    }

    /// The end of each stream as text.
    pub(crate) fn tails(&self) -> [String; 2] {
        self.streams.each_ref().map(|log| {
            let from = log.tail.len().saturating_sub(TAIL);
            String::from_utf8_lossy(log.tail.get(from..).unwrap_or_default()).into_owned()
        })
    }

    /// Whether a stream was longer than its cap.
    pub(crate) fn are_cut(&self) -> bool {
        self.streams.iter().any(|log| log.is_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_at_its_cap_and_its_end_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = Logs::new(dir.path(), 10_000).unwrap();
        for _ in 0..100 {
            logs.add(Stream::Out, &[b'x'; 999]).unwrap();
        }
        logs.add(Stream::Err, b"no").unwrap();
        assert!(logs.are_cut());
        assert_eq!(logs.tails().map(|it| it.len()), [TAIL, 2]);
        let host = ops_core::host::Host::real();
        let size = |name: &str| host.look(&dir.path().join(name)).unwrap().unwrap().size;
        assert_eq!(NAMES.map(size), [10_000, 2]);
        assert!(Logs::new(dir.path(), 1).is_err());
    }
}
