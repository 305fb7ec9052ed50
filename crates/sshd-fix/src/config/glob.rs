//! The patterns of Include lines, matched as `glob(3)` does in the C locale.

use std::fmt;

/// A pattern of one path component, or of a whole path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Glob {
    components: Vec<Vec<Token>>,
}

/// A pattern that is not matched here: a character class by name (`[[:alpha:]]`) or an open bracket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnusualGlob(String);

impl fmt::Display for UnusualGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern {} is more than * ? and plain brackets", self.0)
    }
}

impl std::error::Error for UnusualGlob {}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Byte(u8),
    Any,
    Many,
    OneOf { ranges: Vec<(u8, u8)>, negated: bool },
}

impl Glob {
    /// Reads a pattern for absolute paths.
    ///
    /// # Errors
    /// When it uses what is not supported here.
    pub fn new(pattern: &[u8]) -> Result<Self, UnusualGlob> {
        let named = pattern.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let unusual = || UnusualGlob(String::from_utf8_lossy(pattern).into_owned());
        let components =
            named.map(|it| tokens(it).ok_or_else(unusual)).collect::<Result<_, _>>()?;
        Ok(Self { components })
    }

    /// How many path components the pattern has.
    pub fn depth(&self) -> usize {
        self.components.len()
    }

    /// Whether the component at that depth matches a name. Names that begin with a dot match only
    /// where the pattern has that dot.
    pub fn component_matches(&self, depth: usize, name: &[u8]) -> bool {
        let Some(tokens) = self.components.get(depth) else { return false };
        let hidden = name.first() == Some(&b'.') && tokens.first() != Some(&Token::Byte(b'.'));
        !hidden && matches(tokens, name)
    }

    /// The name that the component at that depth stands for, where it is no pattern.
    pub fn literal(&self, depth: usize) -> Option<Vec<u8>> {
        let byte = |token: &Token| if let Token::Byte(byte) = token { Some(*byte) } else { None };
        self.components.get(depth)?.iter().map(byte).collect()
    }

    /// Whether the whole pattern matches an absolute path.
    pub fn matches(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> =
            path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        names.len() == self.depth()
            && names.iter().enumerate().all(|(depth, name)| self.component_matches(depth, name))
    }
}

fn tokens(pattern: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        tokens.push(match byte {
            b'*' => Token::Many,
            b'?' => Token::Any,
            b'\\' => {
                let (escaped, behind) = rest.split_first()?;
                rest = behind;
                Token::Byte(*escaped)
            }
            b'[' => {
                let (class, behind) = one_of(rest)?;
                rest = behind;
                class
            }
            byte => Token::Byte(*byte),
        });
    }
    Some(tokens)
}

fn one_of(text: &[u8]) -> Option<(Token, &[u8])> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let mut rest = if negated { text.get(1..)? } else { text };
    let mut ranges = Vec::new();
    loop {
        match rest {
            [b']', behind @ ..] if !ranges.is_empty() => {
                return Some((Token::OneOf { ranges, negated }, behind));
            }
            [b'[', b':' | b'.' | b'=', ..] | [b'\\', ..] | [] => return None,
            [from, b'-', to, behind @ ..] if *to != b']' => {
                if matches!(to, b'[' | b'\\') {
                    return None;
                }
                ranges.push((*from, *to));
                rest = behind;
            }
            [one, behind @ ..] => {
                ranges.push((*one, *one));
                rest = behind;
            }
        }
    }
}

/// Matches with one point to go back to: linear in memory, at most quadratic in time.
fn matches(pattern: &[Token], name: &[u8]) -> bool {
    let (mut at, mut byte_at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        let byte = name.get(byte_at);
        let step = match (pattern.get(at), byte) {
            (None, None) => return true,
            (Some(Token::Many), _) => {
                back = Some((at + 1, byte_at));
                at += 1;
                continue;
            }
            (Some(Token::Byte(want)), Some(byte)) => want == byte,
            (Some(Token::Any), Some(_)) => true,
            (Some(Token::OneOf { ranges, negated }), Some(byte)) => {
                ranges.iter().any(|(from, to)| (from..=to).contains(&byte)) != *negated
            }
            (_, _) => false,
        };
        if step {
            at += 1;
            byte_at += 1;
            continue;
        }
        match back {
            Some((behind, from)) if from < name.len() => {
                back = Some((behind, from + 1));
                at = behind;
                byte_at = from + 1;
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, path, want) in [
            ("/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config.d/99-x.conf", true),
            ("/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config.d/.hidden.conf", false),
            ("/etc/ssh/sshd_config.d/.*.conf", "/etc/ssh/sshd_config.d/.hidden.conf", true),
            ("/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config.d/a/b.conf", false),
            ("/etc//ssh/*/*", "/etc/ssh/a/b", true),
            ("/a/?b[c-e]", "/a/xbd", true),
            ("/a/?b[!c-e]", "/a/xbd", false),
            ("/a/[]x]", "/a/]", true),
            ("/a/\\*", "/a/*", true),
            ("/a/\\*", "/a/b", false),
            ("/a/*b*c*", "/a/xxbxxbxcx", true),
            ("/a/*b*c", "/a/xxcxb", false),
            ("/a/*", "/a/", false),
        ] {
            let glob = Glob::new(pattern.as_bytes()).unwrap();
            assert_eq!(glob.matches(path.as_bytes()), want, "{pattern} {path}");
        }
        for unusual in ["/a/[[:alpha:]]", "/a/[b", "/a\\"] {
            assert!(Glob::new(unusual.as_bytes()).is_err(), "{unusual}");
        }
    }
}
