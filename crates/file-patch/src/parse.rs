//! Reads a whole diff: the headers of each file's patch, then its hunks. No path is judged.

use std::collections::HashSet;

use crate::fault::{Fault, PatchFault};
use crate::hunk::hunks;
use crate::lines::Lines;
use crate::names::{git_path, name_lines, timestamp};
use crate::{FilePatch, Mode};

/// Reads a unified diff of one or more files.
///
/// Names must be `a/…` and `b/…` (or `/dev/null`) and agree; paths are returned without the prefix
/// and otherwise as they stand, so the caller must judge them.
///
/// # Errors
/// The first thing that is wrong, with its line; see [`Fault`].
pub fn parse(diff: &[u8]) -> Result<Vec<FilePatch>, PatchFault> {
    let mut lines = Lines::new(diff);
    let mut patches = Vec::new();
    let mut seen = HashSet::new();
    while let Some(line) = lines.peek()? {
        let twice = lines.fault(Fault::SamePathTwice);
        let patch = if line.starts_with(b"diff --git ") {
            git_patch(&mut lines)?
        } else if line.starts_with(b"--- ") {
            plain_patch(&mut lines)?
        } else if line.starts_with(b"Binary files ") {
            return Err(lines.fault(Fault::Binary));
        } else {
            return Err(lines.fault(Fault::StrayText));
        };
        let name = patch.new.as_ref().or(patch.old.as_ref());
        if !seen.insert(name.cloned()) {
            return Err(twice);
        }
        patches.push(patch);
    }
    if patches.is_empty() {
        return Err(lines.fault(Fault::NoPatch));
    }
    Ok(patches)
}

/// Reads a patch that starts at `---`.
fn plain_patch(lines: &mut Lines<'_>) -> Result<FilePatch, PatchFault> {
    let start = lines.fault(Fault::NamesDisagree);
    let (old, new) = name_lines(lines, timestamp)?;
    let creates_or_deletes = old.is_some() != new.is_some();
    if !creates_or_deletes && (old.is_none() || old != new) {
        return Err(start);
    }
    let hunks = hunks(lines)?;
    whole_file(FilePatch { old, new, old_mode: None, mode: None, hunks }, start.line)
}

/// Reads a patch that starts at `diff --git`.
fn git_patch(lines: &mut Lines<'_>) -> Result<FilePatch, PatchFault> {
    let names = lines.peek_after(b"diff --git ")?.unwrap_or_default();
    // The names of a rename disagree too, but that it is one says more: its lines come first.
    let name = git_path(names).map_err(|fault| lines.fault(fault));
    let start = lines.fault(Fault::NoChange);
    lines.take()?;
    let header = extended_header(lines)?;
    let name = name?;
    let mut patch = FilePatch {
        old: (header.created.is_none()).then(|| name.clone()),
        new: (header.deleted.is_none()).then_some(name),
        old_mode: header.old_mode.or(header.deleted).or(header.index_mode),
        mode: header.new_mode.or(header.created),
        hunks: Vec::new(),
    };
    if lines.peek_after(b"--- ")?.is_some() {
        let at_names = lines.fault(Fault::NamesDisagree);
        // git ends a name that has a blank in it with a tab, and writes no timestamps.
        let (old, new) = name_lines(lines, |_, tail| {
            if matches!(tail, b"" | b"\t") { Ok(()) } else { Err(Fault::Timestamp) }
        })?;
        if (old, new) != (patch.old.clone(), patch.new.clone()) {
            return Err(at_names);
        }
        patch.hunks = hunks(lines)?;
    } else if header.created.is_none() && header.deleted.is_none() && header.new_mode.is_none() {
        return Err(start);
    }
    whole_file(patch, start.line)
}

/// Refuses a created file that had lines, and a deleted one that keeps some.
fn whole_file(patch: FilePatch, line: usize) -> Result<FilePatch, PatchFault> {
    let had_lines = patch.hunks.iter().any(|hunk| !hunk.old.is_empty());
    let keeps_lines = patch.hunks.iter().any(|hunk| !hunk.new.is_empty());
    if patch.old.is_none() && had_lines || patch.new.is_none() && keeps_lines {
        return Err(PatchFault { line, fault: Fault::WholeFile });
    }
    Ok(patch)
}

/// What may stand between `diff --git` and `---`.
#[derive(Default)]
struct Header {
    created: Option<Mode>,
    deleted: Option<Mode>,
    old_mode: Option<Mode>,
    new_mode: Option<Mode>,
    index_mode: Option<Mode>,
    has_index: bool,
}

fn extended_header(lines: &mut Lines<'_>) -> Result<Header, PatchFault> {
    let mut header = Header::default();
    while let Some(line) = lines.peek()? {
        let slots: [(&[u8], &mut Option<Mode>); 4] = [
            (b"old mode ", &mut header.old_mode),
            (b"new mode ", &mut header.new_mode),
            (b"new file mode ", &mut header.created),
            (b"deleted file mode ", &mut header.deleted),
        ];
        let found =
            slots.into_iter().find_map(|(name, slot)| Some((line.strip_prefix(name)?, slot)));
        if let Some((text, slot)) = found {
            let mode = mode(text).map_err(|fault| lines.fault(fault))?;
            if slot.replace(mode).is_some() {
                return Err(lines.fault(Fault::Header));
            }
        } else if let Some(text) = line.strip_prefix(b"index ") {
            if header.has_index {
                return Err(lines.fault(Fault::Header));
            }
            header.has_index = true;
            header.index_mode = index_mode(text).map_err(|fault| lines.fault(fault))?;
        } else if let Some(fault) = refused(line) {
            return Err(lines.fault(fault));
        } else {
            break;
        }
        lines.pass(line);
    }
    match (header.created, header.deleted, header.old_mode, header.new_mode) {
        (None, None, None, None) => Ok(header),
        (Some(_), None, None, None) | (None, Some(_), None, None)
            if header.index_mode.is_none() =>
        {
            Ok(header)
        }
        (None, None, Some(old), Some(new)) if header.index_mode.is_none() && old != new => {
            Ok(header)
        }
        _ => Err(lines.fault(Fault::Header)),
    }
}

/// Returns why a patch with this line in its header is refused, if it is.
fn refused(line: &[u8]) -> Option<Fault> {
    let starts: [(&[u8], Fault); 6] = [
        (b"rename ", Fault::Rename),
        (b"copy ", Fault::Rename),
        (b"similarity index ", Fault::Rename),
        (b"dissimilarity index ", Fault::Header),
        (b"GIT binary patch", Fault::Binary),
        (b"Binary files ", Fault::Binary),
    ];
    starts.into_iter().find(|(start, _)| line.starts_with(start)).map(|(_, fault)| fault)
}

fn mode(text: &[u8]) -> Result<Mode, Fault> {
    match text {
        b"100644" => Ok(Mode::Plain),
        b"100755" => Ok(Mode::Executable),
        _ => Err(Fault::Mode),
    }
}

/// Reads `<hex>..<hex>` or `<hex>..<hex> <mode>`.
fn index_mode(text: &[u8]) -> Result<Option<Mode>, Fault> {
    let mut parts = text.splitn(2, |&byte| byte == b' ');
    let ids = parts.next().unwrap_or_default();
    let dots = ids.windows(2).position(|pair| pair == b"..").ok_or(Fault::Header)?;
    let is_id = |id: &[u8]| !id.is_empty() && id.iter().all(u8::is_ascii_hexdigit);
    if !is_id(&ids[..dots]) || !is_id(&ids[dots + 2..]) {
        return Err(Fault::Header);
    }
    parts.next().map(mode).transpose()
}
