//! Reads what a call is given, and what an executor left. No judgement here.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use bridge::evidence::{DeadLetter, Outcome};
use bridge::layout::{Root, RootArgs};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};

/// The largest document that any policy allows, bytes.
pub(crate) const LARGEST_DOCUMENT: u64 = 64 << 20;

/// The largest file of the executor's that is read, bytes: a result or a dead letter with its input.
const LARGEST_EVIDENCE: u64 = 256 << 20;

/// What there is of an outcome.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Nothing,
    Held,
    Done(Box<Outcome>),
    Refused(Box<DeadLetter>),
}

/// Dead letters that were there before a document was dropped, by path.
pub(crate) type Before = BTreeSet<PathBuf>;

/// The bridge root, which must have an inbound folder (78).
pub(crate) fn root(host: &Host, args: &RootArgs) -> Result<Root, Failure> {
    let root = args.find(host)?;
    let commands = root.commands();
    let doing = || format!("use the bridge root {}", root.path().display());
    let seen = host.look(&commands).or_fail(Exit::Config, doing())?;
    if seen.is_some_and(|it| it.kind == Kind::Folder) {
        return Ok(root);
    }
    Err(Failure::new(Exit::Config, doing())
        .because("it has no folder commands/")
        .hint(format!("`bridge-exec init --root {}` lays it out", root.path().display())))
}

/// A file of the caller's, or standard input for `-` (65 when it cannot be had).
pub(crate) fn input(host: &Host, file: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        return standard_input(limit);
    }
    host.read(file, limit).or_fail(Exit::Malformed, format!("read {}", file.display()))
}

/// All of standard input, which must not be a terminal: nothing here waits for a person.
pub(crate) fn standard_input(limit: u64) -> Result<Vec<u8>, Failure> {
    let doing = "read standard input";
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(Exit::Usage, doing)
            .because("it is a terminal")
            .hint("redirect a file into it: bridge-submit write PATH < FILE"));
    }
    let mut bytes = Vec::new();
    stdin
        .lock()
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .or_fail(Exit::Malformed, doing)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(Exit::Malformed, doing)
            .because(format!("it is larger than {limit} bytes, the most that fits a command")));
    }
    Ok(bytes)
}

/// Looks at what lies under an id before it is used. Exit 1 when it was used already.
pub(crate) fn before(host: &Host, root: &Root, id: &str) -> Result<Before, Failure> {
    for path in [root.result(id), root.archived(id), root.held(id)] {
        let doing = format!("drop {id}");
        if host.look(&path).or_fail(Exit::Unavailable, &*doing)?.is_some() {
            return Err(Failure::new(Exit::No, doing)
                .because(format!("this id was used before: {} is there", path.display()))
                .hint("every command needs an id of its own; without --id one is made"));
        }
    }
    dead_letters(host, root, id).map(|list| list.into_iter().collect())
}

/// What there is of an outcome now.
pub(crate) fn outcome(
    host: &Host,
    root: &Root,
    id: &str,
    before: &Before,
) -> Result<Seen, Failure> {
    if let Some(outcome) = evidence(host, &root.result(id))? {
        return Ok(Seen::Done(Box::new(outcome)));
    }
    for path in dead_letters(host, root, id)?.iter().filter(|path| !before.contains(*path)) {
        if let Some(letter) = evidence::<DeadLetter>(host, path)?.filter(|it| is_about(it, id)) {
            return Ok(Seen::Refused(Box::new(letter)));
        }
    }
    let held = root.held(id);
    let is_held =
        host.look(&held).or_fail(Exit::Unavailable, format!("look at {}", held.display()));
    Ok(if is_held?.is_some() { Seen::Held } else { Seen::Nothing })
}

/// Whether a dead letter is that of a command: by its id, or by its file's name before the
/// signature was verified. `a.1.json` is the second letter of `a` or the first of `a.1`.
fn is_about(letter: &DeadLetter, id: &str) -> bool {
    match &letter.id {
        Some(named) => named == id,
        None => letter.name.strip_suffix(".json").unwrap_or(&letter.name) == id,
    }
}

/// Files that may be dead letters of an id: `<id>.json`, `<id>.1.json`, `<id>.2.json` and so on.
fn dead_letters(host: &Host, root: &Root, id: &str) -> Result<Vec<PathBuf>, Failure> {
    let first = root.dead_letter(id);
    let doing = || format!("look at {}", first.display());
    // A number is only given when the plain name is taken, so that one look answers nearly always.
    if host.look(&first).or_fail(Exit::Unavailable, doing())?.is_none() {
        return Ok(vec![]);
    }
    let folder = first.parent().unwrap_or(Path::new(""));
    let names = host.names(folder).or_fail(Exit::Unavailable, doing())?;
    let numbered = |name: &OsString| {
        let rest = name.to_str()?.strip_prefix(id)?.strip_prefix('.')?.strip_suffix(".json")?;
        let is_number = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| folder.join(name))
    };
    let mut list: Vec<PathBuf> = names.iter().filter_map(numbered).collect();
    list.push(first);
    Ok(list)
}

/// A document of the executor's. `None` when it is not there or not whole yet.
fn evidence<T: serde::de::DeserializeOwned>(
    host: &Host,
    path: &Path,
) -> Result<Option<T>, Failure> {
    let doing = || format!("read {}", path.display());
    let bytes = match host.read_plain(path, LARGEST_EVIDENCE) {
        Ok((_, bytes)) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err).or_fail(Exit::Unavailable, doing()),
    };
    match serde_json::from_slice(&bytes) {
        Ok(document) => Ok(Some(document)),
        Err(err) if err.is_eof() => Ok(None),
        Err(err) => Err(err).or_fail(Exit::Unavailable, doing()),
    }
}
