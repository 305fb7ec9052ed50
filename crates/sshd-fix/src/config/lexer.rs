//! One line of `sshd_config`, taken apart exactly as OpenSSH does (`strdelim` for the keyword,
//! `argv_split` for the arguments, both in its misc.c), so that no spelling is missed.
//!
//! Lines keep their bytes: joined again they are the file.

/// What may stand between words.
const SPACE: &[u8] = b" \t\r\n";

/// One line, with its line ending.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line<'a> {
    /// The bytes as they are in the file, line feed included where there is one.
    pub raw: &'a [u8],
    /// What sshd makes of it.
    pub meaning: Meaning,
}

/// What sshd makes of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// Blank, a comment, or so malformed that sshd skips it without a word.
    Nothing,
    /// A keyword with what follows it.
    Directive {
        /// In lower case; bytes, since nothing keeps a file from holding others than text.
        keyword: Vec<u8>,
        /// The words behind it without quotes, escapes and comment; `None` when a quote is left
        /// open, which makes sshd refuse the file.
        args: Option<Vec<Vec<u8>>>,
    },
}

impl Meaning {
    /// Whether this is a directive of that name, given in lower case.
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Directive { keyword, .. } if keyword == name.as_bytes())
    }
}

/// Takes a file apart. sshd ends lines at line feeds only.
pub fn lines(bytes: &[u8]) -> Vec<Line<'_>> {
    let ended = bytes.split_inclusive(|&byte| byte == b'\n');
    ended.map(|raw| Line { raw, meaning: meaning(raw) }).collect()
}

fn meaning(raw: &[u8]) -> Meaning {
    let text = raw.strip_suffix(b"\n").unwrap_or(raw);
    let start = text.iter().position(|byte| !b" \t\r".contains(byte)).unwrap_or(text.len());
    let mut text = text.get(start..).unwrap_or_default();
    // A form feed counts as blank at the end of a line only; the first byte always stays.
    while let [_, .., last] = text {
        if !SPACE.contains(last) && *last != b'\x0c' {
            break;
        }
        text = text.get(..text.len() - 1).unwrap_or_default();
    }
    let Some((mut keyword, mut rest)) = first_word(text) else { return Meaning::Nothing };
    if keyword.is_empty() {
        let Some(again) = rest.and_then(first_word) else { return Meaning::Nothing };
        (keyword, rest) = again;
    }
    if keyword.is_empty() || keyword.starts_with(b"#") {
        return Meaning::Nothing;
    }
    keyword.make_ascii_lowercase();
    Meaning::Directive { keyword, args: words(rest.unwrap_or_default()) }
}

/// A word and what follows it, if anything does.
type Word<'a> = (Vec<u8>, Option<&'a [u8]>);

/// The first word up to a blank, a quoted part or one `=`, and what follows; `None` where a quote
/// is left open. A word may begin bare and end quoted.
fn first_word(text: &[u8]) -> Option<Word<'_>> {
    let is_end = |byte: &u8| SPACE.contains(byte) || matches!(byte, b'"' | b'=');
    let Some(end) = text.iter().position(is_end) else { return Some((text.to_vec(), None)) };
    let (word, rest) = text.split_at(end);
    let (delimiter, rest) = rest.split_first()?;
    if *delimiter == b'"' {
        let close = rest.iter().position(|byte| *byte == b'"')?;
        let (quoted, rest) = rest.split_at(close);
        return Some(([word, quoted].concat(), Some(skip_space(rest.get(1..)?))));
    }
    let rest = skip_space(rest);
    let rest = match rest.split_first() {
        Some((b'=', behind)) if *delimiter != b'=' => skip_space(behind),
        _ => rest,
    };
    Some((word.to_vec(), Some(rest)))
}

fn skip_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !SPACE.contains(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// The words of a text: blanks part them, both kinds of quotes hold them together, a backslash
/// escapes quotes, itself and (outside quotes) a blank, and a `#` that begins a word ends all.
/// `None` where a quote is left open.
fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    while let Some(first) = bytes.peek().copied() {
        if matches!(first, b' ' | b'\t') {
            bytes.next();
            continue;
        }
        if first == b'#' {
            break;
        }
        let mut word = Vec::new();
        let mut quote = None;
        while let Some(byte) = bytes.next() {
            match (byte, quote) {
                (b'\\', _) => {
                    let escaped = bytes.next_if(|next| {
                        matches!(next, b'\'' | b'"' | b'\\') || (quote.is_none() && *next == b' ')
                    });
                    word.push(escaped.unwrap_or(b'\\'));
                }
                (b' ' | b'\t', None) => break,
                (b'"' | b'\'', None) => quote = Some(byte),
                (_, Some(open)) if byte == open => quote = None,
                _ => word.push(byte),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push(word);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &[u8]) -> String {
        match meaning(line) {
            Meaning::Nothing => "-".into(),
            Meaning::Directive { keyword, args } => {
                let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
                let args = args.map(|args| args.iter().map(text).collect::<Vec<_>>());
                format!("{} {}", text(&keyword), args.map_or("open".into(), |it| it.join("|")))
            }
        }
    }

    #[test]
    fn every_spelling_that_sshd_accepts_is_understood() {
        for (line, want) in [
            ("ListenAddress 0.0.0.0", "listenaddress 0.0.0.0"),
            ("ListenAddress=0.0.0.0", "listenaddress 0.0.0.0"),
            ("ListenAddress = 0.0.0.0\r\n", "listenaddress 0.0.0.0"),
            ("\t \tLISTENADDRESS\t0x0 # all of it", "listenaddress 0x0"),
            ("\"ListenAddress\" \"::\"", "listenaddress ::"),
            ("Listen\"Address\" '0'", "listenaddress 0"),
            ("=ListenAddress x", "listenaddress x"),
            ("\"\"ListenAddress x", "listenaddress x"),
            ("ListenAddress \"a b\" c\\ d e\\\"f", "listenaddress a b|c d|e\"f"),
            ("ListenAddress x rdomain y#z", "listenaddress x|rdomain|y#z"),
            ("ListenAddress x\x0c", "listenaddress x"),
            ("ListenAddress \"x", "listenaddress open"),
            ("ListenAddress", "listenaddress "),
            ("# ListenAddress x", "-"),
            ("#ListenAddress x", "-"),
            ("\"ListenAddress x", "-"),
            ("", "-"),
            (" \r\n", "-"),
            ("= = x", "-"),
        ] {
            assert_eq!(told(line.as_bytes()), want, "{line:?}");
        }
        assert_eq!(told(b"\xff\xfe x"), "\u{fffd}\u{fffd} x");
    }

    proptest::proptest! {
        #[test]
        fn lines_joined_again_are_the_file(bytes in proptest::collection::vec(0_u8.., 0..400)) {
            let joined: Vec<u8> = lines(&bytes).iter().flat_map(|line| line.raw).copied().collect();
            proptest::prop_assert_eq!(joined, bytes);
        }
    }
}
