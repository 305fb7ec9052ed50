//! What lies in the folders in which nothing may go round the hooks: as HEAD has it, as the index
//! has it, and as the work tree has it, whether git knows of it or not.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Kind;

use crate::commit::Checkout;
use crate::git::why;
use crate::hooks;

/// The folders.
pub(crate) const FOLDERS: [&str; 2] = ["ops", hooks::FOLDER];

/// The largest file of a work tree that is looked through, bytes. A larger one was not seen.
const LARGEST: usize = 32 << 20;

/// One content of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    /// The path from the top, and who has it where that is not HEAD: `ops/a.sh (work tree)`.
    pub(crate) place: String,
    /// Its bytes, or why it could not be looked into.
    pub(crate) bytes: Result<Vec<u8>, String>,
}

/// A version of a path in HEAD or in the index.
#[derive(Debug, Eq, PartialEq)]
struct Kept {
    /// What it is: the mode without permissions, `100` for a file.
    kind: String,
    oid: String,
}

/// Every path, in git's bytes, with its versions that git keeps and who keeps them.
type Paths = BTreeMap<Vec<u8>, Vec<(&'static str, Kept)>>;

/// Reads every path of the folders. A path is one item; each further content of it is another of its
/// contents, HEAD's first.
///
/// # Errors
/// Exit 69 when git cannot be asked, or says that it could not list everything.
pub(crate) fn all(checkout: &Checkout<'_>) -> Result<Vec<Vec<Seen>>, Failure> {
    let paths = paths(checkout)?;
    paths.iter().map(|(path, kept)| contents(checkout, path, kept)).collect()
}

fn paths(checkout: &Checkout<'_>) -> Result<Paths, Failure> {
    let mut paths = Paths::new();
    let mut keep = |who: &'static str, listed: &[u8]| {
        for (about, path) in listed.split(|byte| *byte == 0).filter_map(halves) {
            let about = String::from_utf8_lossy(about);
            let mut words = about.split(' ').filter(|word| !matches!(*word, "blob" | "commit"));
            let mode = words.next().unwrap_or_default();
            let kind = mode.get(..3).unwrap_or(mode).to_owned();
            let kept = Kept { kind, oid: words.next().unwrap_or_default().to_owned() };
            let known = paths.entry(path.to_vec()).or_default();
            if known.iter().all(|(_, it)| *it != kept) {
                known.push((who, kept));
            }
        }
    };
    if let Some(head) = checkout.commit("HEAD")? {
        keep("", &listed(checkout, &["ls-tree", "-r", "-z", "--full-tree", &head], &FOLDERS)?);
    }
    keep(" (index)", &listed(checkout, &["ls-files", "-z", "--stage"], &FOLDERS)?);
    // What the user's own settings and .git/info/exclude ignore is listed: nobody else sees those.
    let others = ["ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"];
    let loose = listed(checkout, &others, &FOLDERS)?;
    // Git runs a hook that is ignored like any other.
    let hooks = listed(checkout, &["ls-files", "-z", "--others"], &[hooks::FOLDER])?;
    for path in [loose, hooks].iter().flat_map(|it| it.split(|byte| *byte == 0)) {
        if !path.is_empty() {
            paths.entry(path.to_vec()).or_default();
        }
    }
    Ok(paths)
}

/// What git lists below folders. A warning is a failure: it may stand for what is not in the list.
fn listed(checkout: &Checkout<'_>, call: &[&str], below: &[&str]) -> Result<Vec<u8>, Failure> {
    // With it a name that differs from a tracked one by case alone would not be listed.
    let fixed = ["-c", "core.ignoreCase=false"].into_iter();
    let args = fixed.chain(call.iter().copied()).chain(["--"]).chain(below.iter().copied());
    let done = checkout.git.run(&checkout.git.quiet(args))?;
    if !done.success() || !done.stderr.is_empty() {
        let doing = format!("list what is in {}", below.join(" and "));
        return Err(Failure::new(Exit::Unavailable, doing).because(why(&done)));
    }
    Ok(done.stdout)
}

fn halves(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let tab = entry.iter().position(|byte| *byte == b'\t')?;
    Some((entry.get(..tab)?, entry.get(tab + 1..)?))
}

fn contents(
    checkout: &Checkout<'_>,
    path: &[u8],
    kept: &[(&'static str, Kept)],
) -> Result<Vec<Seen>, Failure> {
    let name = String::from_utf8_lossy(path);
    let mut seen: Vec<Seen> = Vec::new();
    for (who, kept) in kept {
        seen.push(Seen { place: format!("{name}{who}"), bytes: blob(checkout, kept)? });
    }
    let there = loose(checkout, path).or_fail(Exit::Unavailable, format!("read {name}"))?;
    let is_submodule = kept.iter().any(|(_, kept)| kept.kind == "160");
    if let Some(bytes) = there
        && !is_submodule
        && seen.iter().all(|it| it.bytes != bytes)
    {
        seen.push(Seen { place: format!("{name} (work tree)"), bytes });
    }
    Ok(seen)
}

fn blob(checkout: &Checkout<'_>, kept: &Kept) -> Result<Result<Vec<u8>, String>, Failure> {
    match kept.kind.as_str() {
        "100" => {}
        "120" => return Ok(Err(LINK.to_owned())),
        "160" => return Ok(Err("it is no file: a submodule is not looked into".to_owned())),
        kind => return Ok(Err(format!("it is no file that is known here: mode {kind}xxx"))),
    }
    let done = checkout.git.run(&checkout.git.quiet(["cat-file", "blob", &kept.oid]))?;
    Ok(if done.success() { Ok(done.stdout) } else { Err(why(&done)) })
}

const LINK: &str = "it is a link: where it leads is not looked into";

/// The work tree's content of a path; nothing where nothing is.
fn loose(checkout: &Checkout<'_>, path: &[u8]) -> std::io::Result<Option<Result<Vec<u8>, String>>> {
    if path.ends_with(b"/") {
        return Ok(Some(Err("it is a repository of its own: not looked into".to_owned())));
    }
    let path = checkout.top.join(OsStr::from_bytes(path));
    let entry = match checkout.host.look(&path) {
        // A file stands where a folder was.
        Err(err) if err.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
        looked => looked?,
    };
    Ok(match entry.map(|entry| entry.kind) {
        None | Some(Kind::Folder) => None,
        Some(Kind::File) => Some(match checkout.host.read_plain(&path, LARGEST as u64 + 1) {
            Ok((_, bytes)) if bytes.len() > LARGEST => Err(format!("larger than {LARGEST} bytes")),
            Ok((_, bytes)) => Ok(bytes),
            Err(err) => Err(err.to_string()),
        }),
        Some(Kind::Link) => Some(Err(LINK.to_owned())),
        Some(_) => Some(Err("it is no regular file".to_owned())),
    })
}
