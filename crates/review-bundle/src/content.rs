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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_encoding_is_text_and_a_nul_hides_nothing() {
        let script = "#!/bin/sh\nrm -rf /\n".repeat(4);
        let koi8: Vec<u8> = (0xc0..=0xff).cycle().take(400).collect();
        let any: Vec<u8> = (0..=255).cycle().take(4096).collect();
        let utf16: Vec<u8> = "plain words".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_nul = |count: usize| [script.as_bytes(), &vec![0; count]].concat();
        for (what, bytes, binary) in [
            ("empty", Vec::new(), false),
            ("script", script.clone().into_bytes(), false),
            ("a script with one NUL", with_nul(1), false),
            ("a script with two", with_nul(2), false),
            ("mostly NUL", with_nul(50), true),
            ("KOI8-R", koi8, false),
            ("any byte as often", any, true),
            ("UTF-16", utf16, true),
            ("one NUL", vec![0], true),
            ("colours", b"\x1b[31mred\x1b[0m\r\n\x0c".to_vec(), false),
        ] {
            assert_eq!(is_binary(&bytes), binary, "{what}");
        }
    }
}
