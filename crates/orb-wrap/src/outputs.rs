//! What a job leaves: its files, made ours, hashed and listed. Nothing is followed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jobs::Output;
use ops_core::host::{Entry, Host, Kind};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};
use sha2::{Digest, Sha256};

/// Names in the artifact folder that are not the job's.
const OURS: [&str; 3] = ["artifact.json", "stdout.log", "stderr.log"];

/// Moves all that a job left from its own folder into the artifact folder. Returns warnings.
///
/// # Errors
/// What the system says.
pub(crate) fn take(
    host: &Host,
    from: &Path,
    to: &Path,
    reserved: Option<&str>,
) -> io::Result<Vec<String>> {
    let mut warnings = vec![];
    let mut entries = host.list(from)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let path = from.join(&entry.name);
        if !make_ours(host, &path, &entry, &mut warnings)? {
            continue;
        }
        let name = entry.name.to_string_lossy();
        let is_ours = OURS.contains(&name.as_ref()) || Some(name.as_ref()) == reserved;
        let target = if is_ours {
            warnings.push(format!("OUTPUT_RENAMED: {name} is not the job's to write"));
            to.join(format!("job-{name}"))
        } else {
            to.join(&entry.name)
        };
        host.rename_new(&path, &target)?;
    }
    host.remove_tree(from)?;
    Ok(warnings)
}

/// Gives a thing to this user, without bits that let others write or run it as somebody else.
/// What is neither file nor folder goes; false then.
fn make_ours(
    host: &Host,
    path: &Path,
    entry: &Entry,
    warnings: &mut Vec<String>,
) -> io::Result<bool> {
    let mode = match entry.kind {
        Kind::File => 0o640 | (entry.mode & 0o100),
        Kind::Folder => 0o750,
        Kind::Link | Kind::Other => {
            let name = entry.name.to_string_lossy();
            warnings.push(format!("OUTPUT_SKIPPED: {name} is neither file nor folder"));
            host.remove_file(path)?;
            return Ok(false);
        }
    };
    if host.is_root() {
        let (user, group) = (Some(Uid::ROOT), Some(Gid::ROOT));
        rustix::fs::chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())?;
    if entry.kind == Kind::Folder {
        for inner in host.list(path)? {
            make_ours(host, &path.join(&inner.name), &inner, warnings)?;
        }
    }
    Ok(true)
}

/// Every file in the artifact folder but our own record of it, by path.
///
/// # Errors
/// What the system says.
pub(crate) fn list(host: &Host, top: &Path) -> io::Result<Vec<Output>> {
    let mut outputs = vec![];
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        for entry in host.list(&top.join(&below))? {
            let path = below.join(&entry.name);
            match entry.kind {
                Kind::Folder => left.push(path),
                Kind::File if path != Path::new("artifact.json") => {
                    outputs.push(output(host, top, &path)?);
                }
                _ => {}
            }
        }
    }
    outputs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(outputs)
}

fn output(host: &Host, top: &Path, path: &Path) -> io::Result<Output> {
    let (_, mut file) = host.open_plain(&top.join(path))?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; 128 * 1024];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                hash.update(chunk.get(..n).unwrap_or_default());
                bytes += n as u64;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Output { path: path.to_string_lossy().into_owned(), bytes, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_and_listed_and_nothing_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        host.make_dir(&from.join("sub"), 0o755).unwrap();
        host.make_dir(&to, 0o755).unwrap();
        for name in ["a.txt", "sub/b.txt", "artifact.json", "KEPT.txt"] {
            host.replace_file(&from.join(name), b"abc", 0o666).unwrap();
        }
        for (name, target) in [("link", "/etc/passwd"), ("sub/up", ".."), ("stdout.log", "/etc")] {
            host.replace_link(&from.join(name), Path::new(target)).unwrap();
        }
        let warnings = take(&host, &from, &to, Some("KEPT.txt")).unwrap();
        assert_eq!(warnings.len(), 5, "{warnings:?}");
        let listed = list(&host, &to).unwrap();
        let paths: Vec<&str> = listed.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["a.txt", "job-KEPT.txt", "job-artifact.json", "sub/b.txt"]);
        assert!(listed.iter().all(|it| it.bytes == 3 && it.sha256.starts_with("ba7816bf")));
        assert_eq!(host.look(&to.join("a.txt")).unwrap().unwrap().mode, 0o640);
        assert!(host.look(&from).unwrap().is_none());
    }
}
