//! What tracked files hold: ways round the hooks, configuration, allowlists, secrets. No judgement.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;

use ops_core::config;
use secret_scan::{Ignored, Rules};

use super::super::facts::Secrets;
use super::Git;

/// The largest file that is looked through, bytes.
const LARGEST: u64 = 32 << 20;

/// How much of a file is looked at to tell whether it is text, bytes.
const START: usize = 8000;

/// How many threads look for secrets at most.
const MOST_THREADS: usize = 8;

/// Lines of tracked files below these folders that go round the hooks.
pub(super) fn bypass(git: &Git, folders: &[PathBuf]) -> Result<Vec<(String, String)>, String> {
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let mut found = Vec::new();
    for path in git.tracked(&folders)? {
        let Some(bytes) = text(git, &path)? else { continue };
        let ways = hook_bypass::lines(&bytes)?;
        found.extend(ways.into_iter().map(|(at, line)| (format!("{}:{at}", path.display()), line)));
    }
    Ok(found)
}

/// The text of a tracked file; `None` when it is none, or gone.
fn text(git: &Git, path: &Path) -> Result<Option<Vec<u8>>, String> {
    let wrong = |why: String| format!("{}: {why}", path.display());
    match git.host.read_plain(&git.top.join(path), LARGEST + 1) {
        Ok((_, bytes)) if bytes.len() as u64 > LARGEST => {
            Err(wrong(format!("larger than {LARGEST} bytes")))
        }
        Ok((_, bytes)) if bytes.iter().take(START).any(|byte| *byte == 0) => Ok(None),
        Ok((_, bytes)) => Ok(Some(bytes)),
        // Removed but still tracked; a link (what it leads to is tracked, or not ours); a submodule.
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(err) if err.raw_os_error() == Some(LOOP) => Ok(None),
        Err(err) => Err(wrong(err.to_string())),
    }
}

/// ELOOP: what opening a symbolic link says when links are not followed.
const LOOP: i32 = 40;

/// Configuration files, each against the schema beside it.
pub(super) fn configs(git: &Git) -> Result<Vec<(String, Vec<String>)>, String> {
    let is_config = |it: &PathBuf| {
        let is_kind =
            it.extension().is_some_and(|it| ["yaml", "yml", "json"].iter().any(|kind| it == *kind));
        is_kind && it.parent() == Some(Path::new("configs"))
    };
    let mut judged = Vec::new();
    for path in git.tracked(&[Path::new("configs")])?.iter().filter(|it| is_config(it)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let schema = git.top.join("configs/schemas").join(config::schema_name(&name));
        judged.push((path.display().to_string(), violations(git, path, &schema)?));
    }
    Ok(judged)
}

fn violations(git: &Git, path: &Path, schema: &Path) -> Result<Vec<String>, String> {
    let Some(bytes) = text(git, path)? else { return Ok(vec!["it is not a text file".to_owned()]) };
    let Ok(schema) = git.host.read(schema, LARGEST) else {
        return Ok(vec![format!("there is no schema {}", schema.display())]);
    };
    let read = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|err| err.to_string());
    let document = match read(bytes).and_then(|text| config::yaml(&text)) {
        Ok(document) => document,
        Err(why) => return Ok(vec![why]),
    };
    let name = path.display().to_string();
    match config::validate(&name, &read(schema)?, &document) {
        Ok(violations) => Ok(violations.iter().map(ToString::to_string).collect()),
        Err(failure) => Ok(vec![failure.to_string()]),
    }
}

/// Whether an allowlist can be read.
pub(super) fn allowlist(git: &Git, file: &Path) -> (String, Result<(), String>) {
    let read = || {
        let bytes = git.host.read(&git.top.join(file), LARGEST).map_err(|err| err.to_string())?;
        let text = String::from_utf8(bytes).map_err(|err| err.to_string())?;
        let value = config::yaml(&text)?;
        if value.is_null() { Err("it is empty".to_owned()) } else { Ok(()) }
    };
    (file.display().to_string(), read())
}

/// Looks for secrets in every tracked file; `.gitleaksignore` is heeded.
pub(super) fn secrets(git: &Git) -> Result<Secrets, String> {
    let paths = git.tracked(&[])?;
    let ignored = match git.host.read_plain(&git.top.join(".gitleaksignore"), LARGEST) {
        Ok((_, text)) => Ignored::parse(&text),
        Err(err) if err.kind() == ErrorKind::NotFound => Ignored::default(),
        Err(err) => return Err(format!(".gitleaksignore: {err}")),
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let share = paths.len().div_ceil(threads).max(1);
    let parts = thread::scope(|scope| {
        let ignored = &ignored;
        let start = |part| scope.spawn(move || scan(git, part, ignored));
        let running: Vec<_> = paths.chunks(share).map(start).collect();
        running
            .into_iter()
            .map(|it| it.join().map_err(|_| "the scan broke off"))
            .collect::<Vec<_>>()
    });
    let mut all = Secrets { files: paths.len(), ..Secrets::default() };
    for part in parts {
        let part = part?;
        all.found.extend(part.found);
        all.unread.extend(part.unread);
    }
    all.found.sort();
    Ok(all)
}

fn scan(git: &Git, paths: &[PathBuf], ignored: &Ignored) -> Secrets {
    let mut secrets = Secrets::default();
    for path in paths.iter().filter(|path| !Rules::shipped().passes_over(path)) {
        let bytes = match text(git, path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(why) => {
                secrets.unread.push((path.display().to_string(), why));
                continue;
            }
        };
        let found = Rules::shipped().scan_text(Some(path), &bytes);
        for finding in found.iter().filter(|it| !ignored.covers(it)) {
            let at = format!("{}:{}", path.display(), finding.line);
            secrets.found.push((at, format!("{} ({})", finding.description, finding.masked)));
        }
    }
    secrets
}
