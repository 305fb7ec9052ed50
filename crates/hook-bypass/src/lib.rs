//! Tells lines that go round git's hooks: no verification, another folder of hooks, forced pushes
//! (`+ref` too), also where the words stand in quotes, as in an argument vector.
//!
//! A list of known ways, no proof that there is no other: what is read is text, not its meaning.

use std::sync::LazyLock;

use regex::bytes::Regex;

static WAYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let ways = [
        // Git takes the beginnings of options as well.
        r"--no-veri(?:f|fy)?\b",
        r"\bcommit\b.*[\s'\x22]-[a-zA-Z]*n[a-zA-Z]*(?:[\s'\x22]|$)",
        r"\bpush\b.*[\s'\x22]--(?:force|mi)",
        r"\bsend-pack\b",
        r"\bpush\b.*[\s'\x22]-[a-zA-Z]*f[a-zA-Z]*(?:[\s'\x22]|$)",
        r"\bpush\b.*[\s'\x22]\+[A-Za-z0-9$]",
        r"(?i)-c[\s'\x22,]+core\.hooksPath=",
        r"\bGIT_CONFIG_(?:COUNT|PARAMETERS)\b",
    ];
    Regex::new(&ways.join("|")).ok()
});

/// The lines of a text that go round the hooks: their number, counted from 1, and what they hold. A
/// line that a backslash continues is read as one with the next.
///
/// # Errors
/// That it could not be told, which is a bug here.
pub fn lines(text: &[u8]) -> Result<Vec<(usize, String)>, &'static str> {
    let ways = WAYS.as_ref().ok_or("the pattern does not compile")?;
    let mut found = Vec::new();
    let mut whole = Vec::new();
    let mut first = 1;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if whole.is_empty() {
            first = at + 1;
        }
        if let Some(part) = line.strip_suffix(b"\\") {
            whole.extend_from_slice(part);
            whole.push(b' ');
            continue;
        }
        whole.extend_from_slice(line);
        if ways.is_match(&whole) {
            found.push((first, String::from_utf8_lossy(&whole).trim().to_owned()));
        }
        whole.clear();
    }
    // A text may end in a line that is continued by nothing.
    if ways.is_match(&whole) {
        found.push((first, String::from_utf8_lossy(&whole).trim().to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_way_is_told_and_ordinary_lines_are_not() {
        for (line, is_way) in [
            ("git push --no-verify", true),
            ("git commit -nm x", true),
            ("git push --force-with-lease origin main", true),
            ("git push --mirror", true),
            ("git push --mirr origin", true),
            ("git push --no-veri", true),
            ("git send-pack origin main", true),
            ("git push -uf origin main", true),
            ("git push origin +main", true),
            ("[\"git\", \"push\", \"--force\"]", true),
            ("git -c core.hooksPath=/dev/null push", true),
            ("git -c CORE.HOOKSPATH=x push", true),
            ("GIT_CONFIG_COUNT=1 git push", true),
            ("git push origin main", false),
            ("git commit -m 'push it'", false),
            ("git config core.hooksPath .githooks", false),
            ("rm -f pushed", false),
        ] {
            assert_eq!(!lines(line.as_bytes()).unwrap().is_empty(), is_way, "{line}");
        }
    }

    #[test]
    fn a_line_that_goes_on_is_one_line_and_told_where_it_starts() {
        let told = lines(b"a\ngit push \\\n  --force\nb\n").unwrap();
        assert_eq!(told, [(2, "git push    --force".to_owned())]);
        assert_eq!(lines(b"git push \\\n --force \\").unwrap().len(), 1);
    }
}
