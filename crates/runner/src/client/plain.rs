//! Texts of jobs on a person's terminal: shown, never obeyed.
//!
//! A job says what it likes, and a terminal obeys what it is sent: it can be made to overwrite lines,
//! set its title, answer questions as if typed. So what is not printable is written out.

/// One value as a part of one line.
pub(super) fn line(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) { plain.extend(c.escape_debug()) } else { plain.push(c) }
    }
    plain
}

/// What a job said, line by line. A lone carriage return, as progress bars write it, begins a line.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().flat_map(|it| it.split('\r')).map(|it| {
        let parts: Vec<String> = it.split('\t').map(line).collect();
        parts.join("\t")
    })
}

/// Whether a terminal takes it for more than a mark: controls, and what turns the direction of
/// writing or joins and hides marks.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, want) in [
            ("plain é 漢 😀", "plain é 漢 😀"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J \u{8}\u{7f}", "\\u{9b}2J \\u{8}\\u{7f}"),
            ("one\ntwo\r\tx\0", "one\\ntwo\\r\\tx\\0"),
            ("abc\u{202e}txt.exe", "abc\\u{202e}txt.exe"),
            ("a\\b'c\"d", "a\\b'c\"d"),
        ] {
            assert_eq!(line(text), want);
        }
        let said = "a\tb\r\n10%\r20%\rdone\n\u{1b}c\nlast";
        assert_eq!(
            lines(said).collect::<Vec<_>>(),
            ["a\tb", "10%", "20%", "done", "\\u{1b}c", "last"]
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_left_that_is_obeyed(text in "\\PC*|.*|[\\x00-\\x9f]*") {
            proptest::prop_assert!(!line(&text).chars().any(is_obeyed));
            proptest::prop_assert!(!lines(&text).any(|it| it.chars().any(|c| c != '\t' && is_obeyed(c))));
        }
    }
}
