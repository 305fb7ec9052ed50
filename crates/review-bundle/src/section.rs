//! Renders what happened to one path. Pure: contents in, text out.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::content::is_binary;
use crate::escape;
use crate::hunks::{Hunk, Line, Sign, hunks};
use crate::manifest::{Entry, Exclusion, Kind, Side, Status};
use crate::walk::{Change, Object};

/// What a line says when its file does not end in a line end.
pub(crate) const NO_END: &str = "\\ no line end\n";

/// One changed path as it is shown, with the lines behind it, as they are.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// What the manifest says of it.
    pub entry: &'a Entry,
    /// The path's bytes.
    pub path: &'a [u8],
    /// What the bundle shows.
    pub text: &'a str,
    /// The whole content before; empty where there is none, or it is too large to be read.
    pub old: &'a [u8],
    /// The whole content now.
    pub new: &'a [u8],
    /// The lines of its hunks, unescaped, also where a policy keeps them out of `text`. The target
    /// of a symbolic link is one line.
    pub lines: &'a [Line<'a>],
}

/// A blob that was read, or why not.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// There is nothing on this side, or a submodule's commit.
    None,
    /// The blob.
    Read(Vec<u8>),
    /// A blob above the limit, and its size.
    TooLarge(u64),
}

impl Content {
    /// Returns the bytes that were read.
    pub(crate) fn bytes(&self) -> &[u8] {
        if let Self::Read(bytes) = self { bytes } else { &[] }
    }
}

/// A rendered section.
pub(crate) struct Rendered<'a> {
    pub(crate) entry: Entry,
    pub(crate) text: String,
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) old: &'a [u8],
    pub(crate) new: &'a [u8],
}

impl Rendered<'_> {
    /// Hands on the section.
    pub(crate) fn seen<T>(&self, path: &[u8], look: impl FnOnce(&Section<'_>) -> T) -> T {
        let Self { entry, text, lines, old, new } = self;
        look(&Section { entry, path, text, old, new, lines })
    }
}

/// One side of a change, looked at.
struct Seen<'a> {
    object: Option<Object>,
    content: &'a Content,
    binary: bool,
}

impl<'a> Seen<'a> {
    fn new(object: Option<Object>, content: &'a Content) -> Self {
        let is_link = object.is_some_and(Object::is_symlink);
        let binary = matches!(content, Content::Read(bytes) if !is_link && is_binary(bytes));
        Self { object, content, binary }
    }

    /// Returns the lines' bytes, of text and of a link's target.
    fn text(&self) -> &'a [u8] {
        match self.content {
            Content::Read(bytes) if !self.binary => bytes,
            _ => b"",
        }
    }

    fn size(&self) -> Option<u64> {
        match self.content {
            Content::None => None,
            Content::Read(bytes) => Some(bytes.len() as u64),
            Content::TooLarge(size) => Some(*size),
        }
    }

    fn side(&self) -> Option<Side> {
        self.object.map(|object| Side {
            mode: format!("{:06o}", object.mode),
            oid: object.oid.to_string(),
            size: self.size(),
            binary: self.binary,
        })
    }

    fn is(&self, what: fn(Object) -> bool) -> bool {
        self.object.is_some_and(what)
    }

    /// Writes what this side is, on one line.
    fn describe(&self, out: &mut String, label: &str) {
        let Some(object) = self.object else { return };
        let oid = object.oid;
        let done = match self.content {
            Content::None => writeln!(out, "{label} submodule commit {oid}"),
            Content::TooLarge(size) => {
                writeln!(out, "{label} {oid} {size} bytes, too large to be shown")
            }
            Content::Read(bytes) if self.binary => {
                let (size, hash) = (bytes.len(), hex(bytes));
                writeln!(out, "{label} {oid} {size} bytes, binary, sha256 {hash}")
            }
            Content::Read(bytes) => writeln!(out, "{label} {oid} {} bytes", bytes.len()),
        };
        done.expect("a String takes everything");
    }
}

