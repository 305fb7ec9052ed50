//! Judges what was found. No input or output here.

use std::path::Path;

use ops_core::host::Entry;

use crate::{Format, Source};

/// The usable text of a secret: one trailing newline dropped, no white space or control characters
/// but the line ends of a PEM text, which keeps its last one.
pub(crate) fn text(bytes: &[u8], format: Format) -> Result<&str, &'static str> {
    let whole = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    let text = whole.strip_suffix('\n').unwrap_or(whole);
    if text.is_empty() {
        return Err("it is empty");
    }
    if format == Format::Pem {
        let shown = |c: char| c == '\n' || c == ' ' || !(c.is_whitespace() || c.is_control());
        return if !whole.chars().all(shown) {
            Err("it holds control characters")
        } else if whole.starts_with("-----BEGIN ") {
            Ok(whole)
        } else {
            Err("it does not begin with -----BEGIN")
        };
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it holds white space or control characters");
    }
    Ok(text)
}

/// Who asks: what a secret file's owner and group are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// Numeric user.
    pub(crate) user: u32,
    /// The policy's group, if this machine has it.
    pub(crate) group: Option<u32>,
}

/// Whether a secret file may be used; else why not, and the command that mends it.
pub(crate) fn file(
    about: &Entry,
    folder: &Entry,
    reader: Reader,
    source: Source,
    path: &Path,
) -> Result<(), (String, String)> {
    // systemd makes the credentials folder and its modes; only its owner can read it.
    if source == Source::Credential {
        return Ok(());
    }
    let around = path.parent().unwrap_or(Path::new("/")).display();
    let path = path.display();
    let stranger = |owner: u32| owner != 0 && owner != reader.user;
    if stranger(folder.owner) {
        return Err((
            format!("its folder belongs to user {}, not to root or to this user", folder.owner),
            format!("chown root {around}"),
        ));
    }
    if folder.mode & 0o022 != 0 {
        return Err((
            format!("others may write to its folder (mode {:04o})", folder.mode),
            format!("chmod go-w {around}"),
        ));
    }
    if stranger(about.owner) {
        return Err((
            format!("it belongs to user {}, not to root or to this user", about.owner),
            format!("chown root {path}"),
        ));
    }
    if about.mode & !0o640 != 0 {
        return Err((
            format!("its mode is {:04o}; 0600 or 0640 is wanted", about.mode),
            format!("chmod 0600 {path}"),
        ));
    }
    if about.mode & 0o040 != 0 && Some(about.group) != reader.group {
        return Err((
            format!(
                "its mode is {:04o} and its group {} is not the policy's",
                about.mode, about.group
            ),
            format!("chmod 0600 {path}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_core::host::Kind;

    fn entry(owner: u32, group: u32, mode: u32) -> Entry {
        Entry {
            name: "secret".into(),
            kind: Kind::File,
            size: 1,
            modified_ns: 0,
            changed_ns: 0,
            inode: 1,
            mode,
            owner,
            group,
        }
    }

    #[test]
    fn one_newline_is_trimmed_and_any_other_white_space_refused() {
        let cases: [(&[u8], Option<&str>); 9] = [
            (b"abc", Some("abc")),
            (b"abc\n", Some("abc")),
            (b"abc\n\n", None),
            (b"abc\r\n", None),
            (b" abc", None),
            (b"a\x00c", None),
            (b"\n", None),
            (b"\xff\xfe", None),
            ("a\u{2028}c".as_bytes(), None),
        ];
        for (bytes, want) in cases {
            assert_eq!(text(bytes, Format::Token).ok(), want, "{bytes:?}");
        }
    }

    #[test]
    fn a_pem_text_keeps_its_lines_and_nothing_else_passes_as_one() {
        let pem = b"-----BEGIN X-----\nabc\n-----END X-----\n";
        assert_eq!(text(pem, Format::Pem).unwrap().as_bytes(), pem);
        assert!(text(pem, Format::Token).is_err());
        let cases: [&[u8]; 4] = [b"abc\n", b"", b"-----BEGIN X\x1b[0m\n", b"-----BEGIN X\r\n"];
        for bytes in cases {
            assert!(text(bytes, Format::Pem).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn owner_mode_group_and_folder_are_judged() {
        let path = Path::new("/s/secret");
        let safe = entry(0, 0, 0o755);
        let reader = Reader { user: 7, group: Some(50) };
        let cases = [
            (entry(0, 0, 0o600), safe.clone(), true),
            (entry(0, 0, 0o400), safe.clone(), true),
            (entry(7, 50, 0o640), entry(7, 0, 0o700), true),
            (entry(7, 50, 0o440), safe.clone(), true),
            (entry(7, 51, 0o640), safe.clone(), false),
            (entry(8, 0, 0o600), safe.clone(), false),
            (entry(0, 0, 0o644), safe.clone(), false),
            (entry(0, 50, 0o660), safe.clone(), false),
            (entry(0, 0, 0o700), safe.clone(), false),
            (entry(0, 0, 0o4600), safe, false),
            (entry(0, 0, 0o600), entry(0, 0, 0o777), false),
            (entry(0, 0, 0o600), entry(0, 50, 0o770), false),
            (entry(0, 0, 0o600), entry(8, 0, 0o755), false),
        ];
        for (about, folder, want) in cases {
            let judged = file(&about, &folder, reader, Source::File, path);
            assert_eq!(judged.is_ok(), want, "{about:?} in {folder:?}: {judged:?}");
        }
        let nobody = Reader { user: 7, group: None };
        let shared = entry(0, 0, 0o640);
        assert!(file(&shared, &entry(0, 0, 0o755), nobody, Source::File, path).is_err());
        let open = entry(9, 9, 0o777);
        assert!(file(&open, &open, reader, Source::Credential, path).is_ok());
    }
}
