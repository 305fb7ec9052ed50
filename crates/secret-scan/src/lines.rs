//! Where in a text an offset is.

use std::ops::Range;

/// A place in a text that may be read in parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// In bytes, from 1.
    pub(crate) column: usize,
}

impl Place {
    /// The start of a text.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// Returns the place behind `bytes` that start here.
    pub(crate) fn after(self, bytes: &[u8]) -> Self {
        match memchr::memrchr(b'\n', bytes) {
            None => Self { column: self.column + bytes.len(), ..self },
            Some(last) => Self {
                line: self.line + memchr::memchr_iter(b'\n', bytes).count(),
                column: bytes.len() - last,
            },
        }
    }
}

/// The line ends of a text.
pub(crate) struct Lines {
    ends: Vec<usize>,
    length: usize,
    origin: Place,
}

impl Lines {
    pub(crate) fn new(text: &[u8], origin: Place) -> Self {
        Self { ends: memchr::memchr_iter(b'\n', text).collect(), length: text.len(), origin }
    }

    /// Returns the place of an offset.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let before = self.ends.partition_point(|&end| end < offset);
        match before.checked_sub(1).and_then(|last| self.ends.get(last)) {
            None => Place { column: self.origin.column + offset, ..self.origin },
            Some(end) => Place { line: self.origin.line + before, column: offset - end },
        }
    }

    /// Returns the offsets of the whole lines that a part of the text lies in, without the last
    /// line's end.
    pub(crate) fn around(&self, part: &Range<usize>) -> Range<usize> {
        let before = self.ends.partition_point(|&end| end < part.start);
        let start = before.checked_sub(1).and_then(|last| self.ends.get(last));
        let behind = self.ends.partition_point(|&end| end < part.end.max(part.start));
        let end = self.ends.get(behind).copied().unwrap_or(self.length);
        start.map_or(0, |end| end + 1)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told_as_line_and_column() {
        let text = b"ab\n\ncd";
        let lines = Lines::new(text, Place::START);
        for (offset, line, column) in [(0, 1, 1), (2, 1, 3), (3, 2, 1), (4, 3, 1), (6, 3, 3)] {
            assert_eq!(lines.place(offset), Place { line, column }, "{offset}");
            assert_eq!(Place::START.after(&text[..offset]), Place { line, column }, "{offset}");
        }
        assert_eq!(lines.around(&(0..1)), 0..2);
        assert_eq!(lines.around(&(4..5)), 4..6);
        assert_eq!(lines.around(&(1..5)), 0..6);
    }

    #[test]
    fn a_text_read_in_parts_has_the_places_of_the_whole() {
        let text = b"first\nsecond\nthird";
        for cut in 0..text.len() {
            let lines = Lines::new(&text[cut..], Place::START.after(&text[..cut]));
            for offset in cut..text.len() {
                assert_eq!(lines.place(offset - cut), Place::START.after(&text[..offset]));
            }
        }
    }
}
