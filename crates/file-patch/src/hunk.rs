//! One hunk: its header and body, read to the bytes it expects and the bytes it leaves.

use crate::fault::{Fault, PatchFault};
use crate::lines::Lines;

/// The line that says the line before it has no newline.
pub(crate) const MARKER: &[u8] = b"\\ No newline at end of file";

/// Replaces `old` by `new` at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// Lines of the old file before the hunk.
    pub(crate) first: usize,
    /// Lines of the old file in the hunk.
    pub(crate) count: usize,
    /// What is there: context and removed lines.
    pub(crate) old: Vec<u8>,
    /// What takes its place: context and added lines.
    pub(crate) new: Vec<u8>,
    /// Whether the hunk must reach the end of the old file. It must where it has no trailing
    /// context (`git apply` anchors such a hunk there) or where a line has no newline.
    pub(crate) at_end: bool,
}

/// Lines of one side: how many come before, and how many there are.
struct Range {
    first: usize,
    count: usize,
}

/// Reads the hunks of one patch, one at least.
pub(crate) fn hunks(lines: &mut Lines<'_>) -> Result<Vec<Hunk>, PatchFault> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut old_end, mut new_end) = (0, 0);
    while let Some(header) = lines.peek_after(b"@@ ")? {
        let (old, new) = ranges(header).map_err(|fault| lines.fault(fault))?;
        let gap = old.first.checked_sub(old_end);
        let in_order = gap.is_some() && gap == new.first.checked_sub(new_end);
        if !in_order || hunks.last().is_some_and(|hunk| hunk.at_end) {
            return Err(lines.fault(Fault::HunkPosition));
        }
        let end = |range: &Range| {
            range.first.checked_add(range.count).ok_or_else(|| lines.fault(Fault::Overflow))
        };
        (old_end, new_end) = (end(&old)?, end(&new)?);
        let unchanged = lines.fault(Fault::NoChange);
        lines.take()?;
        let (hunk, changes) = body(lines, &old, &new)?;
        if !changes {
            return Err(unchanged);
        }
        hunks.push(hunk);
    }
    if hunks.is_empty() {
        return Err(lines.fault(Fault::HunkHeader));
    }
    Ok(hunks)
}

/// Reads what follows `@@ ` in a hunk header.
fn ranges(header: &[u8]) -> Result<(Range, Range), Fault> {
    let (old, rest) = range(header.strip_prefix(b"-").ok_or(Fault::HunkHeader)?)?;
    let (new, rest) = range(rest.strip_prefix(b" +").ok_or(Fault::HunkHeader)?)?;
    let section = rest.strip_prefix(b" @@").ok_or(Fault::HunkHeader)?;
    if section.first().is_some_and(|&byte| byte != b' ') {
        return Err(Fault::HunkHeader);
    }
    Ok((old, new))
}

/// Reads `start` or `start,count`. An empty range names the line before it, others their first.
fn range(text: &[u8]) -> Result<(Range, &[u8]), Fault> {
    let (start, mut rest) = number(text)?;
    let mut count = 1;
    if let Some(after) = rest.strip_prefix(b",") {
        (count, rest) = number(after)?;
    }
    let before = if count == 0 { Some(start) } else { start.checked_sub(1) };
    let first = before.ok_or(Fault::HunkHeader)?;
    Ok((Range { first, count }, rest))
}

/// Reads a decimal number without leading zeros.
fn number(text: &[u8]) -> Result<(usize, &[u8]), Fault> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() || (digits[0] == b'0' && length > 1) {
        return Err(Fault::HunkHeader);
    }
    let value = digits.iter().try_fold(0_usize, |value, digit| {
        value.checked_mul(10)?.checked_add(usize::from(digit - b'0'))
    });
    Ok((value.ok_or(Fault::Overflow)?, rest))
}

/// Reads the lines below a hunk header; also returns whether any is added or removed.
fn body(lines: &mut Lines<'_>, old: &Range, new: &Range) -> Result<(Hunk, bool), PatchFault> {
    let mut hunk = Hunk {
        first: old.first,
        count: old.count,
        old: Vec::new(),
        new: Vec::new(),
        at_end: false,
    };
    let (mut old_left, mut new_left) = (old.count, new.count);
    let (mut old_ended, mut new_ended) = (false, false);
    let (mut changes, mut last_is_context) = (false, false);
    while old_left > 0 || new_left > 0 {
        let line = lines.peek()?.ok_or_else(|| lines.fault(Fault::HunkCounts))?;
        let (in_old, in_new, text) = match line {
            // An empty context line that lost its blank: GNU diff and git write it on request.
            [] => (true, true, &[][..]),
            [b' ', text @ ..] => (true, true, text),
            [b'-', text @ ..] => (true, false, text),
            [b'+', text @ ..] => (false, true, text),
            _ => return Err(lines.fault(Fault::HunkCounts)),
        };
        if (in_old && old_left == 0) || (in_new && new_left == 0) {
            return Err(lines.fault(Fault::HunkCounts));
        }
        if (in_old && old_ended) || (in_new && new_ended) {
            return Err(lines.fault(Fault::Marker));
        }
        lines.pass(line);
        let unterminated = lines.peek()? == Some(MARKER);
        if unterminated {
            if text.is_empty() {
                return Err(lines.fault(Fault::Marker));
            }
            lines.pass(MARKER);
        }
        if in_old {
            old_left -= 1;
            old_ended = unterminated;
            push(&mut hunk.old, text, unterminated);
        }
        if in_new {
            new_left -= 1;
            new_ended = unterminated;
            push(&mut hunk.new, text, unterminated);
        }
        last_is_context = in_old && in_new;
        changes |= !last_is_context;
    }
    if lines.peek()?.is_some_and(continues) {
        return Err(lines.fault(Fault::HunkCounts));
    }
    // Where the last line is context, both sides have ended or neither.
    hunk.at_end = !last_is_context || old_ended;
    Ok((hunk, changes))
}

fn push(side: &mut Vec<u8>, text: &[u8], unterminated: bool) {
    side.extend_from_slice(text);
    if !unterminated {
        side.push(b'\n');
    }
}

/// Returns whether a line after a complete hunk looks like more of it. `-- ` is what mail puts
/// below a patch: stray text rather than a miscount.
fn continues(line: &[u8]) -> bool {
    match line {
        [] | [b' ' | b'+' | b'\\', ..] => true,
        [b'-', ..] => line != b"-- " && !line.starts_with(b"--- "),
        _ => false,
    }
}
