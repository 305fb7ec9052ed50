//! A text as it stands, and with its escapes undone, each with the way back.

use std::borrow::Cow;
use std::ops::Range;

/// How deep escapes are undone: JSON in a string of JSON, or a quoted string in one.
const DEEPEST: usize = 3;

/// A text with some escapes undone.
pub(super) struct View<'a> {
    text: Cow<'a, [u8]>,
    /// For each way that escapes were undone, the outermost first, where they were.
    steps: Vec<Vec<Escape>>,
}

/// An escape: what it stands for in the text made from the source, and where it is in the source.
#[derive(Clone)]
struct Escape {
    made: Range<usize>,
    source: Range<usize>,
}

impl<'a> View<'a> {
    /// Returns every view of a text: as it is, percent escapes undone, backslash escapes undone once
    /// and more often. Views in which nothing was undone are left out.
    pub(super) fn all(source: &'a [u8]) -> Vec<Self> {
        let plain = View { text: Cow::Borrowed(source), steps: vec![] };
        let percent = plain.undone(b'%', percent);
        let mut views = vec![plain];
        for depth in 0..DEEPEST {
            let Some(deeper) = views[depth].undone(b'\\', backslash) else { break };
            views.push(deeper);
        }
        views.extend(percent);
        views
    }

    /// The text of the view.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns the part of the source that a part of the view was made from.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        self.steps.iter().rev().fold(part, |part, step| back(step, &part))
    }

    /// Undoes the escapes that start with `mark`; `escape` reads one and returns its length.
    fn undone(
        &self,
        mark: u8,
        escape: fn(&[u8], &mut Vec<u8>) -> Option<usize>,
    ) -> Option<View<'a>> {
        let text = self.text();
        let mut made = Vec::new();
        let mut escapes = Vec::new();
        let (mut done, mut from) = (0, 0);
        while let Some(at) = text.get(from..).and_then(|rest| memchr::memchr(mark, rest)) {
            let at = from + at;
            let before = made.len();
            made.extend_from_slice(&text[done..at]);
            let start = made.len();
            if let Some(length) = escape(&text[at..], &mut made) {
                escapes.push(Escape { made: start..made.len(), source: at..at + length });
                done = at + length;
                from = done;
            } else {
                made.truncate(before);
                from = at + 1;
            }
        }
        if escapes.is_empty() {
            return None;
        }
        made.extend_from_slice(&text[done..]);
        let mut steps = self.steps.clone();
        steps.push(escapes);
        Some(View { text: Cow::Owned(made), steps })
    }
}

/// Leads a part back through one step; a part of an escape stands for the whole of it.
fn back(step: &[Escape], part: &Range<usize>) -> Range<usize> {
    let lead = |at: usize, is_end: bool| {
        let before = step.partition_point(|escape| escape.made.end <= at);
        let shifted = before.checked_sub(1).map_or(at, |last| {
            let escape = &step[last];
            escape.source.end + (at - escape.made.end)
        });
        match step.get(before) {
            Some(escape) if escape.made.start < at && is_end => escape.source.end,
            Some(escape) if escape.made.start < at => escape.source.start,
            _ => shifted,
        }
    };
    lead(part.start, false)..lead(part.end, true)
}

/// Reads `%41`.
fn percent(text: &[u8], made: &mut Vec<u8>) -> Option<usize> {
    let byte = digits(text.get(1..3)?)?;
    made.push(u8::try_from(byte).ok()?);
    Some(3)
}

/// Reads an escape of JSON, and of quoted strings in Rust, C and Python.
fn backslash(text: &[u8], made: &mut Vec<u8>) -> Option<usize> {
    let byte = match text.get(1)? {
        letter @ (b'"' | b'\'' | b'\\' | b'/') => *letter,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'0' => 0,
        b'x' => {
            made.push(u8::try_from(digits(text.get(2..4)?)?).ok()?);
            return Some(4);
        }
        b'u' => return unicode(text, made),
        _ => return None,
    };
    made.push(byte);
    Some(2)
}

/// Reads `\u0041`, a pair of surrogates, or `\u{41}`.
fn unicode(text: &[u8], made: &mut Vec<u8>) -> Option<usize> {
    let (code, length) = if text.get(2) == Some(&b'{') {
        let end = text.iter().take(10).position(|&byte| byte == b'}')?;
        (digits(text.get(3..end)?)?, end + 1)
    } else {
        let high = digits(text.get(2..6)?)?;
        let low = text.get(6..8).filter(|it| *it == b"\\u").and_then(|_| digits(text.get(8..12)?));
        match low {
            Some(low) if (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low) => {
                (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12)
            }
            _ => (high, 6),
        }
    };
    let mut buffer = [0; 4];
    made.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
    Some(length)
}

/// Reads hexadecimal digits.
fn digits(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_undone_and_lead_back() {
        for (text, want) in [
            ("a%41b", vec!["a%41b", "aAb"]),
            ("100% sure", vec!["100% sure"]),
            ("%zz%4", vec!["%zz%4"]),
            (r"a\nb", vec![r"a\nb", "a\nb"]),
            (r#"\\\"x"#, vec![r#"\\\"x"#, r#"\"x"#, "\"x"]),
            (r"\u00e9\u{e9}\x41\d", vec![r"\u00e9\u{e9}\x41\d", r"ééA\d"]),
            (r"\ud83d\ude00 \ud83d", vec![r"\ud83d\ude00 \ud83d", r"😀 \ud83d"]),
            (r"\", vec![r"\"]),
        ] {
            let views = View::all(text.as_bytes());
            let texts: Vec<_> = views.iter().map(|it| String::from_utf8_lossy(it.text())).collect();
            assert_eq!(texts, want, "{text}");
            for view in views {
                assert_eq!(view.source(0..view.text().len()), 0..text.len());
            }
        }
        let view = &View::all(br"ab\u00e9cd")[1];
        for (part, source) in [(0..2, 0..2), (2..3, 2..8), (3..4, 2..8), (4..5, 8..9), (1..5, 1..9)]
        {
            assert_eq!(view.source(part.clone()), source, "{part:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_undone_leads_back_into_the_text(text in r#"[ab%4"\\un0{}]{0,40}"#) {
            for view in View::all(text.as_bytes()) {
                let length = view.text().len();
                for start in 0..=length {
                    let source = view.source(start..length);
                    prop_assert!(source.start <= source.end && source.end == text.len());
                }
            }
        }
    }
}
