//! Judges what was found. No input or output here.

use std::path::Path;

use ops_core::host::Entry;

use crate::Source;

/// The usable text of a secret: one trailing newline dropped, no white space or control characters.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it holds white space or control characters");
    }
    Ok(text)
}

/// Whether a secret file may be used by `user`; else why not, and the command that mends it.
pub(crate) fn file(
    about: &Entry,
    folder: Option<&Entry>,
    user: u32,
    source: Source,
    path: &Path,
) -> Result<(), (String, String)> {
    // systemd makes the credentials folder and its modes; only its owner can read it.
    if source == Source::Credential {
        return Ok(());
    }
    let path = path.display();
    if about.owner != 0 && about.owner != user {
        return Err((
            format!("it belongs to user {}, not to root or to this user", about.owner),
            format!("chown root {path}"),
        ));
    }
    if ![0o600, 0o640, 0o400, 0o440].contains(&about.mode) {
        return Err((
            format!("its mode is {:04o}; 0600 or 0640 is wanted", about.mode),
            format!("chmod 0600 {path}"),
        ));
    }
    match folder {
        Some(folder) if folder.mode & 0o002 != 0 => {
            Err(("others may write to its folder".into(), format!("chmod o-w $(dirname {path})")))
        }
        Some(_) => Ok(()),
        None => Err(("its folder cannot be seen".into(), format!("look at {path}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_core::host::Kind;

    fn entry(owner: u32, mode: u32) -> Entry {
        Entry {
            name: "secret".into(),
            kind: Kind::File,
            size: 1,
            modified_ns: 0,
            changed_ns: 0,
            inode: 1,
            mode,
            owner,
            group: 0,
        }
    }

    #[test]
    fn one_newline_is_trimmed_and_any_other_white_space_refused() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"abc", Some("abc")),
            (b"abc\n", Some("abc")),
            (b"abc\n\n", None),
            (b"abc\r\n", None),
            (b" abc", None),
            (b"a\x00c", None),
            (b"\n", None),
            (b"\xff\xfe", None),
        ];
        for (bytes, want) in cases {
            assert_eq!(text(bytes).ok(), want, "{bytes:?}");
        }
    }

    #[test]
    fn owner_mode_and_folder_are_judged() {
        let path = Path::new("/s/secret");
        let safe = entry(0, 0o755);
        let cases = [
            (entry(0, 0o600), &safe, true),
            (entry(7, 0o640), &safe, true),
            (entry(8, 0o600), &safe, false),
            (entry(0, 0o644), &safe, false),
            (entry(0, 0o660), &safe, false),
            (entry(0, 0o600), &entry(0, 0o777), false),
        ];
        for (about, folder, want) in cases {
            let judged = file(&about, Some(folder), 7, Source::File, path);
            assert_eq!(judged.is_ok(), want, "{about:?} in {folder:?}: {judged:?}");
        }
        assert!(file(&entry(0, 0o600), None, 7, Source::File, path).is_err());
        assert!(file(&entry(9, 0o777), None, 7, Source::Credential, path).is_ok());
    }
}
