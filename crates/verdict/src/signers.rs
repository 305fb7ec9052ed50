//! `allowed_signers`, as `ssh-keygen -Y verify` reads it (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! Two things are read more narrowly, never more widely: a line with `cert-authority` never counts,
//! and neither does one whose times do not end in `Z`, which mean another moment on each machine. A
//! line that cannot be read is left out, as ssh-keygen does, and named in [`Signers::refused`].

use ops_core::time::Timestamp;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

/// The largest `allowed_signers` that is read, bytes.
pub const LARGEST: usize = 1 << 20;

/// Who may sign what, and when.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Signers {
    /// The lines that count.
    pub entries: Vec<Entry>,
    /// The lines that do not: number, counted from 1, and why.
    pub refused: Vec<(usize, String)>,
}

/// One line of `allowed_signers`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Patterns of names, separated by commas.
    pub principals: String,
    /// The key.
    pub key: KeyData,
    /// Patterns of namespaces, separated by commas; `None`: all of them.
    pub namespaces: Option<String>,
    /// The first moment at which a signature may be made.
    pub valid_after: Option<Timestamp>,
    /// The last one.
    pub valid_before: Option<Timestamp>,
}

impl Entry {
    /// The first of its names.
    pub fn principal(&self) -> &str {
        self.principals.split(',').next().unwrap_or_default()
    }

    /// Whether it may sign in a namespace.
    pub fn allows_namespace(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|list| is_listed(namespace, list))
    }
}

impl Signers {
    /// Reads `allowed_signers`. Never fails: what cannot be read vouches for nobody.
    pub fn read(bytes: &[u8]) -> Self {
        let mut signers = Self::default();
        if bytes.len() > LARGEST {
            signers.refused.push((1, format!("the file is larger than {LARGEST} bytes")));
            return signers;
        }
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            match std::str::from_utf8(line).map_err(|err| err.to_string()).and_then(entry) {
                Ok(None) => {}
                Ok(Some(entry)) => signers.entries.push(entry),
                Err(why) => signers.refused.push((at + 1, why)),
            }
        }
        signers
    }

    /// The lines of a key.
    pub fn of_key(&self, key: &KeyData) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.key == *key)
    }
}

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// One line; `None` for a blank one or a comment.
fn entry(line: &str) -> Result<Option<Entry>, String> {
    let line = line.trim_start_matches(BLANK);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.contains('\0') {
        return Err("a zero byte".to_owned());
    }
    let (principals, rest) = first_word(line)?;
    if principals.is_empty() || rest.is_empty() {
        return Err("a name and a key are wanted".to_owned());
    }
    let (key, options) = if let Some(key) = public_key(rest) {
        (key, Options::default())
    } else {
        let (options, key) = rest.split_at(options_end(rest)?);
        let key = public_key(key.trim_start_matches([' ', '\t']));
        (key.ok_or("the key cannot be read")?, Options::read(options)?)
    };
    if options.is_authority {
        return Err("cert-authority: certificates vouch for nobody here".to_owned());
    }
    let Options { namespaces, valid_after, valid_before, .. } = options;
    Ok(Some(Entry { principals, key, namespaces, valid_after, valid_before }))
}

/// The first word, of which a part may be quoted, and what follows it.
fn first_word(line: &str) -> Result<(String, &str), String> {
    let is_end = |it: char| it == '"' || BLANK.contains(&it);
    let Some(end) = line.find(is_end) else { return Err("only a name".to_owned()) };
    let (head, tail) = line.split_at(end);
    let (word, rest) = match tail.strip_prefix('"') {
        Some(quoted) => {
            let (inside, rest) = quoted.split_once('"').ok_or("a quote is not closed")?;
            (format!("{head}{inside}"), rest)
        }
        None => (head.to_owned(), tail),
    };
    Ok((word, rest.trim_start_matches(BLANK)))
}