/// Renders a change of which both contents are at hand, and hands on its section. A side that is
/// there needs its content unless it is a submodule.
pub fn section<T>(
    change: &Change,
    [old, new]: [Option<Vec<u8>>; 2],
    look: impl FnOnce(&Section<'_>) -> T,
) -> T {
    let [old, new] = [old, new].map(|it| it.map_or(Content::None, Content::Read));
    render(change, &old, &new, None).seen(&change.path, look)
}

/// Renders a change.
pub(crate) fn render<'a>(
    change: &Change,
    old: &'a Content,
    new: &'a Content,
    excluded: Option<&Exclusion>,
) -> Rendered<'a> {
    let (old, new) = (Seen::new(change.old, old), Seen::new(change.new, new));
    let found = hunks(old.text(), new.text());
    let count = |sign| found.iter().flat_map(|it| &it.lines).filter(|it| it.sign == sign).count();
    let mut entry = Entry {
        path: escape::name(&change.path),
        status: status(change),
        kind: kind(&old, &new),
        old: old.side(),
        new: new.side(),
        added: count(Sign::Added) as u64,
        removed: count(Sign::Removed) as u64,
        hunks: found.iter().map(|hunk| hunk.place).collect(),
        section_sha256: String::new(),
        section_bytes: 0,
        packets: Vec::new(),
        excluded: excluded.cloned(),
    };
    let text = text(&entry, [&old, &new], &found);
    entry.section_sha256 = hex(text.as_bytes());
    entry.section_bytes = text.len() as u64;
    let lines = found.into_iter().flat_map(|hunk| hunk.lines).collect();
    Rendered { entry, text, lines, old: old.content.bytes(), new: new.content.bytes() }
}

/// Returns a SHA-256 in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex_of(Sha256::new_with_prefix(bytes))
}

/// Returns what a digest came to, in hex.
pub(crate) fn hex_of(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::with_capacity(64), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a String takes everything");
        out
    })
}

fn status(change: &Change) -> Status {
    let (Some(old), Some(new)) = (change.old, change.new) else {
        return if change.old.is_none() { Status::Added } else { Status::Deleted };
    };
    if old.mode & 0o170_000 != new.mode & 0o170_000 {
        Status::TypeChanged
    } else if old.oid == new.oid {
        Status::ModeChanged
    } else {
        Status::Modified
    }
}

fn kind(old: &Seen<'_>, new: &Seen<'_>) -> Kind {
    let any = |is: fn(&Seen<'_>) -> bool| is(old) || is(new);
    if any(|it| matches!(it.content, Content::TooLarge(_))) {
        Kind::TooLarge
    } else if any(|it| it.binary) {
        Kind::Binary
    } else if any(|it| it.is(Object::is_submodule)) {
        Kind::Submodule
    } else if any(|it| it.is(Object::is_symlink)) {
        Kind::Symlink
    } else {
        Kind::Text
    }
}

/// The word for a status, as sections and the stat have it.
pub(crate) fn word(status: Status) -> &'static str {
    match status {
        Status::Added => "added",
        Status::Deleted => "deleted",
        Status::Modified => "modified",
        Status::ModeChanged => "mode-changed",
        Status::TypeChanged => "type-changed",
    }
}

fn text(entry: &Entry, [old, new]: [&Seen<'_>; 2], hunks: &[Hunk<'_>]) -> String {
    let mut out = format!("=== {} {}\n", word(entry.status), entry.path);
    let mode = |side: &Option<Side>| side.as_ref().map_or("none", |it| &it.mode).to_owned();
    let (was, is) = (mode(&entry.old), mode(&entry.new));
    let (added, removed) = (entry.added, entry.removed);
    if was == is {
        writeln!(out, "mode {is}").expect("a String takes everything");
    } else {
        writeln!(out, "mode {was} -> {is}").expect("a String takes everything");
    }
    old.describe(&mut out, "old");
    new.describe(&mut out, "new");
    writeln!(out, "lines +{added} -{removed}").expect("a String takes everything");
    if let Some(Exclusion { glob, reason }) = &entry.excluded {
        let (glob, reason) = (escape::name(glob.as_bytes()), escape::name(reason.as_bytes()));
        writeln!(out, "not shown, by the policy's glob {glob}: {reason}")
            .expect("a String takes everything");
        return out;
    }
    for (label, side) in [("old", old), ("new", new)] {
        if side.is(Object::is_symlink) {
            writeln!(out, "{label} is a symbolic link, to what the line says")
                .expect("a String takes everything");
        }
    }
    for hunk in hunks {
        write_hunk(&mut out, hunk);
    }
    out
}

fn write_hunk(out: &mut String, hunk: &Hunk<'_>) {
    write_head(out, &hunk.place);
    for line in &hunk.lines {
        out.push(match line.sign {
            Sign::Context => ' ',
            Sign::Removed => '-',
            Sign::Added => '+',
        });
        let ended = line.bytes.strip_suffix(b"\n");
        escape::content(out, ended.unwrap_or(line.bytes));
        out.push('\n');
        if ended.is_none() {
            out.push_str(NO_END);
        }
    }
}

/// Writes a hunk's head; every number is written, also where it is one.
pub(crate) fn write_head(out: &mut String, place: &crate::manifest::Hunk) {
    let (old, new) = (place.old, place.new);
    writeln!(out, "@@ -{},{} +{},{} @@", old.start, old.count, new.start, new.count)
        .expect("a String takes everything");
}
