//! Names as git quotes them in diffs (`core.quotePath=true`).

use crate::fault::Fault;

/// The escapes of one letter, and the byte each stands for.
const LETTERS: [(u8, u8); 9] = [
    (b'a', 0x07),
    (b'b', 0x08),
    (b't', b'\t'),
    (b'n', b'\n'),
    (b'v', 0x0b),
    (b'f', 0x0c),
    (b'r', b'\r'),
    (b'"', b'"'),
    (b'\\', b'\\'),
];

/// Returns whether git quotes a name because of this byte, whatever `core.quotePath` says.
pub(crate) fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f || byte == b'"' || byte == b'\\'
}

/// Appends `prefix` and `path`, quoted if git would.
pub(crate) fn quote(out: &mut Vec<u8>, prefix: &str, path: &str) {
    if !path.bytes().any(|byte| is_special(byte) || byte >= 0x80) {
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(path.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    for byte in path.bytes() {
        if let Some((letter, _)) = LETTERS.iter().find(|(_, meant)| *meant == byte) {
            out.extend_from_slice(&[b'\\', *letter]);
        } else if is_special(byte) || byte >= 0x80 {
            let octal = [b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)];
            out.push(b'\\');
            out.extend_from_slice(&octal);
        } else {
            out.push(byte);
        }
    }
    out.push(b'"');
}

/// Returns the name between the quotes `text` starts with, and what follows them.
pub(crate) fn unquote(text: &[u8]) -> Result<(Vec<u8>, &[u8]), Fault> {
    let mut rest = text.strip_prefix(b"\"").ok_or(Fault::Name)?;
    let mut name = Vec::new();
    loop {
        let (byte, after) = match rest {
            [b'"', after @ ..] => return Ok((name, after)),
            [b'\\', high @ b'0'..=b'3', mid @ b'0'..=b'7', low @ b'0'..=b'7', after @ ..] => {
                ((high - b'0') << 6 | (mid - b'0') << 3 | (low - b'0'), after)
            }
            [b'\\', letter, after @ ..] => {
                let known = LETTERS.iter().find(|(name, _)| name == letter);
                (known.ok_or(Fault::Name)?.1, after)
            }
            [byte, after @ ..] if !is_special(*byte) => (*byte, after),
            _ => return Err(Fault::Name),
        };
        name.push(byte);
        rest = after;
    }
}

/// Reads a name in quotes as git writes them, and returns it with what follows the quotes; `None`
/// when the text does not start with a name that is quoted right.
///
/// For readers of diffs that [`parse`](crate::parse) refuses.
pub fn unquoted_name(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    unquote(text).ok()
}
