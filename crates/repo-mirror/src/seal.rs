//! Whether a mirror is as we left it: one hash over all of it that is not objects.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use jobs::RepoUrl;
use ops_core::host::{Host, Kind};
use sha2::{Digest, Sha256};

/// The largest file that belongs to it, bytes: packed references.
const LARGEST: u64 = 1 << 30;

/// The hash over configuration, HEAD, hooks, references and whatever else is there, without objects
/// and without what pins commits for jobs, which come and go.
fn of_mirror(host: &Host, mirror: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    add(host, mirror, "", &mut hash, &|path| {
        matches!(path, "objects/pack" | "refs/orb") || is_loose(path)
    })?;
    Ok(hex(hash))
}

/// Whether a mirror is as it was when it was last sealed, for this URL.
pub(crate) fn holds(host: &Host, mirror: &Path, url: &RepoUrl) -> bool {
    let sealed = host.read(&path(mirror), 4096).unwrap_or_default();
    of_mirror(host, mirror).is_ok_and(|it| text(&it, url).as_bytes() == sealed)
}

/// Seals a mirror as it is now.
pub(crate) fn write(host: &Host, mirror: &Path, url: &RepoUrl) -> io::Result<()> {
    let text = text(&of_mirror(host, mirror)?, url);
    host.replace_file(&path(mirror), text.as_bytes(), 0o640)
}

/// Breaks a mirror's seal.
pub(crate) fn remove(host: &Host, mirror: &Path) -> io::Result<()> {
    host.remove_file(&path(mirror))
}

/// The URL that a mirror was sealed for.
pub(crate) fn url(host: &Host, mirror: &Path) -> Option<String> {
    let sealed = host.read(&path(mirror), 4096).ok()?;
    Some(String::from_utf8_lossy(&sealed).lines().nth(1)?.to_owned())
}

fn path(mirror: &Path) -> PathBuf {
    mirror.with_extension("seal")
}

fn text(hash: &str, url: &RepoUrl) -> String {
    format!("{hash}\n{url}\n")
}

/// The hash over all of a folder.
pub(crate) fn of_folder(host: &Host, folder: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    add(host, folder, "", &mut hash, &|_| false)?;
    Ok(hex(hash))
}

/// A folder of loose objects.
fn is_loose(path: &str) -> bool {
    path.strip_prefix("objects/")
        .is_some_and(|it| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn add(
    host: &Host,
    top: &Path,
    below: &str,
    hash: &mut Sha256,
    skip: &dyn Fn(&str) -> bool,
) -> io::Result<()> {
    let folder = if below.is_empty() { top.to_path_buf() } else { top.join(below) };
    let mut entries = host.list(&folder)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let name = entry.name.to_string_lossy();
        let path = if below.is_empty() { name.into_owned() } else { format!("{below}/{name}") };
        if skip(&path) {
            continue;
        }
        let at = folder.join(&entry.name);
        let content = match entry.kind {
            Kind::File => host.read_plain(&at, LARGEST)?.1,
            Kind::Link => host.read_link(&at)?.into_os_string().into_encoded_bytes(),
            Kind::Folder | Kind::Other => vec![],
        };
        // Git writes a folder's mode as its umask has it; those of files may run hooks.
        let mode = if entry.kind == Kind::File { entry.mode } else { 0 };
        // An empty folder of references says nothing, and comes and goes.
        if !(entry.kind == Kind::Folder && path.starts_with("refs/")) {
            hash.update(format!("{path}\0{:?}\0{mode:o}\0{}\0", entry.kind, content.len()));
            hash.update(&content);
        }
        if entry.kind == Kind::Folder {
            add(host, top, &path, hash, skip)?;
        }
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    let mut text = String::new();
    for byte in hash.finalize() {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}
