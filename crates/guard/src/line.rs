//! One line of guard's log, in logfmt. Whatever a value holds, it stays one value on one line.

use std::fmt::Write;

/// The longest value that is written, characters.
const LONGEST: usize = 500;

/// A line in the making: `ts=… event=… name=value name="value with spaces"`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line(String);

impl Line {
    /// A line about an event at a time (RFC 3339).
    pub(crate) fn new(ts: &str, event: &str) -> Self {
        Self(String::new()).with("ts", ts).with("event", event)
    }

    /// Adds a pair; an empty value adds nothing. The name is ours, the value can be anybody's.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            return self;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(name);
        self.0.push('=');
        quote(value, &mut self.0);
        self
    }

    /// The text, without its line end.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The bytes of the log, line end included.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        format!("{}\n", self.0).into_bytes()
    }
}

/// Only what every reader of logfmt takes for one bare word goes unquoted.
fn quote(value: &str, out: &mut String) {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_.,:/+@%".contains(c);
    if value.len() <= LONGEST && value.chars().all(is_bare) {
        return out.push_str(value);
    }
    out.push('"');
    for (count, c) in value.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            // Line ends of every kind, terminal commands, and what turns the direction of writing.
            c if c.is_control() || is_invisible(c) => {
                // Writing into a string cannot fail.
                let _written = write!(out, "<U+{:04X}>", u32::from(c)).is_ok();
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a line back as a strict reader of logfmt does; `None` when it is none.
    fn pairs(line: &str) -> Option<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        let mut chars = line.chars().peekable();
        while chars.peek().is_some() {
            let mut name = String::new();
            loop {
                match chars.next()? {
                    '=' => break,
                    c if c.is_ascii_lowercase() || c == '_' => name.push(c),
                    _ => return None,
                }
            }
            let mut value = String::new();
            if chars.next_if_eq(&'"').is_some() {
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => value.push(chars.next()?),
                        c => value.push(c),
                    }
                }
            } else {
                while let Some(c) = chars.next_if(|c| *c != ' ') {
                    if matches!(c, '"' | '=' | '\\') {
                        return None;
                    }
                    value.push(c);
                }
            }
            pairs.push((name, value));
            if chars.next().is_some_and(|c| c != ' ') {
                return None;
            }
        }
        Some(pairs)
    }

    #[test]
    fn plain_values_stay_bare_and_others_are_quoted() {
        let line = Line::new("2026-11-21T07:00:00.000Z", "fail")
            .with("checks", "ports,disk")
            .with("reason", "tailscale down: \"Stopped\"\nevent=pass")
            .with("empty", "");
        assert_eq!(
            line.text(),
            "ts=2026-11-21T07:00:00.000Z event=fail checks=ports,disk \
             reason=\"tailscale down: \\\"Stopped\\\"<U+000A>event=pass\""
        );
        let long = Line::new("t", "e").with("x", &"y".repeat(2 * LONGEST));
        assert!(long.text().chars().count() < LONGEST + 30);
    }

    proptest! {
        #[test]
        fn no_value_becomes_a_pair_or_a_line_of_its_own(
            values in prop::collection::vec("(?s).{1,60}", 1..5),
        ) {
            let names = ["a", "b", "c", "d"];
            let mut line = Line::new("now", "fail");
            for (name, value) in names.iter().zip(&values) {
                line = line.with(name, value);
            }
            let bytes = line.bytes();
            prop_assert_eq!(bytes.iter().position(|it| *it == b'\n'), Some(bytes.len() - 1));
            prop_assert!(line.text().chars().all(|c| !c.is_control()));
            let read = pairs(line.text()).expect("it is logfmt");
            let read_names: Vec<&str> = read.iter().map(|it| it.0.as_str()).collect();
            let want: Vec<&str> = ["ts", "event"].into_iter().chain(names).take(2 + values.len()).collect();
            prop_assert_eq!(read_names, want);
            for (value, (_, read)) in values.iter().zip(read.iter().skip(2)) {
                let is_plain = |c: char| !c.is_control() && !is_invisible(c);
                if value.chars().all(is_plain) {
                    prop_assert_eq!(value, read);
                }
            }
        }
    }
}