/// A public key at the start of a text; a comment may follow it.
fn public_key(text: &str) -> Option<KeyData> {
    let mut words = text.split([' ', '\t', '\r']).filter(|it| !it.is_empty());
    let (kind, blob) = (words.next()?, words.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {blob}")).ok()?;
    Some(key.key_data().clone())
}

/// Where options end: at the first blank outside of quotes.
fn options_end(text: &str) -> Result<usize, String> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if bytes.get(at + 1) == Some(&b'"') => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b' ' | b'\t' if !is_quoted => return Ok(at),
            _ => {}
        }
    }
    Err("no key follows the options".to_owned())
}

#[derive(Default)]
struct Options {
    is_authority: bool,
    namespaces: Option<String>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

impl Options {
    fn read(mut text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        loop {
            let name_ends = text.find(['=', ',']).unwrap_or(text.len());
            let (name, rest) = text.split_at(name_ends);
            let (value, rest) = match rest.strip_prefix('=') {
                Some(rest) => quoted(rest).map(|(value, rest)| (Some(value), rest))?,
                None => (None, rest),
            };
            options.set(name, value)?;
            match rest.strip_prefix(',') {
                Some(more) if !more.is_empty() => text = more,
                Some(_) => return Err("the options end in a comma".to_owned()),
                None if rest.is_empty() => break,
                None => return Err("a comma is wanted between options".to_owned()),
            }
        }
        match (options.valid_after, options.valid_before) {
            (Some(after), Some(before)) if before <= after => {
                Err("valid-before is not after valid-after".to_owned())
            }
            _ => Ok(options),
        }
    }

    fn set(&mut self, name: &str, value: Option<String>) -> Result<(), String> {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => self.is_authority = true,
            ("namespaces", Some(list)) if self.namespaces.is_none() => self.namespaces = Some(list),
            ("valid-after", Some(time)) if self.valid_after.is_none() => {
                self.valid_after = Some(moment(&time)?);
            }
            ("valid-before", Some(time)) if self.valid_before.is_none() => {
                self.valid_before = Some(moment(&time)?);
            }
            ("namespaces" | "valid-after" | "valid-before", Some(_)) => {
                return Err(format!("{name} is given twice"));
            }
            _ => return Err(format!("the option {name:?} is not known, or wants a value")),
        }
        Ok(())
    }
}

/// A quoted value, in which `\"` stands for a quote, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let text = text.strip_prefix('"').ok_or("a value must be quoted")?;
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, it)) = characters.next() {
        match it {
            '\\' if characters.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            _ => value.push(it),
        }
    }
    Err("a quote is not closed".to_owned())
}

/// `YYYYMMDD[HHMM[SS]]` and `Z` or `UTC`.
fn moment(text: &str) -> Result<Timestamp, String> {
    let upper = text.to_ascii_uppercase();
    let digits = upper.strip_suffix('Z').or_else(|| upper.strip_suffix("UTC"));
    let digits = digits.ok_or_else(|| {
        format!("{text:?}: a time must end in Z; without it each machine reads another moment")
    })?;
    let wrong = || format!("{text:?} is no time (YYYYMMDD[HHMM[SS]]Z)");
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(wrong());
    }
    let part = |from: usize| digits.get(from..from + 2).unwrap_or("00");
    let year = digits.get(..4).unwrap_or_default();
    let (month, day, hour) = (part(4), part(6), part(8));
    let (minute, second) = (part(10), part(12));
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().map_err(|_| wrong())
}

/// OpenSSH's `match_pattern_list`: some pattern matches, and none that begins with `!` does.
pub(crate) fn is_listed(name: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if is_match(name.as_bytes(), pattern.as_bytes()) => return false,
            Some(_) => {}
            None => found |= is_match(name.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// OpenSSH's `match_pattern`: `*` is any text, `?` any one byte. In time of the two lengths' product.
fn is_match(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut rest) = (0, 0);
    let mut retry = None;
    while at < name.len() {
        match pattern.get(rest) {
            Some(b'*') => {
                rest += 1;
                retry = Some((at, rest));
            }
            Some(byte) if *byte == b'?' || Some(byte) == name.get(at) => {
                at += 1;
                rest += 1;
            }
            _ => match retry {
                Some((from, after)) => {
                    at = from + 1;
                    rest = after;
                    retry = Some((at, after));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(rest).all(|byte| *byte == b'*')
}

#[cfg(test)]
#[path = "signers_tests.rs"]
mod tests;
