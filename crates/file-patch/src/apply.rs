//! Applies one patch to one file's contents, at exactly the stated places.

use crate::FilePatch;
use crate::fault::Conflict;
use crate::hunk::Hunk;

/// Returns the contents `patch` leaves of a file with the contents `old` (`None`: there is no such
/// file), or `None` where the patch deletes it.
///
/// # Errors
/// The first hunk that does not fit, byte for byte and at its stated line; see [`Conflict`].
pub fn apply(patch: &FilePatch, old: Option<&[u8]>) -> Result<Option<Vec<u8>>, Conflict> {
    let old = match (&patch.old, old) {
        (None, None) => &[],
        (None, Some(_)) => return Err(Conflict::Exists),
        (Some(_), None) => return Err(Conflict::Missing),
        (Some(_), Some(old)) => old,
    };
    let mut new = Vec::with_capacity(old.len());
    let (mut offset, mut line) = (0, 0);
    for (index, hunk) in patch.hunks.iter().enumerate() {
        let number = index + 1;
        let start = skip(old, offset, hunk.first.saturating_sub(line))
            .map_err(|lines| Conflict::Differs { hunk: number, line: line + lines + 1 })?;
        if hunk.old.is_empty() && start > 0 && old[start - 1] != b'\n' {
            return Err(Conflict::NoFinalNewline { hunk: number });
        }
        fits(hunk, &old[start..], number)?;
        new.extend_from_slice(&old[offset..start]);
        new.extend_from_slice(&hunk.new);
        offset = start + hunk.old.len();
        line = hunk.first.saturating_add(hunk.count);
    }
    new.extend_from_slice(&old[offset..]);
    match patch.new {
        Some(_) => Ok(Some(new)),
        None if new.is_empty() => Ok(None),
        None => Err(Conflict::Leftover),
    }
}

/// Returns the offset `count` lines after `offset`, or how many lines there are if fewer.
fn skip(old: &[u8], offset: usize, count: usize) -> Result<usize, usize> {
    let mut end = offset;
    let mut lines = old[offset..].split_inclusive(|&byte| byte == b'\n');
    for skipped in 0..count {
        end += lines.next().ok_or(skipped)?.len();
    }
    Ok(end)
}

/// Checks that `rest`, the old file from the hunk on, starts with what the hunk expects.
fn fits(hunk: &Hunk, rest: &[u8], number: usize) -> Result<(), Conflict> {
    if !rest.starts_with(&hunk.old) {
        let same = rest.iter().zip(&hunk.old).take_while(|(file, hunk)| file == hunk);
        let lines = same.filter(|&(&byte, _)| byte == b'\n').count();
        let line = hunk.first.saturating_add(lines).saturating_add(1);
        return Err(Conflict::Differs { hunk: number, line });
    }
    if hunk.at_end && rest.len() != hunk.old.len() {
        return Err(Conflict::NotAtEnd { hunk: number });
    }
    Ok(())
}
