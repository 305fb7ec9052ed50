//! The folder that every run leaves: `<home>/artifacts/evidence/<ts>_<host>/`.
//!
//! A file that has nothing to hold says why; none is left out. SHA256SUMS comes last, so a folder
//! without it was never finished, and is as `sha256sum -c` reads it.

mod gather;
mod sums;

use std::io;
use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time;

use crate::documents::Verified;

pub(crate) use gather::{Gathered, files};

/// The list of hashes.
pub const SUMS: &str = "SHA256SUMS";

/// How many folders one second may see before something is wrong.
const TRIES: u32 = 100;

/// The largest file that is verified, bytes.
const LARGEST: u64 = 256 << 20;

/// Makes a folder of its own for one run.
///
/// # Errors
/// Exit 69 when it cannot be made.
pub(crate) fn make_folder(context: &Context) -> Result<PathBuf, Failure> {
    let host = &context.host;
    let above = context.home.join("artifacts/evidence");
    let doing = || format!("make a folder below {}", above.display());
    host.make_dir(&above, 0o750).or_fail(Exit::Unavailable, doing())?;
    let name = format!("{}_{}", time::stamp(host.now()), plain(&host.name()));
    for number in 0..TRIES {
        let folder = if number == 0 { name.clone() } else { format!("{name}.{number}") };
        let folder = above.join(folder);
        // The claim is a file that is created only if it is not there; it is the first of the files.
        host.make_dir(&folder, 0o750).or_fail(Exit::Unavailable, doing())?;
        match host.create_file(&folder.join("actions.jsonl"), b"", 0o640) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
            claimed => return claimed.or_fail(Exit::Unavailable, doing()).map(|()| folder),
        }
    }
    Err(Failure::new(Exit::TryLater, doing()).because(format!("{TRIES} of {name} are there")))
}

/// A host name as a file name can hold it.
fn plain(host: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
    host.chars().take(64).map(allowed).collect()
}

/// Writes all files, and the list of their hashes last. A file that cannot be written is told in
/// the failure; the others are written all the same.
///
/// # Errors
/// Exit 69 when one could not be written.
pub(crate) fn write(
    context: &Context,
    folder: &Path,
    files: &[(PathBuf, Vec<u8>)],
) -> Result<(), Failure> {
    let mut sums = Vec::new();
    let mut failed = None;
    for (name, bytes) in files {
        let path = folder.join(name);
        let written = context
            .host
            .make_dir(path.parent().unwrap_or(folder), 0o750)
            .and_then(|()| context.host.replace_file(&path, bytes, 0o640))
            .or_fail(Exit::Unavailable, format!("write {}", path.display()));
        match written {
            Ok(()) => sums.push((name.clone(), sums::digest(bytes))),
            Err(failure) => failed = Some(failure),
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    let path = folder.join(SUMS);
    let doing = format!("write {}", path.display());
    let text = sums::render(&sums);
    context.host.replace_file(&path, text.as_bytes(), 0o640).or_fail(Exit::Unavailable, doing)
}

/// Checks a folder against its hashes: every listed file is there and unchanged, and no other is.
///
/// # Errors
/// Exit 69 when the folder cannot be read, 65 when its list is none.
pub fn verify(context: &Context, folder: &Path) -> Result<Verified, Failure> {
    let host = &context.host;
    let list = folder.join(SUMS);
    let doing = || format!("read {}", list.display());
    let (_, text) = host
        .read_plain(&list, LARGEST)
        .or_fail(Exit::Unavailable, doing())
        .map_err(|failure| failure.hint("a folder without it was never finished"))?;
    let listed = sums::parse(&text).or_fail(Exit::Malformed, doing())?;
    let mut wrong = Vec::new();
    let mut intact = 0;
    for (name, want) in &listed {
        let shown = name.display();
        match host.read_plain(&folder.join(name), LARGEST) {
            Ok((_, bytes)) if sums::digest(&bytes) == *want => intact += 1,
            Ok(_) => wrong.push(format!("changed: {shown}")),
            Err(err) => wrong.push(format!("cannot be read: {shown}: {err}")),
        }
    }
    for name in sums::names(host, folder).or_fail(Exit::Unavailable, doing())? {
        if name != Path::new(SUMS) && !listed.iter().any(|it| it.0 == name) {
            wrong.push(format!("not listed: {}", name.display()));
        }
    }
    Ok(Verified {
        schema: "aiops.heal_evidence/1".into(),
        folder: folder.display().to_string(),
        intact,
        wrong,
    })
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
