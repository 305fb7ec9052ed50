//! Why a document was refused, and where.

use std::error::Error;
use std::fmt;

/// A document was refused. Carries no text of the document but one character, so it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where the fault is, in bytes from the start of the document.
    pub offset: usize,
    /// What the fault is.
    pub fault: Fault,
}

/// What is wrong with a refused document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The document is not UTF-8. The offset is that of the first bad byte.
    NotUtf8,
    /// The document starts with a byte order mark.
    ByteOrderMark,
    /// The document stops inside a value, or holds none.
    UnexpectedEnd,
    /// This character cannot stand here.
    Unexpected(char),
    /// Something other than whitespace follows the value.
    TrailingText,
    /// A number starts with a zero it does not need.
    LeadingZero,
    /// `NaN`, `Infinity` or `-Infinity`, which Python reads and JSON does not have.
    NotFinite,
    /// A float is too large for 64 bits, where Python would read infinity.
    FloatOverflow,
    /// A character below U+0020 stands unescaped in a string.
    ControlCharacter(char),
    /// A backslash is followed by something that is no escape.
    BadEscape,
    /// A `\u` escape names one half of a surrogate pair and the other half is missing.
    LoneSurrogate,
    /// An object has this key already, perhaps spelled with other escapes.
    DuplicateKey,
    /// Arrays and objects are nested deeper than this many levels.
    TooDeep(usize),
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.offset)
    }
}

impl Error for SyntaxError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::ByteOrderMark => f.write_str("byte order mark"),
            Self::UnexpectedEnd => f.write_str("unexpected end of the document"),
            Self::Unexpected(found) => write!(f, "unexpected {found:?}"),
            Self::TrailingText => f.write_str("text after the end of the value"),
            Self::LeadingZero => f.write_str("number with a leading zero"),
            Self::NotFinite => f.write_str("NaN or Infinity, which JSON does not have,"),
            Self::FloatOverflow => f.write_str("float beyond the 64-bit range"),
            Self::ControlCharacter(found) => {
                write!(f, "unescaped control character U+{:04X}", u32::from(*found))
            }
            Self::BadEscape => f.write_str("unknown or incomplete escape"),
            Self::LoneSurrogate => f.write_str("half a surrogate pair"),
            Self::DuplicateKey => f.write_str("duplicate key"),
            Self::TooDeep(max) => write!(f, "nesting deeper than {max} levels"),
        }
    }
}
