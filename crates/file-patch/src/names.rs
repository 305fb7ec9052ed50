//! The names of files in a diff: the `diff --git` line, and `---` and `+++` with their timestamps.

use crate::fault::{Fault, PatchFault};
use crate::lines::Lines;
use crate::quoting::{is_special, unquote};

/// Reads the one path of `a/path b/path`.
pub(crate) fn git_path(names: &[u8]) -> Result<String, Fault> {
    if names.starts_with(b"\"") {
        let (old, rest) = unquote(names)?;
        let (new, rest) = unquote(rest.strip_prefix(b" ").ok_or(Fault::NamesDisagree)?)?;
        let old = path(&old, b"a/")?;
        return if rest.is_empty() && old == path(&new, b"b/")? {
            Ok(old)
        } else {
            Err(Fault::NamesDisagree)
        };
    }
    // Blanks in names are not quoted, so that both are equal is the only way to tell them apart.
    let middle = names.len() / 2;
    let (old, new) = names.split_at(middle);
    let new = new.strip_prefix(b" ").ok_or(Fault::NamesDisagree)?;
    if old.get(2..) != new.get(2..) {
        return Err(Fault::NamesDisagree);
    }
    path(new, b"b/")?;
    unquoted(old).and_then(|old| path(old, b"a/"))
}

/// Reads `--- name` and `+++ name`; `tail` judges a name and what follows it.
pub(crate) fn name_lines(
    lines: &mut Lines<'_>,
    tail: impl Fn(&[u8], &[u8]) -> Result<(), Fault>,
) -> Result<(Option<String>, Option<String>), PatchFault> {
    let mut next = |start: &[u8], prefix: &[u8]| {
        let text = lines.peek_after(start)?.ok_or_else(|| lines.fault(Fault::Header))?;
        let name = name(text, prefix, &tail).map_err(|fault| lines.fault(fault))?;
        lines.take()?;
        Ok(name)
    };
    Ok((next(b"--- ", b"a/")?, next(b"+++ ", b"b/")?))
}

/// Reads one name; `None` is `/dev/null`.
fn name(
    text: &[u8],
    prefix: &[u8],
    tail: &impl Fn(&[u8], &[u8]) -> Result<(), Fault>,
) -> Result<Option<String>, Fault> {
    if text.starts_with(b"\"") {
        let (name, rest) = unquote(text)?;
        tail(b"", rest)?;
        return path(&name, prefix).map(Some);
    }
    let end = text.iter().position(|&byte| byte == b'\t').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    tail(name, rest)?;
    if name == b"/dev/null" {
        return Ok(None);
    }
    path(unquoted(name)?, prefix).map(Some)
}

fn unquoted(name: &[u8]) -> Result<&[u8], Fault> {
    if name.iter().copied().any(is_special) { Err(Fault::Name) } else { Ok(name) }
}

/// Returns a name without its prefix.
fn path(name: &[u8], prefix: &[u8]) -> Result<String, Fault> {
    let path = name.strip_prefix(prefix).ok_or(Fault::Prefix)?;
    if path.is_empty() || path.contains(&0) {
        return Err(Fault::Name);
    }
    String::from_utf8(path.to_vec()).map_err(|_| Fault::NotUtf8)
}

/// Judges what follows a name in a plain diff: nothing, or a tab and perhaps a timestamp.
///
/// git takes `notes 2024-01-02` for the file `notes` and a date, so a name with a blank needs the
/// tab; and it takes a timestamp of the epoch for `/dev/null`, which we do not.
pub(crate) fn timestamp(name: &[u8], tail: &[u8]) -> Result<(), Fault> {
    let Some(text) = tail.strip_prefix(b"\t") else {
        let ends = tail.is_empty() && !name.contains(&b' ');
        return if ends { Ok(()) } else { Err(Fault::Timestamp) };
    };
    if text.is_empty() {
        return Ok(());
    }
    let epoch = text.starts_with(b"1970-01-01") || text.starts_with(b"1969-12-31");
    let (moment, rest) = text.split_at_checked(19).ok_or(Fault::Timestamp)?;
    let (fraction, zone) =
        rest.split_at(rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len()));
    let fraction_fits =
        fraction.is_empty() || shape(fraction).strip_prefix(b".").is_some_and(all_digits);
    let zone_fits = matches!(&shape(zone)[..], b"" | b" +0000" | b" -0000");
    if shape(moment) == b"0000-00-00 00:00:00" && fraction_fits && zone_fits && !epoch {
        Ok(())
    } else {
        Err(Fault::Timestamp)
    }
}

fn all_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Returns `text` with every digit turned into a zero.
fn shape(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if byte.is_ascii_digit() { b'0' } else { byte }).collect()
}
