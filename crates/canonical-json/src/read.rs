//! The reader: bytes to a value, or to the first fault and its place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::fault::{Fault, SyntaxError};
use crate::number;
use crate::value::Value;

/// The deepest nesting `parse` accepts. The outermost array or object is level 1.
pub const MAX_DEPTH: usize = 64;

/// The deepest nesting `parse_with_depth` can be told to accept. Reading, printing and dropping a
/// value all recurse once per level, and the stack of a small thread must hold that.
pub const DEPTH_CEILING: usize = 256;

/// Reads one document: UTF-8 JSON text nested at most `MAX_DEPTH` levels, whitespace around it
/// allowed. Takes time in proportion to its length, but for the sorting of keys.
///
/// The error names the first fault; nothing of a faulty document is returned.
pub fn parse(bytes: &[u8]) -> Result<Value, SyntaxError> {
    parse_with_depth(bytes, MAX_DEPTH)
}

/// Reads one document as `parse` does, nested at most `max_depth` levels. More than
/// `DEPTH_CEILING` counts as `DEPTH_CEILING`; at 0 only a scalar is accepted.
pub fn parse_with_depth(bytes: &[u8], max_depth: usize) -> Result<Value, SyntaxError> {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(SyntaxError { offset: 0, fault: Fault::ByteOrderMark });
    }
    let text = str::from_utf8(bytes)
        .map_err(|error| SyntaxError { offset: error.valid_up_to(), fault: Fault::NotUtf8 })?;
    let mut reader = Reader { text, at: 0, max_depth: max_depth.min(DEPTH_CEILING) };
    let value = reader.value(0)?;
    reader.skip_whitespace();
    if reader.at < text.len() {
        return Err(reader.fault(Fault::TrailingText));
    }
    Ok(value)
}

/// A place in the text. `at` is always on a character boundary.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
}

impl Reader<'_> {
    /// Reads a value that stands inside `depth` arrays and objects.
    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.enter(depth)?;
        let mut members = BTreeMap::new();
        if self.next_is(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_whitespace();
            let key_at = self.at;
            let key = self.string()?;
            let Entry::Vacant(place) = members.entry(key) else {
                return Err(SyntaxError { offset: key_at, fault: Fault::DuplicateKey });
            };
            if !self.next_is(b':') {
                return Err(self.unexpected());
            }
            place.insert(self.value(depth)?);
            if self.next_is(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.next_is(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.enter(depth)?;
        let mut items = Vec::new();
        if self.next_is(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.next_is(b']') {
                return Ok(Value::Array(items));
            }
            if !self.next_is(b',') {
                return Err(self.unexpected());
            }
        }
    }

    /// Steps over the opening bracket of level `depth`.
    fn enter(&mut self, depth: usize) -> Result<(), SyntaxError> {
        if depth > self.max_depth {
            return Err(self.fault(Fault::TooDeep(self.max_depth)));
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let (value, length) = number::read(&self.text[self.at..])
            .map_err(|(before, fault)| SyntaxError { offset: self.at + before, fault })?;
        self.at += length;
        Ok(value)
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let rest = &self.text[self.at..];
        for (word, value) in
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        if rest.starts_with("NaN") || rest.starts_with("Infinity") {
            return Err(self.fault(Fault::NotFinite));
        }
        Err(self.unexpected())
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain =
                rest.bytes().take_while(|byte| !matches!(byte, b'"' | b'\\' | ..b' ')).count();
            string.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(control) => return Err(self.fault(Fault::ControlCharacter(control.into()))),
                None => return Err(self.fault(Fault::UnexpectedEnd)),
            }
        }
    }

    /// Reads one escape, or the two that make a surrogate pair. A fault is placed at its backslash.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let plain = match self.text.as_bytes().get(self.at + 1) {
            Some(b'u') => return self.unicode_escape(),
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(*same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.fault(Fault::BadEscape)),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        let first = self.code_unit(self.at).ok_or(self.fault(Fault::BadEscape))?;
        let (units, length) = match self.code_unit(self.at + 6) {
            Some(second @ 0xdc00..=0xdfff) if (0xd800..=0xdbff).contains(&first) => {
                ([first, second], 12)
            }
            _ => ([first, 0], 6),
        };
        // With no second half the zero is a character of its own, which is not looked at.
        let Some(Ok(character)) = char::decode_utf16(units).next() else {
            return Err(self.fault(Fault::LoneSurrogate));
        };
        self.at += length;
        Ok(character)
    }

    /// Returns the number in the `\uXXXX` at `at`, if that is there.
    fn code_unit(&self, at: usize) -> Option<u16> {
        let hex = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        // from_str_radix alone would take a plus sign.
        hex.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
        u16::from_str_radix(hex, 16).ok()
    }

    /// Skips whitespace and then `wanted`. Returns whether it was there.
    fn next_is(&mut self, wanted: u8) -> bool {
        self.skip_whitespace();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> SyntaxError {
        self.fault(match self.text[self.at..].chars().next() {
            Some(found) => Fault::Unexpected(found),
            None => Fault::UnexpectedEnd,
        })
    }

    fn fault(&self, fault: Fault) -> SyntaxError {
        SyntaxError { offset: self.at, fault }
    }
}
