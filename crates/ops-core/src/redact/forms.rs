//! The forms in which a secret leaks: as it is, base64, hexadecimal.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The fewest characters a secret must have to be masked inside a word.
const INSIDE_WORDS_FROM: usize = 6;

/// The fewest characters a line of a secret of several lines must have to be one by itself.
const LINE_FROM: usize = 20;

/// The shortest base64 that is searched for, characters: 36 bits, which no text has by chance.
const BASE64_FROM: usize = 6;

/// The shortest hexadecimal that is searched for, digits: 32 bits.
const HEX_FROM: usize = 8;

/// One form of a secret.
pub(super) struct Form {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) edges: Edges,
}

/// What must or may stand around an occurrence of a form.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edges {
    /// Anything.
    Any,
    /// No letter, digit or underscore.
    Word,
    /// Anything, and a character of base64 at a ragged end also carries bits of the secret.
    Base64 { ragged_start: bool, ragged_end: bool },
}

/// Returns every form of a secret that is searched for.
pub(super) fn of(secret: &str) -> Vec<Form> {
    let lines = secret.lines().map(str::trim).filter(|line| {
        line.chars().count() >= LINE_FROM && !line.starts_with("-----") && *line != secret
    });
    let mut forms = Vec::new();
    for part in std::iter::once(secret).chain(lines) {
        plain(part, &mut forms);
        base64(part.as_bytes(), &mut forms);
        hex(part.as_bytes(), &mut forms);
    }
    forms
}

fn plain(part: &str, forms: &mut Vec<Form>) {
    let is_long = part.chars().count() >= INSIDE_WORDS_FROM;
    let edges = if is_long { Edges::Any } else { Edges::Word };
    forms.push(Form { bytes: Zeroizing::new(part.as_bytes().to_vec()), edges });
    // A form of the web writes a blank as a plus; everything else it escapes, which a view undoes.
    if part.contains(' ') {
        let bytes = Zeroizing::new(part.replace(' ', "+").into_bytes());
        forms.push(Form { bytes, edges });
    }
}

/// Base64 of a part at each of the three places it can have in a longer text that is encoded, cut
/// down to the characters that depend on nothing else; the ragged ends are found by [`Edges`].
fn base64(part: &[u8], forms: &mut Vec<Form>) {
    for (before, first) in [(0, 0), (1, 2), (2, 3)] {
        let mut padded = Zeroizing::new(Vec::with_capacity(before + part.len()));
        padded.resize(before, 0);
        padded.extend_from_slice(part);
        let bits = padded.len() * 8;
        let whole = bits / 6;
        if whole < first + BASE64_FROM {
            continue;
        }
        let edges = Edges::Base64 { ragged_start: before > 0, ragged_end: bits % 6 > 0 };
        let encoded = [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD]
            .map(|alphabet| Zeroizing::new(alphabet.encode(&*padded)));
        let cores = encoded.each_ref().map(|text| &text.as_bytes()[first..whole]);
        let differ = cores[0] != cores[1];
        for core in cores.into_iter().take(1 + usize::from(differ)) {
            forms.push(Form { bytes: Zeroizing::new(core.to_vec()), edges });
        }
    }
}

fn hex(part: &[u8], forms: &mut Vec<Form>) {
    if part.len() * 2 < HEX_FROM {
        return;
    }
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        let digit = |half: u8| digits[usize::from(half)];
        let bytes = part.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        forms.push(Form { bytes: Zeroizing::new(bytes.collect()), edges: Edges::Any });
    }
}

impl Edges {
    /// Returns how much of the text an occurrence takes, or that it does not count.
    pub(super) fn judge(self, text: &[u8], found: Range<usize>) -> Option<Range<usize>> {
        let Range { mut start, mut end } = found;
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(end);
        match self {
            Self::Any => {}
            Self::Word => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                if before.is_some_and(is_word) || after.is_some_and(is_word) {
                    return None;
                }
            }
            Self::Base64 { ragged_start, ragged_end } => {
                let carries = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
                start -= usize::from(ragged_start && before.is_some_and(carries));
                end += usize::from(ragged_end && after.is_some_and(carries));
            }
        }
        Some(start..end)
    }
}
