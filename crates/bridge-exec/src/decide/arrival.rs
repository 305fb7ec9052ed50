//! What to make of a name in commands/, before anything is read. No input or output here.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use confined_fs::ListedKind;

/// A file that does not parse is left alone until it has not changed for this long.
const SETTLED: Duration = Duration::from_secs(2);

/// What a name in commands/ is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    /// Not ours: another ending, empty, `.retries.json`.
    Ignored,
    /// A folder, pipe or device with our ending.
    NotAFile,
    /// A document whose name starts with a dot.
    Hidden,
    /// A symbolic link with our ending.
    Link,
    /// A document.
    Document,
}

/// Classifies a name.
pub(crate) fn class(name: &OsStr, kind: ListedKind, size: u64) -> Class {
    let name = name.as_bytes();
    if !name.ends_with(b".json") || name == b".retries.json" {
        return Class::Ignored;
    }
    match kind {
        ListedKind::Link => Class::Link,
        ListedKind::Folder | ListedKind::Other => Class::NotAFile,
        ListedKind::File if size == 0 => Class::Ignored,
        ListedKind::File if name.starts_with(b".") => Class::Hidden,
        ListedKind::File => Class::Document,
    }
}

/// How long to wait for a file that does not parse; `None` when it is as it will stay. A file from
/// the future (a clock was set back) is not young.
pub(crate) fn still_young(age_ns: i128) -> Option<Duration> {
    let settled = i128::try_from(SETTLED.as_nanos()).unwrap_or_default();
    if !(-settled..settled).contains(&age_ns) {
        return None;
    }
    let left = u64::try_from(settled - age_ns).unwrap_or_default();
    Some(Duration::from_nanos(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_classified() {
        use Class::{Document, Hidden, Ignored, Link, NotAFile};
        let cases = [
            ("a.json", ListedKind::File, 1, Document),
            ("a.json", ListedKind::File, 0, Ignored),
            ("a.JSON", ListedKind::File, 1, Ignored),
            ("a.json.tmp", ListedKind::File, 1, Ignored),
            (".a.json", ListedKind::File, 1, Hidden),
            (".json", ListedKind::File, 1, Hidden),
            (".a.json", ListedKind::File, 0, Ignored),
            (".retries.json", ListedKind::File, 1, Ignored),
            (".gitkeep", ListedKind::File, 1, Ignored),
            ("a.json", ListedKind::Link, 1, Link),
            ("a.json", ListedKind::Folder, 1, NotAFile),
            ("a.json", ListedKind::Other, 0, NotAFile),
        ];
        for (name, kind, size, want) in cases {
            assert_eq!(class(OsStr::new(name), kind, size), want, "{name} {kind:?} {size}");
        }
    }

    #[test]
    fn a_file_is_young_for_two_seconds() {
        let second = 1_000_000_000;
        assert_eq!(still_young(0), Some(SETTLED));
        assert_eq!(still_young(second), Some(Duration::from_secs(1)));
        assert_eq!(still_young(2 * second), None);
        assert_eq!(still_young(-second), Some(Duration::from_secs(3)));
        assert_eq!(still_young(-3600 * second), None);
    }
}
