//! SHA256SUMS as `sha256sum` writes and reads it: `<64 hex>  <name>`, one line each, by name.

use std::fmt::Write;
use std::io;
use std::path::{Component, Path, PathBuf};

use ops_core::host::{Host, Kind};
use sha2::{Digest, Sha256};

/// SHA-256 in hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing into a string cannot fail.
        let _written = write!(text, "{byte:02x}").is_ok();
    }
    text
}

/// The text of the list. Names are ours: plain, so none needs sha256sum's escaping.
pub(super) fn render(sums: &[(PathBuf, String)]) -> String {
    let mut sums = sums.to_vec();
    sums.sort();
    let mut text = String::new();
    for (name, sum) in sums {
        // Writing into a string cannot fail.
        let _written = writeln!(text, "{sum}  {}", name.display()).is_ok();
    }
    text
}

/// Reads a list. Whoever wrote it, no name leaves the folder.
///
/// # Errors
/// The first line that is none.
pub(super) fn parse(text: &[u8]) -> Result<Vec<(PathBuf, String)>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut sums = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |why: &str| format!("line {}: {why}", number + 1);
        let (sum, name) = line.split_once("  ").ok_or_else(|| wrong("no hash and name"))?;
        let is_hash = sum.len() == 64 && sum.bytes().all(|it| it.is_ascii_hexdigit());
        let name = Path::new(name);
        let is_below = name.components().all(|it| matches!(it, Component::Normal(_)));
        if !is_hash || name.as_os_str().is_empty() || !is_below {
            return Err(wrong("not a hash and a name below the folder"));
        }
        sums.push((name.to_path_buf(), sum.to_ascii_lowercase()));
    }
    if sums.is_empty() {
        return Err("it lists nothing".to_owned());
    }
    Ok(sums)
}

/// Every file below a folder, links and others included, folders not.
pub(super) fn names(host: &Host, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in host.list(&folder.join(&below))? {
            let name = below.join(&entry.name);
            match entry.kind {
                Kind::Folder => folders.push(name),
                _ => names.push(name),
            }
        }
    }
    names.sort();
    Ok(names)
}
