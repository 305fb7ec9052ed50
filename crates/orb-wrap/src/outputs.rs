//! What a job leaves: its files, made ours, hashed and listed. Nothing is followed.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jobs::{Output, shown};
use ops_core::host::{Entry, Host, Kind};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};
use sha2::{Digest, Sha256};

/// Names in the artifact folder that are not the job's.
const OURS: [&str; 3] = ["artifact.json", "stdout.log", "stderr.log"];

/// The most things left out that are told by name.
const MOST_TOLD: usize = 20;

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
    let mut skipped = vec![];
    let mut entries = host.list(from)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let path = from.join(&entry.name);
        if !make_ours(host, &path, &entry, Path::new(&entry.name), &mut skipped)? {
            continue;
        }
        let is_ours = |it: &OsStr| OURS.iter().copied().chain(reserved).any(|name| it == name);
        let mut name = entry.name.clone();
        while is_ours(&name) || !is_moved(host, &path, &to.join(&name))? {
            name = [OsStr::new("job-"), &name].into_iter().collect();
        }
        if name != entry.name {
            let (was, is) = (Path::new(&entry.name), Path::new(&name));
            warnings.push(format!("OUTPUT_RENAMED: {} is {} now", shown(was), shown(is)));
        }
    }
    host.remove_deep_tree(from)?;
    let more = skipped.len().saturating_sub(MOST_TOLD);
    skipped.truncate(MOST_TOLD);
    let told = |it: String| format!("OUTPUT_SKIPPED: {it} is neither file nor folder");
    warnings.extend(skipped.into_iter().map(told));
    if more > 0 {
        warnings.push(format!("OUTPUT_SKIPPED: and {more} more"));
    }
    Ok(warnings)
}

/// Moves a thing to a name if that is free.
fn is_moved(host: &Host, from: &Path, to: &Path) -> io::Result<bool> {
    match host.rename_new(from, to) {
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        done => done.map(|()| true),
    }
}

/// Gives a thing to this user, without bits that let others write or run it as somebody else.
/// What is neither file nor folder goes; false then.
fn make_ours(
    host: &Host,
    path: &Path,
    entry: &Entry,
    below: &Path,
    skipped: &mut Vec<String>,
) -> io::Result<bool> {
    let mode = match entry.kind {
        Kind::File => 0o640 | (entry.mode & 0o100),
        Kind::Folder => 0o750,
        Kind::Link | Kind::Other => {
            skipped.push(shown(below));
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
            let (path, below) = (path.join(&inner.name), below.join(&inner.name));
            make_ours(host, &path, &inner, &below, skipped)?;
        }
    }
    Ok(true)
}

/// Every file in the artifact folder but our own record of it and what was not taken, by path.
///
/// # Errors
/// What the system says.
pub(crate) fn list(host: &Host, top: &Path, work: &str) -> io::Result<Vec<Output>> {
    let mut outputs = vec![];
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        for entry in host.list(&top.join(&below))? {
            let path = below.join(&entry.name);
            match entry.kind {
                Kind::Folder if path == Path::new(work) => {}
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
    let mut sha256 = String::new();
    for byte in hash.finalize() {
        let _infallible = write!(sha256, "{byte:02x}");
    }
    Ok(Output { path: shown(path), bytes, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn files_are_taken_and_listed_and_nothing_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        host.make_dir(&from.join("sub"), 0o755).unwrap();
        host.make_dir(&to.join(".work"), 0o755).unwrap();
        let odd = OsStr::from_bytes(b"odd\xff\n\x1b[2J");
        for name in ["a.txt", "sub/b.txt", "artifact.json", "KEPT.txt", "job-KEPT.txt", ".work"] {
            host.replace_file(&from.join(name), b"abc", 0o666).unwrap();
        }
        host.replace_file(&from.join(odd), b"abc", 0o666).unwrap();
        for (name, target) in [("link", "/etc/passwd"), ("sub/up", ".."), ("stdout.log", "/etc")] {
            host.replace_link(&from.join(name), Path::new(target)).unwrap();
        }
        let warnings = take(&host, &from, &to, Some("KEPT.txt")).unwrap();
        let renamed = warnings.iter().filter(|it| it.starts_with("OUTPUT_RENAMED")).count();
        assert_eq!((warnings.len(), renamed), (7, 4), "{warnings:?}");
        assert!(warnings.contains(&"OUTPUT_SKIPPED: sub/up is neither file nor folder".into()));
        let listed = list(&host, &to, ".work").unwrap();
        let paths: Vec<&str> = listed.iter().map(|it| it.path.as_str()).collect();
        let want = [
            "a.txt",
            "job-.work",
            "job-KEPT.txt",
            "job-artifact.json",
            "job-job-KEPT.txt",
            "odd\\xff\\x0a\\x1b[2J",
            "sub/b.txt",
        ];
        assert_eq!(paths, want);
        assert!(listed.iter().all(|it| it.bytes == 3 && it.sha256.starts_with("ba7816bf")));
        assert_eq!(host.look(&to.join("a.txt")).unwrap().unwrap().mode, 0o640);
        assert!(host.look(&from).unwrap().is_none());
    }

    #[test]
    fn of_many_links_a_few_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for folder in [&from, &to] {
            host.make_dir(folder, 0o755).unwrap();
        }
        for n in 0..25 {
            host.replace_link(&from.join(n.to_string()), Path::new("x")).unwrap();
        }
        let warnings = take(&host, &from, &to, None).unwrap();
        assert_eq!((warnings.len(), warnings[20].as_str()), (21, "OUTPUT_SKIPPED: and 5 more"));
    }
}
