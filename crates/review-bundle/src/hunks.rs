//! Finds what lines changed, in a time that no content can stretch.

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use crate::manifest;

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// Lines that differ in the middle of two files, both sides together, above which no shortest edit
/// is sought: its cost grows faster than the files do. They are then shown as all removed and all
/// added. A number of lines and not of seconds, so that the text is the same everywhere.
const SEARCHED: usize = 20_000;

/// A line that is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line<'a> {
    /// What happened to it.
    pub sign: Sign,
    /// Its number: in the new file, or in the old one if it was removed. From 1.
    pub number: u64,
    /// Its bytes, with its line end if it has one.
    pub bytes: &'a [u8],
}

/// What happened to a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sign {
    /// Nothing: it is there for what lies around it.
    Context,
    /// It is gone.
    Removed,
    /// It is new.
    Added,
}

/// A run of changes with the lines around them.
pub(crate) struct Hunk<'a> {
    pub(crate) place: manifest::Hunk,
    pub(crate) lines: Vec<Line<'a>>,
}

/// Returns the hunks between two texts.
pub(crate) fn hunks<'a>(old: &'a [u8], new: &'a [u8]) -> Vec<Hunk<'a>> {
    if old == new {
        return Vec::new();
    }
    let (old, new) = (lines(old), lines(new));
    let grouped = group_diff_ops(edits(&old, &new), CONTEXT);
    grouped.iter().filter_map(|ops| hunk(ops, &old, &new)).collect()
}

fn hunk<'a>(ops: &[DiffOp], old: &[&'a [u8]], new: &[&'a [u8]]) -> Option<Hunk<'a>> {
    let (first, last) = (ops.first()?, ops.last()?);
    let place = manifest::Hunk {
        old: span(first.old_range().start, last.old_range().end),
        new: span(first.new_range().start, last.new_range().end),
    };
    let mut shown = Vec::new();
    let mut show = |sign: Sign, range: std::ops::Range<usize>, from: &[&'a [u8]]| {
        let line = |at: usize| Line { sign, number: count(at + 1), bytes: from[at] };
        shown.extend(range.map(line));
    };
    for op in ops {
        if op.tag() == DiffTag::Equal {
            show(Sign::Context, op.new_range(), new);
        } else {
            show(Sign::Removed, op.old_range(), old);
            show(Sign::Added, op.new_range(), new);
        }
    }
    Some(Hunk { place, lines: shown })
}

/// Returns a range of lines as hunk headers have it: an empty one names the line before it.
fn span(start: usize, end: usize) -> manifest::Span {
    let start_line = if start == end { start } else { start + 1 };
    manifest::Span { start: count(start_line), count: count(end - start) }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

/// Finds what to keep, remove and add. Myers, whose heuristics bound it: histogram is quadratic on
/// hostile input.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Applies hunks, strictly.
    fn apply(old: &[u8], hunks: &[Hunk<'_>]) -> Vec<u8> {
        let old = lines(old);
        let (mut new, mut next) = (Vec::new(), 0);
        for Hunk { place, lines } in hunks {
            let start = place.old.start - u64::from(place.old.count > 0);
            let start = usize::try_from(start).expect("small");
            new.extend(old[next..start].concat());
            next = start;
            for line in lines {
                if line.sign != Sign::Added {
                    assert_eq!(line.bytes, old[next]);
                    next += 1;
                }
                if line.sign != Sign::Removed {
                    new.extend(line.bytes);
                }
            }
        }
        new.extend(old[next..].concat());
        new
    }

    proptest! {
        #[test]
        fn hunks_give_the_new_text(old in "([ab]?\n){0,30}[ab]?", new in "([ab]?\n){0,30}[ab]?") {
            let hunks = hunks(old.as_bytes(), new.as_bytes());
            prop_assert_eq!(apply(old.as_bytes(), &hunks), new.as_bytes());
            for hunk in &hunks {
                let count = |sign| hunk.lines.iter().filter(|it| it.sign != sign).count() as u64;
                prop_assert_eq!(hunk.place.old.count, count(Sign::Added));
                prop_assert_eq!(hunk.place.new.count, count(Sign::Removed));
            }
        }
    }

    #[test]
    fn files_without_likeness_are_all_removed_and_all_added() {
        let text = |name: &str, count: usize| -> String {
            (0..count).flat_map(|at| [name.to_owned(), format!(" {at}\n")]).collect()
        };
        let same = "same\n".repeat(10);
        let old = format!("{same}{}{same}", text("old", SEARCHED));
        let new = format!("{same}{}{same}", text("new", 1));
        let hunks = hunks(old.as_bytes(), new.as_bytes());
        assert_eq!(hunks.len(), 1);
        assert_eq!(hunks[0].lines.len(), SEARCHED + 1 + 2 * CONTEXT);
        assert_eq!(apply(old.as_bytes(), &hunks), new.as_bytes());
    }
}
