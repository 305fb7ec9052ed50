//! Names that anybody may have chosen, as text.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as text; bytes that are no text, control characters and backslashes as `\xNN`.
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\\' {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _infallible = write!(text, "\\x{byte:02x}");
                }
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _infallible = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_path_is_shown_so_that_no_two_look_the_same() {
        for (path, want) in [
            (&b"a/b c"[..], "a/b c"),
            (b"\xff", "\\xff"),
            (b"\\xff", "\\x5cxff"),
            (b"a\nb", "a\\x0ab"),
            ("ä".as_bytes(), "ä"),
        ] {
            assert_eq!(shown(Path::new(OsStr::from_bytes(path))), want);
        }
    }
}
