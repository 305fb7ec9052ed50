//! What looks like a secret, in lines that are added, shown or removed, and in names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use review_bundle::{Line, Section, Sign};
use secret_scan::Rules;

use crate::finding::{Finding, Gate, Severity};

/// Words by which a line asks the scanner to pass it over. Where the range itself adds them, that is
/// its author's word and nobody's.
const MARKERS: [&[u8]; 2] = [b"aiops:allow", b"gitleaks:allow"];

/// Something that looks like a secret; never its value.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Secret {
    /// 0: the name.
    pub(crate) line: u64,
    pub(crate) rule: String,
    pub(crate) description: String,
    pub(crate) removed: bool,
    /// How many of this rule start in this line.
    pub(crate) times: usize,
}

/// Finds secrets in a section.
pub(crate) fn find(section: &Section<'_>) -> Vec<Secret> {
    let path = Path::new(OsStr::from_bytes(section.path));
    let is_binary = section.entry.new.as_ref().is_some_and(|side| side.binary);
    let mut found = in_name(section.path);
    found.extend(side(path, section.lines, Sign::Added));
    found.extend(side(path, section.lines, Sign::Removed));
    if is_binary {
        found.extend(Rules::shipped().scan_text(Some(path), section.new).into_iter().map(|it| {
            Secret {
                line: it.line as u64,
                rule: it.rule,
                description: it.description,
                removed: false,
                times: 1,
            }
        }));
    }
    found.sort();
    let counted = found.chunk_by(|one, other| one == other);
    counted
        .filter_map(|alike| Some(Secret { times: alike.len(), ..alike.first()?.clone() }))
        .collect()
}

/// Says what was found.
pub(crate) fn tell(section: &Section<'_>, secret: Secret) -> Finding {
    let Secret { line, rule, description, removed, times } = secret;
    let old = section.entry.old.as_ref().map_or("", |it| &it.oid);
    // What a waiver names a finding by has its title: what it says must tell places apart. The new
    // text is fixed by the commit that a waiver is bound to, the old one only by its own name.
    let (place, still) = match (line, removed) {
        (0, _) => ("in the name".to_owned(), ""),
        (_, true) => (format!("in a removed line of {old}"), "what was published is still known: "),
        (_, false) => ("in a line that is shown".to_owned(), ""),
    };
    let many = if times > 1 { format!("{times} times ") } else { String::new() };
    Finding {
        file: section.entry.path.clone(),
        line,
        rule: format!("secret.{rule}"),
        gate: Gate::KeyHandling,
        severity: Severity::Critical,
        blocks: true,
        is_rest: false,
        title: format!("{many}what looks like a secret {place}"),
        detail: format!("{still}{description}"),
        suggestion: "take it out of history and rotate it".to_owned(),
    }
}

/// Finds what a name says: that it is a secret, or that its file is one.
fn in_name(path: &[u8]) -> Vec<Secret> {
    let tell = |it: secret_scan::Finding| Secret {
        line: 0,
        rule: it.rule,
        description: it.description,
        removed: false,
        times: 1,
    };
    Rules::shipped().scan_name(path).into_iter().map(tell).collect()
}

/// Returns whether a name is a secret itself, and must not be told.
pub(crate) fn name_is_secret(path: &[u8]) -> bool {
    !Rules::shipped().scan_text(None, path).is_empty()
}

/// Scans the text on one side: what is shown of the new one, or what is gone of the old one.
fn side(path: &Path, lines: &[Line<'_>], sign: Sign) -> Vec<Secret> {
    let other = if sign == Sign::Added { Sign::Removed } else { Sign::Added };
    let lines: Vec<&Line<'_>> = lines.iter().filter(|line| line.sign != other).collect();
    if sign == Sign::Removed && lines.iter().all(|line| line.sign == Sign::Context) {
        return Vec::new();
    }
    let mut text = Vec::new();
    for line in &lines {
        let start = text.len();
        text.extend_from_slice(line.bytes.strip_suffix(b"\n").unwrap_or(line.bytes));
        if line.sign == Sign::Added {
            unmark(&mut text[start..]);
        }
        text.push(b'\n');
    }
    let mut found = Vec::new();
    for it in Rules::shipped().scan_text(Some(path), &text) {
        let Some(line) = it.line.checked_sub(1).and_then(|at| lines.get(at)) else { continue };
        if sign == Sign::Removed && line.sign == Sign::Context {
            continue;
        }
        let removed = line.sign == Sign::Removed;
        found.push(Secret {
            line: line.number,
            rule: it.rule,
            description: it.description,
            removed,
            times: 1,
        });
    }
    found
}

/// Breaks the markers in a line, whose length stays.
fn unmark(line: &mut [u8]) {
    for marker in MARKERS {
        let mut from = 0;
        while let Some(at) = line[from..].windows(marker.len()).position(|it| it == marker) {
            from += at + marker.len();
            line[from - b":allow".len()] = b'.';
        }
    }
}
