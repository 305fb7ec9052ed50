//! Shows any bytes as one line of visible text, one-to-one.
//!
//! A character that is not plainly visible is shown as `\u{202e}`, a byte that is no UTF-8 as
//! `\x{e9}`. A backslash of the text's own that would look like the start of one of these is shown
//! as `\u{5c}`; every other one is left alone.

use std::fmt::Write as _;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Appends a line's content, without its line end. Tabs and spaces stay.
pub fn content(out: &mut String, bytes: &[u8]) {
    append(out, bytes, |c| c == '\t');
}

/// Returns a name on one line: tabs, line ends, and blanks at its ends are shown, too.
pub fn name(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let inner = bytes.trim_ascii_start();
    let (head, rest) = bytes.split_at(bytes.len() - inner.len());
    let inner = rest.trim_ascii_end();
    let tail = &rest[inner.len()..];
    let blanks = |out: &mut String, bytes: &[u8]| {
        for &byte in bytes {
            character(out, char::from(byte));
        }
    };
    blanks(&mut out, head);
    append(&mut out, inner, |_| false);
    blanks(&mut out, tail);
    out
}

/// Returns the bytes that are shown so; nothing if no bytes are.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        if !starts_escape(escape.as_bytes()) {
            bytes.push(b'\\');
            rest = &escape[1..];
            continue;
        }
        let (digits, behind) = escape[3..].split_once('}')?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        if escape.as_bytes()[1] == b'u' {
            let mut buffer = [0; 4];
            let character = char::from_u32(value)?;
            bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        } else {
            bytes.push(u8::try_from(value).ok()?);
        }
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Returns whether a text starts as an escape of ours does.
fn starts_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\\', b'u' | b'x', b'{', ..])
}

fn append(out: &mut String, bytes: &[u8], stays: fn(char) -> bool) {
    // Nearly every line of nearly every file.
    if let Ok(text) = std::str::from_utf8(bytes)
        && bytes.iter().all(|&byte| matches!(byte, b' '..=b'[' | b']'..=b'~'))
    {
        out.push_str(text);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        let mut kept = 0;
        for (at, c) in text.char_indices() {
            let shown = match c {
                '\\' => !starts_escape(&text.as_bytes()[at..]),
                ' '..='~' => true,
                c => stays(c) || is_visible(c),
            };
            if !shown {
                out.push_str(&text[kept..at]);
                character(out, c);
                kept = at + c.len_utf8();
            }
        }
        out.push_str(&text[kept..]);
        for byte in chunk.invalid() {
            write!(out, "\\x{{{byte:x}}}").expect("a String takes everything");
        }
    }
}

fn character(out: &mut String, c: char) {
    write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes everything");
}

/// Returns whether a character can be seen for what it is: nothing that controls, orders, joins or
/// separates, no blank but the space, nothing unassigned or private, and nothing that fonts leave out.
pub(crate) fn is_visible(c: char) -> bool {
    use GeneralCategory as Is;
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let hides = matches!(
        get_general_category(c),
        Is::Control
            | Is::Format
            | Is::LineSeparator
            | Is::ParagraphSeparator
            | Is::PrivateUse
            | Is::SpaceSeparator
            | Is::Surrogate
            | Is::Unassigned
    );
    !hides && !IGNORABLE.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// Letters and marks that are drawn as nothing: Unicode's `Default_Ignorable_Code_Point` outside of
/// category Cf, and the blank of Braille.
const IGNORABLE: &[(char, char)] = &[
    ('\u{34f}', '\u{34f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{e0100}', '\u{e01ef}'),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        content(&mut out, bytes);
        out
    }

    #[test]
    fn what_cannot_be_seen_is_shown_and_the_rest_is_left_alone() {
        for (bytes, text) in [
            ("let x = \"a\\n\";\t// ok".as_bytes(), "let x = \"a\\n\";\t// ok"),
            ("größe 漢字 👍".as_bytes(), "größe 漢字 👍"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (
                "a\u{200b}\u{feff}\u{e0041}\u{fe0f}\u{3164}b".as_bytes(),
                "a\\u{200b}\\u{feff}\\u{e0041}\\u{fe0f}\\u{3164}b",
            ),
            ("a\u{a0}b\u{2028}\u{85}".as_bytes(), "a\\u{a0}b\\u{2028}\\u{85}"),
            (b"line\r", "line\\u{d}"),
            (b"\x1b[2K\x00\x7f", "\\u{1b}[2K\\u{0}\\u{7f}"),
            (b"caf\xe9", "caf\\x{e9}"),
            (b"\xed\xa0\x80", "\\x{ed}\\x{a0}\\x{80}"),
            (br"'\u{202e}' \x{e9} \n \\u{0}", r"'\u{5c}u{202e}' \u{5c}x{e9} \n \\u{5c}u{0}"),
        ] {
            assert_eq!(shown(bytes), text);
        }
        for (bytes, text) in [
            (&b"src/main.rs"[..], "src/main.rs"),
            (b" a b ", "\\u{20}a b\\u{20}"),
            (b"a\tb\nc", "a\\u{9}b\\u{a}c"),
            (b"\"quoted\"", "\"quoted\""),
            (b"a\xff", "a\\x{ff}"),
            (b"\t", "\\u{9}"),
            (b"", ""),
        ] {
            assert_eq!(name(bytes), text);
        }
    }

    /// Bytes that are often text, often escapes, and sometimes anything.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            prop::sample::select(vec!["\\", "u{", "x{", "}", "202e", "5c", " ", "\t", "\r", "\n"])
                .prop_map(|text| text.as_bytes().to_vec()),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn showing_is_one_to_one(bytes in bytes()) {
            for text in [shown(&bytes), name(&bytes)] {
                prop_assert_eq!(unescape(&text), Some(bytes.clone()));
            }
            let name = name(&bytes);
            prop_assert_eq!(name.trim(), &name);
            prop_assert!(name.chars().all(is_visible), "{}", name);
            prop_assert!(shown(&bytes).chars().all(|c| c == '\t' || is_visible(c)));
        }
    }
}
