//! The command line that a service runs, variables put in. What cannot be read with certainty is
//! refused, not guessed.

use std::collections::BTreeMap;
use std::fmt;

/// Why a command line could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unread(String);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unread {}

/// A name and its value.
pub type Variable = (Vec<u8>, Vec<u8>);

/// Splits the value of an `ExecStart=` and puts variables in, as systemd.service(5) says. The
/// prefixes of the program (`-`, `@`, `:`, `+`, `!`) are taken off; `:` switches variables off.
///
/// # Errors
/// On `%` specifiers other than `%%`, several commands, and open quotes.
pub fn command_line(
    value: &[u8],
    variables: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Unread> {
    let words = split(value, true)?;
    let mut words = words.into_iter();
    let program = words.next().ok_or_else(|| Unread("it names no program".into()))?;
    let bare = program.iter().position(|byte| !b"-@:+!|".contains(byte)).unwrap_or(program.len());
    let (prefix, program) = program.split_at(bare);
    let mut line = vec![program.to_vec()];
    if prefix.contains(&b'@') {
        // The next word is what the program sees as its own name.
        words.next();
    }
    for word in words {
        if word == b";" {
            return Err(Unread("it holds several commands".into()));
        }
        match word.strip_prefix(b"$") {
            Some(name) if !prefix.contains(&b':') && is_name(name) => {
                let value = variables.get(name).map(Vec::as_slice).unwrap_or_default();
                line.extend(split(value, false)?);
            }
            _ if prefix.contains(&b':') => line.push(word),
            _ => line.push(put_in(&word, variables)),
        }
    }
    Ok(line)
}

/// Reads the value of an `Environment=`: words of the form `NAME=value`.
///
/// # Errors
/// As [`command_line`].
pub fn assignments(value: &[u8]) -> Result<Vec<Variable>, Unread> {
    let pair = |word: Vec<u8>| {
        let at = word.iter().position(|byte| *byte == b'=')?;
        let (name, value) = word.split_at(at);
        Some((name.to_vec(), value.get(1..)?.to_vec()))
    };
    Ok(split(value, true)?.into_iter().filter_map(pair).collect())
}

fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Replaces `${NAME}` and `$$` inside a word.
fn put_in(word: &[u8], variables: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = word;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'$' {
            out.push(*byte);
            continue;
        }
        if let Some(behind) = rest.strip_prefix(b"$") {
            out.push(b'$');
            rest = behind;
            continue;
        }
        let named = rest.strip_prefix(b"{").and_then(|inside| {
            let end = inside.iter().position(|byte| *byte == b'}')?;
            let (name, behind) = inside.split_at(end);
            is_name(name).then_some((name, behind.get(1..)?))
        });
        if let Some((name, behind)) = named {
            out.extend(variables.get(name).into_iter().flatten());
            rest = behind;
        } else {
            out.push(b'$');
        }
    }
    out
}

/// Parts words at blanks, quotes taken off. `specifiers`: whether `%` is special.
fn split(text: &[u8], specifiers: bool) -> Result<Vec<Vec<u8>>, Unread> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', _) => match bytes.next() {
                Some(plain @ (b'\\' | b'"' | b'\'' | b' ' | b's')) => {
                    let plain = if plain == b's' { b' ' } else { plain };
                    word.get_or_insert_default().push(plain);
                }
                _ => return Err(Unread("it holds an unusual escape".into())),
            },
            (b'%', _) if specifiers => match bytes.next() {
                Some(b'%') => word.get_or_insert_default().push(b'%'),
                _ => return Err(Unread("it holds a % specifier".into())),
            },
            (b'"' | b'\'', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (_, Some(open)) if byte == open => quote = None,
            (b' ' | b'\t' | b'\n' | b'\r', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if quote.is_some() {
        return Err(Unread("a quote is left open".into()));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_read_as_systemd_reads_them() {
        let variables = [
            ("SSHD_OPTS", "-o ListenAddress=0.0.0.0 '-o Port 23'"),
            ("ONE", "a b"),
            ("EMPTY", ""),
            ("HOME", "-oAuthorizedKeysFile=%h/k"),
        ];
        let variables: BTreeMap<Vec<u8>, Vec<u8>> =
            variables.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        for (line, want) in [
            ("/usr/sbin/sshd -D", "/usr/sbin/sshd|-D"),
            (
                "/usr/sbin/sshd -D $SSHD_OPTS",
                "/usr/sbin/sshd|-D|-o|ListenAddress=0.0.0.0|-o Port 23",
            ),
            ("-@/usr/sbin/sshd sshd -D", "/usr/sbin/sshd|-D"),
            ("/s ${ONE} x${ONE}y $ONE", "/s|a b|xa by|a|b"),
            ("/s $EMPTY $UNKNOWN ${UNKNOWN} $$x", "/s||$x"),
            ("/s \"a b\" 'c'd %%h e\\sf", "/s|a b|cd|%h|e f"),
            (":/s $ONE ${ONE}", "/s|$ONE|${ONE}"),
            ("/s $HOME", "/s|-oAuthorizedKeysFile=%h/k"),
            ("/s %h", "it holds a % specifier"),
            ("/s 'x", "a quote is left open"),
            ("/s ; /t", "it holds several commands"),
            ("", "it names no program"),
        ] {
            let told = match command_line(line.as_bytes(), &variables) {
                Ok(words) => words
                    .iter()
                    .map(|word| String::from_utf8_lossy(word).into_owned())
                    .collect::<Vec<_>>()
                    .join("|"),
                Err(why) => why.to_string(),
            };
            assert_eq!(told, want, "{line}");
        }
    }
}
