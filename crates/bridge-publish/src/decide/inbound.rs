//! Which documents of the remote appear in commands/.

use gix::objs::tree::EntryKind;

use crate::observe::history::Difference;

/// What is known of an inbound document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Known {
    /// What lies in commands/ under its name.
    pub(crate) local: Local,
    /// Whether an outcome of it, or a hold on it, is on disk.
    pub(crate) is_processed: bool,
}

/// What lies in commands/ under a document's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Local {
    /// Nothing.
    Absent,
    /// The same bytes.
    Same,
    /// Something else, which is kept.
    Other,
}

/// What becomes of an inbound document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It is written to commands/.
    Deliver,
    /// It lies there already.
    Waiting,
    /// It was processed before.
    Processed,
    /// Another document of that name waits; this one is not delivered.
    NameTaken,
}

/// The file name of a difference that is a new or changed inbound document, and nothing else.
pub(crate) fn candidate(difference: &Difference) -> Option<&[u8]> {
    let name = difference.path.strip_prefix(b"commands/")?;
    let is_blob = difference
        .new
        .is_some_and(|(kind, _)| matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable));
    let is_plain = !name.starts_with(b".") && !name.contains(&b'/') && name.ends_with(b".json");
    (is_blob && is_plain).then_some(name)
}

/// Decides.
pub(crate) fn fate(known: Known) -> Fate {
    match known {
        Known { is_processed: true, .. } => Fate::Processed,
        Known { local: Local::Absent, .. } => Fate::Deliver,
        Known { local: Local::Same, .. } => Fate::Waiting,
        Known { local: Local::Other, .. } => Fate::NameTaken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gix::ObjectId;

    #[test]
    fn only_plain_json_files_directly_in_commands_are_inbound() {
        let id = ObjectId::from_bytes_or_panic(&[1; 20]);
        for (path, kind, want) in [
            ("commands/a.json", Some(EntryKind::Blob), true),
            ("commands/a.json", Some(EntryKind::BlobExecutable), true),
            ("commands/a.json", Some(EntryKind::Link), false),
            ("commands/a.json", Some(EntryKind::Commit), false),
            ("commands/a.json", None, false),
            ("commands/.a.json", Some(EntryKind::Blob), false),
            ("commands/sub/a.json", Some(EntryKind::Blob), false),
            ("commands/a.txt", Some(EntryKind::Blob), false),
            ("other/a.json", Some(EntryKind::Blob), false),
        ] {
            let new = kind.map(|kind| (kind, id));
            let difference = Difference { path: path.into(), old: None, new };
            assert_eq!(candidate(&difference).is_some(), want, "{path} {kind:?}");
        }
    }

    #[test]
    fn nothing_processed_returns_and_nothing_that_waits_is_overwritten() {
        for (local, is_processed, want) in [
            (Local::Absent, false, Fate::Deliver),
            (Local::Absent, true, Fate::Processed),
            (Local::Same, false, Fate::Waiting),
            (Local::Other, false, Fate::NameTaken),
            (Local::Other, true, Fate::Processed),
        ] {
            assert_eq!(fate(Known { local, is_processed }), want);
        }
    }
}
