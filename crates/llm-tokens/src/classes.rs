//! What kind of character stands where: the classes that the vocabularies' patterns name.

/// `\p{L}`
pub(crate) const LETTER: u8 = 1;
/// `\p{N}`
pub(crate) const NUMBER: u8 = 2;
/// `\s`
pub(crate) const SPACE: u8 = 4;
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: what can begin a word.
pub(crate) const UPPER: u8 = 8;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: what can end one.
pub(crate) const LOWER: u8 = 16;

const INDEX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.index"));
const BLOCKS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.blocks"));

/// A text that is looked at character by character, by byte offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

/// One character's classes and its length in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) classes: u8,
    pub(crate) length: usize,
}

impl Seen {
    pub(crate) fn is(self, classes: u8) -> bool {
        self.classes & classes != 0
    }
}

impl Text<'_> {
    /// The character at an offset, which must be a boundary; `None` at the end.
    pub(crate) fn seen(&self, at: usize) -> Option<Seen> {
        let byte = self.byte(at)?;
        if byte < 0x80 {
            return Some(Seen { classes: *BLOCKS.get(usize::from(byte))?, length: 1 });
        }
        let character = self.0.get(at..)?.chars().next()?;
        let code = usize::try_from(u32::from(character)).ok()?;
        let block = usize::from(*INDEX.get(code >> 8)?);
        let classes = *BLOCKS.get(block << 8 | code & 0xff)?;
        Some(Seen { classes, length: character.len_utf8() })
    }

    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.0.as_bytes().get(at).copied()
    }

    /// Whether a carriage return or a line feed stands there.
    pub(crate) fn is_line_end(&self, at: usize) -> bool {
        matches!(self.byte(at), Some(b'\r' | b'\n'))
    }

    /// The end of the run of these classes that begins at an offset.
    pub(crate) fn run(&self, mut at: usize, classes: u8) -> usize {
        while let Some(seen) = self.seen(at).filter(|seen| seen.is(classes)) {
            at += seen.length;
        }
        at
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`, in any case, that begins there.
    pub(crate) fn contraction(&self, at: usize) -> Option<usize> {
        if self.byte(at)? != b'\'' {
            return None;
        }
        let next = self.byte(at + 1)?;
        match (next.to_ascii_lowercase(), self.byte(at + 2).map(|it| it.to_ascii_lowercase())) {
            (b's' | b't' | b'm' | b'd', _) => Some(at + 2),
            // The last is the long s (C5 BF), which is an s where case does not count.
            (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) | (0xc5, Some(0xbf)) => Some(at + 3),
            _ => None,
        }
    }

    /// The end of white space that begins there, as all vocabularies cut it: up to its last line
    /// end, if it has one; else all but its last character, which goes with what follows; else
    /// that character. `None` where none begins.
    pub(crate) fn space(&self, at: usize) -> Option<usize> {
        let (mut end, mut last, mut line_end) = (at, at, None);
        while let Some(seen) = self.seen(end).filter(|seen| seen.is(SPACE)) {
            last = end;
            end += seen.length;
            if self.is_line_end(last) {
                line_end = Some(end);
            }
        }
        if end == at {
            return None;
        }
        let is_last = end == self.0.len() || last == at;
        Some(line_end.unwrap_or(if is_last { end } else { last }))
    }

    /// The end of one to three digits.
    pub(crate) fn digits(&self, at: usize) -> usize {
        let mut end = at;
        for _ in 0..3 {
            match self.seen(end).filter(|seen| seen.is(NUMBER)) {
                Some(seen) => end += seen.length,
                None => break,
            }
        }
        end
    }

    /// The end of signs, with a space before them if there is one; `None` where none are.
    pub(crate) fn signs(&self, at: usize) -> Option<usize> {
        let start = if self.byte(at) == Some(b' ') { at + 1 } else { at };
        let mut end = start;
        while let Some(seen) = self.seen(end).filter(|seen| !seen.is(LETTER | NUMBER | SPACE)) {
            end += seen.length;
        }
        (end > start).then_some(end)
    }
}
