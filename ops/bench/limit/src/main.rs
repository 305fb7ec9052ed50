//! What the disk allows: the files, renames and flushes of the executor, and no other work.
//!
//!     bench-limit DIR COMMANDS GROUP INBOUND JOURNAL LOG FOLDER=BYTES...
//!
//! For every group of commands: write each FOLDER=BYTES file under a temporary name, one syncfs,
//! append JOURNAL bytes a command and fdatasync, rename every file, append LOG bytes a command, one
//! syncfs, unlink the inbound files (INBOUND bytes each, made before the clock starts).
//! Prints the seconds it took.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the system calls themselves")]

use std::io::{Write, stdout};
use std::os::fd::OwnedFd;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags};

/// One file that every command leaves.
struct Output {
    folder: OwnedFd,
    bytes: Vec<u8>,
    at: usize,
}

/// The folders and files of a run.
struct Run {
    root: OwnedFd,
    inbound: OwnedFd,
    outputs: Vec<Output>,
    journal: (OwnedFd, usize),
    log: (OwnedFd, usize),
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, commands, group, inbound, journal, log, outputs @ ..] = args.as_slice() else {
        bail!("usage: bench-limit DIR COMMANDS GROUP INBOUND JOURNAL LOG FOLDER=BYTES...");
    };
    let (commands, group) = (number(commands)?, number(group)?.max(1));
    let run = prepare(dir, commands, number(inbound)?, (number(journal)?, number(log)?), outputs)?;
    let start = Instant::now();
    let mut first = 0;
    while first < commands {
        let end = commands.min(first + group);
        run.group(first, end)?;
        first = end;
    }
    writeln!(stdout(), "{:.6}", start.elapsed().as_secs_f64())?;
    Ok(())
}

fn number(text: &str) -> Result<usize> {
    text.parse().with_context(|| format!("{text:?} is no number"))
}

fn prepare(
    dir: &str,
    commands: usize,
    inbound_bytes: usize,
    (journal, log): (usize, usize),
    outputs: &[String],
) -> Result<Run> {
    let root = folder(&CWD, dir)?;
    let inbound = folder(&root, "commands")?;
    for at in 0..commands {
        write(&inbound, &name(at), &vec![b'x'; inbound_bytes])?;
    }
    let outputs = outputs.iter().enumerate().map(|(at, output)| {
        let (name, bytes) = output.split_once('=').context("FOLDER=BYTES")?;
        Ok(Output { folder: folder(&root, name)?, bytes: vec![b'x'; number(bytes)?], at })
    });
    let outputs = outputs.collect::<Result<_>>()?;
    let append = |name| {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
        fs::openat(&root, name, flags, Mode::from_raw_mode(0o640))
    };
    let (journal, log) = ((append("journal")?, journal), (append("log")?, log));
    fs::syncfs(&root)?;
    Ok(Run { root, inbound, outputs, journal, log })
}

impl Run {
    fn group(&self, first: usize, end: usize) -> Result<()> {
        for at in first..end {
            for output in &self.outputs {
                write(&output.folder, &output.temp(at), &output.bytes)?;
            }
        }
        fs::syncfs(&self.root)?;
        append(&self.journal, end - first)?;
        fs::fdatasync(&self.journal.0)?;
        for at in first..end {
            for output in &self.outputs {
                let folder = &output.folder;
                fs::renameat(folder, output.temp(at), folder, output.name(at))?;
            }
        }
        append(&self.log, end - first)?;
        fs::syncfs(&self.root)?;
        for at in first..end {
            fs::unlinkat(&self.inbound, name(at), AtFlags::empty())?;
        }
        Ok(())
    }
}

impl Output {
    fn name(&self, command: usize) -> String {
        format!("{}.{}", name(command), self.at)
    }

    fn temp(&self, command: usize) -> String {
        format!(".aiops-{}.tmp", self.name(command))
    }
}

fn name(command: usize) -> String {
    format!("bench-{command:08}.json")
}

fn folder(parent: &impl std::os::fd::AsFd, name: &str) -> Result<OwnedFd> {
    match fs::mkdirat(parent, name, Mode::from_raw_mode(0o750)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(errno).with_context(|| format!("make {name}")),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fs::openat(parent, name, flags, Mode::empty())?)
}

fn write(folder: &OwnedFd, name: &str, bytes: &[u8]) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = fs::openat(folder, name, flags, Mode::from_raw_mode(0o640))?;
    write_all(&file, bytes)
}

fn append((file, bytes): &(OwnedFd, usize), count: usize) -> Result<()> {
    write_all(file, &vec![b'x'; bytes * count])
}

fn write_all(file: &OwnedFd, bytes: &[u8]) -> Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = rustix::io::write(file, rest)?;
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(())
}
