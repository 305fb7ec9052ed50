//! What bytes are text.

/// One control character in so many bytes makes a content binary.
const RARE: usize = 32;

/// Returns whether a content is shown by size and hash only.
///
/// It is when more than one byte in 32 is a control character that no text uses, NUL among them:
/// pictures, archives, programs and UTF-16 are far above. Text in whatever encoding has none, and
/// is shown with escapes; so is a script into which somebody put a NUL so that tools would call it
/// binary and hide it.
pub fn is_binary(bytes: &[u8]) -> bool {
    // Backspace, tab, line feed, vertical tab, form feed, carriage return and escape are text's own.
    let is_control = |byte: &&u8| matches!(**byte, 0..=7 | 14..=26 | 28..=31 | 127);
    bytes.iter().filter(is_control).count() > bytes.len() / RARE
}
