//! Writes a diff as git does, from the contents before and after.

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use crate::Mode;
use crate::hunk::MARKER;
use crate::quoting::quote;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// Lines that differ in the middle of two files, both sides together, above which no shortest edit
/// is sought: its cost grows faster than the files do.
const SEARCHED: usize = 50_000;

/// A file at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Its contents.
    pub bytes: &'a [u8],
    /// Its permission bits; only whether the owner may execute it shows in a diff.
    pub mode: u32,
}

/// What happened to one file.
#[derive(Debug, Clone, Copy)]
pub struct FileChange<'a> {
    /// Where it is now, or was, if it is gone.
    pub path: &'a str,
    /// Where it was, if it was moved. Ignored unless there is a before and an after.
    pub moved_from: Option<&'a str>,
    /// The file before; `None`: it was created.
    pub before: Option<Side<'a>>,
    /// The file after; `None`: it was deleted.
    pub after: Option<Side<'a>>,
}

/// Returns the git-style unified diff of the changes, in their order; empty where nothing changed.
///
/// Contents with a NUL byte are only said to differ. What is written without such contents,
/// `git apply` accepts, and without moves [`parse`](crate::parse) does.
pub fn render(changes: &[FileChange<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for change in changes {
        file(&mut out, change);
    }
    out
}

fn file(out: &mut Vec<u8>, change: &FileChange<'_>) {
    let FileChange { path, before, after, .. } = *change;
    let old = before.map_or(&[][..], |side| side.bytes);
    let new = after.map_or(&[][..], |side| side.bytes);
    let both_exist = before.is_some() && after.is_some();
    let moved = change.moved_from.filter(|from| both_exist && *from != path);
    let modes = (before.map(git_mode), after.map(git_mode));
    if modes.0 == modes.1 && old == new && moved.is_none() {
        return;
    }
    let from = moved.unwrap_or(path);
    first_lines(out, from, path, modes);

    let is_binary = old.contains(&0) || new.contains(&0);
    let (old_lines, new_lines) = (lines(old), lines(new));
    // Myers, not histogram: on hostile input its heuristics bound it, while histogram is quadratic.
    let ops = if is_binary || old == new { Vec::new() } else { edits(&old_lines, &new_lines) };
    if moved.is_some() {
        if !is_binary || old == new {
            let percent = similarity(old, new, &old_lines, &ops);
            line(out, "similarity index ", &format!("{percent}%"));
        }
        for (label, name) in [("rename from ", from), ("rename to ", path)] {
            out.extend_from_slice(label.as_bytes());
            quote(out, "", name);
            out.push(b'\n');
        }
    }
    if old == new {
        return;
    }
    let names = [name(before.is_some(), "a/", from), name(after.is_some(), "b/", path)];
    if is_binary {
        let [old, new] = names;
        out.extend_from_slice(&[b"Binary files ", &old[..], b" and ", &new, b" differ\n"].concat());
        return;
    }
    for (label, name) in [b"--- ", b"+++ "].into_iter().zip(names) {
        out.extend_from_slice(label);
        out.extend_from_slice(&name);
        // The tab is git's, so that a reader does not take the blank for the end of the name.
        out.extend_from_slice(if name.contains(&b' ') { b"\t\n" } else { b"\n" });
    }
    for group in group_diff_ops(ops, CONTEXT) {
        hunk(out, &group, &old_lines, &new_lines);
    }
}

/// Finds what to keep, remove and add. Linear where the files are large: everything between their
/// common beginning and end is then one replacement.
fn edits(old: &[&[u8]], new: &[&[u8]]) -> Vec<DiffOp> {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(o, n)| o == n).count();
    let (old_len, new_len) = (old_rest.len() - end, new_rest.len() - end);
    if old_len + new_len <= SEARCHED {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    let equal = |old_index, new_index, len| DiffOp::Equal { old_index, new_index, len };
    let replace = match (old_len, new_len) {
        (0, _) => DiffOp::Insert { old_index: start, new_index: start, new_len },
        (_, 0) => DiffOp::Delete { old_index: start, old_len, new_index: start },
        _ => DiffOp::Replace { old_index: start, old_len, new_index: start, new_len },
    };
    [equal(0, 0, start), replace, equal(start + old_len, start + new_len, end)]
        .into_iter()
        .filter(|op| !op.old_range().is_empty() || !op.new_range().is_empty())
        .collect()
}

/// Writes the `diff --git` line and those about modes.
fn first_lines(out: &mut Vec<u8>, from: &str, path: &str, modes: (Option<&str>, Option<&str>)) {
    out.extend_from_slice(b"diff --git ");
    quote(out, "a/", from);
    out.push(b' ');
    quote(out, "b/", path);
    out.push(b'\n');
    match modes {
        (None, Some(mode)) => line(out, "new file mode ", mode),
        (Some(mode), None) => line(out, "deleted file mode ", mode),
        (Some(was), Some(is)) if was != is => {
            line(out, "old mode ", was);
            line(out, "new mode ", is);
        }
        _ => {}
    }
}

fn hunk(out: &mut Vec<u8>, ops: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) {
    let (Some(first), Some(last)) = (ops.first(), ops.last()) else { return };
    let old_range = range(first.old_range().start, last.old_range().end);
    let new_range = range(first.new_range().start, last.new_range().end);
    out.extend_from_slice(format!("@@ -{old_range} +{new_range} @@\n").as_bytes());
    for op in ops {
        if op.tag() == DiffTag::Equal {
            op.old_range().for_each(|index| body_line(out, b' ', old[index]));
        } else {
            op.old_range().for_each(|index| body_line(out, b'-', old[index]));
            op.new_range().for_each(|index| body_line(out, b'+', new[index]));
        }
    }
}

/// Returns a range as hunk headers have it: an empty one names the line before it.
fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{end}"),
        count => format!("{},{count}", start + 1),
    }
}

fn body_line(out: &mut Vec<u8>, tag: u8, text: &[u8]) {
    out.push(tag);
    out.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        out.push(b'\n');
        out.extend_from_slice(MARKER);
        out.push(b'\n');
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

fn line(out: &mut Vec<u8>, label: &str, value: &str) {
    out.extend_from_slice(format!("{label}{value}\n").as_bytes());
}

fn name(exists: bool, prefix: &str, path: &str) -> Vec<u8> {
    let mut name = Vec::new();
    if exists {
        quote(&mut name, prefix, path);
    } else {
        name.extend_from_slice(b"/dev/null");
    }
    name
}

fn git_mode(side: Side<'_>) -> &'static str {
    match Mode::of_bits(side.mode) {
        Mode::Plain => "100644",
        Mode::Executable => "100755",
    }
}

/// Returns the share of bytes a moved file keeps, in percent, 100 only where it keeps all.
fn similarity(old: &[u8], new: &[u8], old_lines: &[&[u8]], ops: &[DiffOp]) -> usize {
    if old == new {
        return 100;
    }
    let kept = ops.iter().filter(|op| op.tag() == DiffTag::Equal).flat_map(DiffOp::old_range);
    let bytes: usize = kept.map(|index| old_lines[index].len()).sum();
    (bytes.saturating_mul(100) / old.len().max(new.len())).min(99)
}
