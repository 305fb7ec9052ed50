//! Characters that change what a reader sees without being seen.

/// Marks and letters that are drawn as nothing, and those that reorder: what a text needs none of.
const HIDDEN: &[(u32, u32)] = &[
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff9, 0xfffb),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

/// Returns whether a character is drawn as nothing or reorders others.
pub(crate) fn is_hidden(c: char) -> bool {
    let point = u32::from(c);
    point >= 0xad && HIDDEN.iter().any(|&(first, last)| (first..=last).contains(&point))
}

/// Returns the first hidden character of a text that has no business there. An emoji's joiner and
/// its variation selector have, right behind the emoji, and so has a byte order mark at the start of
/// a file.
pub(crate) fn first_hidden(text: &str, starts_file: bool) -> Option<char> {
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let dresses = matches!(c, '\u{200d}' | '\u{fe0f}') && before.is_some_and(is_pictured);
        let is_mark = c == '\u{feff}' && at == 0 && starts_file;
        if is_hidden(c) && !dresses && !is_mark {
            return Some(c);
        }
        before = Some(if dresses && c == '\u{fe0f}' { before.unwrap_or(c) } else { c });
    }
    None
}

/// Returns whether a character is a picture or a symbol that can be one.
fn is_pictured(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x27bf | 0x2900..=0x2bff | 0x1f000..=0x1faff | 0x203c | 0x2049)
}

/// Appends a text without its hidden characters and without what is no UTF-8.
pub(crate) fn strip(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_ascii() {
        out.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        let mut buffer = [0; 4];
        for c in chunk.valid().chars().filter(|&c| !is_hidden(c)) {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
}
