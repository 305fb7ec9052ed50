//! The files that sshd reads.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ops_core::host::Host;

use crate::config::{Glob, Meaning, lines};
use crate::facts::{Bytes, Included, Seen, SshdConfig, TextFile};
use crate::places::{self, Place};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// How many files are read at most.
const MOST: usize = 1000;

/// Reads the main file, all that it includes, and the drop-ins whether included or not.
///
/// # Errors
/// When a file cannot be read, or an Include cannot be followed with certainty.
pub fn config(host: &Host, place: &Place, main: &Path) -> Seen<SshdConfig> {
    let mut config = SshdConfig { main: main.into(), ..SshdConfig::default() };
    follow(host, place, &mut config, vec![main.into()])?;
    let drop_ins = glob(host, place, places::DROP_INS.as_bytes())?;
    follow(host, place, &mut config, drop_ins)?;
    Ok(config)
}

fn follow(
    host: &Host,
    place: &Place,
    config: &mut SshdConfig,
    mut waiting: Vec<PathBuf>,
) -> Seen<()> {
    while let Some(path) = waiting.pop() {
        if config.file(&path).is_some() {
            continue;
        }
        if config.files.len() == MOST {
            return Err(format!("sshd's configuration has more than {MOST} files"));
        }
        let file = text_file(host, place, &path)?;
        for (index, line) in lines(&file.text.0).into_iter().enumerate() {
            let Meaning::Directive { args: Some(patterns), .. } = &line.meaning else { continue };
            if !line.meaning.is("include") {
                continue;
            }
            for pattern in patterns {
                let at = |why: String| format!("{} line {}: {why}", path.display(), index + 1);
                let pattern = absolute(pattern);
                let paths = glob(host, place, &pattern).map_err(at)?;
                waiting.extend(paths.iter().cloned());
                let (file, line) = (path.clone(), index + 1);
                config.includes.push(Included { file, line, pattern: Bytes(pattern), paths });
            }
        }
        config.files.push(file);
    }
    Ok(())
}

fn absolute(pattern: &[u8]) -> Vec<u8> {
    match pattern.first() {
        Some(b'/' | b'~') => pattern.to_vec(),
        _ => [places::SSH_FOLDER.as_bytes(), b"/", pattern].concat(),
    }
}

/// Reads a regular file, links followed.
pub(super) fn text_file(host: &Host, place: &Place, path: &Path) -> Seen<TextFile> {
    let told = |err: std::io::Error| format!("{}: {err}", path.display());
    let real = host.resolve(&place.at(path)).map_err(told)?;
    let (_, bytes) = host.read_plain(&real, LARGEST + 1).map_err(told)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{} is larger than {LARGEST} bytes", path.display()));
    }
    Ok(TextFile { path: path.into(), real: place.seen(&real), text: Bytes(bytes) })
}

/// What a pattern matches, in the order of bytes, as `glob(3)` gives it in the C locale.
fn glob(host: &Host, place: &Place, pattern: &[u8]) -> Seen<Vec<PathBuf>> {
    if !pattern.starts_with(b"/") {
        // sshd does not put a home folder in for `~`, so there is nothing of that name.
        return Ok(Vec::new());
    }
    let glob = Glob::new(pattern).map_err(|err| err.to_string())?;
    let mut found = vec![PathBuf::from("/")];
    for depth in 0..glob.depth() {
        let is_last = depth + 1 == glob.depth();
        let mut next = Vec::new();
        for folder in &found {
            if let Some(name) = glob.literal(depth) {
                next.push(folder.join(OsStr::from_bytes(&name)));
                continue;
            }
            let names = match host.names(&place.at(folder)) {
                Ok(names) => names,
                Err(err) if is_absent(&err) => continue,
                Err(err) => return Err(format!("{}: {err}", folder.display())),
            };
            let matching =
                names.into_iter().filter(|it| glob.component_matches(depth, it.as_bytes()));
            next.extend(matching.map(|name| folder.join(name)));
        }
        if is_last {
            let mut there = Vec::new();
            for path in next {
                match host.look(&place.at(&path)) {
                    Ok(Some(_)) => there.push(path),
                    Ok(None) => {}
                    Err(err) if is_absent(&err) => {}
                    Err(err) => return Err(format!("{}: {err}", path.display())),
                }
            }
            next = there;
        }
        found = next;
    }
    found.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    Ok(found)
}

fn is_absent(err: &std::io::Error) -> bool {
    matches!(err.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}
