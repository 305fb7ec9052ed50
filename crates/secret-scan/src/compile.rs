//! Patterns of RE2 syntax, compiled for bytes.

use regex_automata::meta::{Config, Regex};
use regex_syntax::ParserBuilder;

/// A compiled pattern.
pub(crate) struct Compiled {
    pub(crate) regex: Regex,
    /// The most bytes a match can have, if there is a limit.
    pub(crate) longest: Option<usize>,
}

/// The most memory one compiled pattern may take, bytes.
const LARGEST: usize = 32 << 20;

/// Compiles a pattern. As in RE2, classes such as `\w` are ASCII and `$` is the end of the text.
///
/// The pattern is parsed apart from being compiled because only the parsed form tells how long a
/// match can be, which is what lets a rule be tried around its keywords alone.
pub(crate) fn compile(pattern: &str) -> Result<Compiled, String> {
    let parsed = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(&with_literal_braces(pattern))
        .map_err(|err| err.to_string())?;
    let longest = parsed.properties().maximum_len();
    let config = Config::new().utf8_empty(false).nfa_size_limit(Some(LARGEST));
    let regex = Regex::builder()
        .configure(config)
        .build_from_hir(&parsed)
        .map_err(|err| err.to_string())?;
    Ok(Compiled { regex, longest })
}

/// Escapes braces that count nothing, such as those of `${NAME}`: RE2 takes them for themselves,
/// `regex-syntax` refuses them. This is the only difference that gitleaks' rules run into.
fn with_literal_braces(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let (mut in_class, mut rest) = (false, pattern);
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        match next {
            '\\' => {
                let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
                let braced = matches!(rest.get(1..3), Some("x{" | "p{" | "P{"));
                taken += if braced { rest[1..].find('}').map_or(0, |at| at + 1) } else { escaped };
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '{' if !in_class && !counts(&rest[1..]) => text.push('\\'),
            _ => {}
        }
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    text
}

/// Returns whether what follows a brace makes it a repetition: `n}`, `n,}` or `n,m}`.
fn counts(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_count_only_where_they_can() {
        for (pattern, want) in [
            ("a{2}b{2,}c{2,3}", "a{2}b{2,}c{2,3}"),
            ("^\\${(?:A|{\\d+})}$", "^\\$\\{(?:A|\\{\\d+})}$"),
            ("[{]x{", "[{]x\\{"),
            ("\\x{41}\\{", "\\x{41}\\{"),
            ("import[ ]+{[ ]+}", "import[ ]+\\{[ ]+}"),
            ("{,3}", "\\{,3}"),
            ("\\", "\\"),
        ] {
            assert_eq!(with_literal_braces(pattern), want, "{pattern}");
        }
        let compiled = compile("^\\${[A-Z]{2}}$").expect("braces of both kinds");
        assert!(compiled.regex.is_match("${AB}") && !compiled.regex.is_match("${A}"));
        assert_eq!(compiled.longest, Some(5));
    }
}
