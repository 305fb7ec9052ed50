//! Random files and changes to them.

use file_patch::{FileChange, Side};
use proptest::prelude::*;

/// A file at one moment: contents, and whether it is executable.
pub(crate) type File = Option<(Vec<u8>, bool)>;

/// A change of one file.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: File,
    pub(crate) after: File,
}

impl Change {
    /// Returns the change as `render` takes it.
    pub(crate) fn view(&self) -> FileChange<'_> {
        FileChange {
            path: &self.path,
            moved_from: None,
            before: side(self.before.as_ref()),
            after: side(self.after.as_ref()),
        }
    }

    /// Returns whether there is something to render.
    pub(crate) fn is_change(&self) -> bool {
        self.before != self.after
    }
}

fn side(file: Option<&(Vec<u8>, bool)>) -> Option<Side<'_>> {
    file.map(|(bytes, executable)| Side { bytes, mode: if *executable { 0o755 } else { 0o644 } })
}

/// A line of a few kinds, so that lines repeat; some look like parts of a diff.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let kinds: [&[u8]; 12] = [
        b"a",
        b"b",
        b"",
        b" ",
        b"a\r",
        b"\xff\xfe",
        b"-- a/x",
        b"++ b/x",
        b"@@ -1 +1 @@",
        b"\\ No newline at end of file",
        b"diff --git a/x b/x",
        b"\t",
    ];
    prop::sample::select(kinds.to_vec()).prop_map(<[u8]>::to_vec)
}

/// Lines, and whether the last one has a newline.
fn text(lines: &[Vec<u8>], terminated: bool) -> Vec<u8> {
    let mut text = lines.join(&b'\n');
    if terminated && !lines.is_empty() {
        text.push(b'\n');
    }
    text
}

/// An edit of some lines: where (wrapped to the length), how many go, and what comes.
type Edit = (usize, usize, Vec<Vec<u8>>);

fn edited(lines: &[Vec<u8>], edits: &[Edit]) -> Vec<Vec<u8>> {
    let mut lines = lines.to_vec();
    for (at, gone, come) in edits {
        let at = at % (lines.len() + 1);
        let end = lines.len().min(at + gone);
        lines.splice(at..end, come.iter().cloned());
    }
    lines
}

/// Contents before and after: a few edits apart, so that context and several hunks arise.
pub(crate) fn contents() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let edit = (any::<usize>(), 0_usize..4, prop::collection::vec(line(), 0..3));
    let lines = prop::collection::vec(line(), 0..40);
    (lines, prop::collection::vec(edit, 0..4), any::<(bool, bool)>()).prop_map(
        |(lines, edits, (was, is))| (text(&lines, was), text(&edited(&lines, &edits), is)),
    )
}

/// A change of the file `path`: modified in six cases of eight, else created or deleted.
pub(crate) fn change(path: String) -> impl Strategy<Value = Change> {
    (contents(), any::<(bool, bool)>(), 0..8).prop_map(move |((old, new), (was, is), kind)| {
        Change {
            path: path.clone(),
            before: (kind != 0).then_some((old, was)),
            after: (kind != 1).then_some((new, is)),
        }
    })
}
