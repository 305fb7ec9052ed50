//! Lines as a shell reads them, without what hides words.

use review_bundle::{Line, Sign};

use crate::invisible;
use crate::place::is_comment;

/// The longest logical line, bytes: what is behind it starts another.
const LONGEST: usize = 64 << 10;

/// Lines that belong together.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Logical {
    /// The number of the first line of it that is new.
    pub(crate) number: Option<u64>,
    /// What it says, on one line, without invisible characters.
    pub(crate) text: Vec<u8>,
    /// Whether it is a comment.
    pub(crate) is_comment: bool,
}

/// Returns the logical lines of the new text that have something new.
pub(crate) fn logical(lines: &[Line<'_>]) -> Vec<Logical> {
    let mut all: Vec<Logical> = Vec::new();
    let mut goes_on = false;
    let mut expected = 0;
    for line in lines.iter().filter(|line| line.sign != Sign::Removed) {
        let text = line.bytes.trim_ascii_end();
        let joins =
            text.trim_ascii_start().starts_with(b"|") && !text.trim_ascii().starts_with(b"||");
        let is_next = line.number == expected;
        expected = line.number + 1;
        let is_short = all.last().is_some_and(|it| it.text.len() + text.len() < LONGEST);
        let last_is_comment = all.last().is_some_and(|it| it.is_comment);
        if !(is_next && is_short && !last_is_comment && (goes_on || joins)) {
            all.push(Logical { is_comment: is_comment(text), ..Logical::default() });
        }
        let Some(last) = all.last_mut() else { continue };
        let tied = text.strip_suffix(b"\\");
        goes_on = tied.is_some() || text.ends_with(b"|");
        if !last.text.is_empty() {
            last.text.push(b' ');
        }
        invisible::strip(&mut last.text, tied.unwrap_or(text));
        if line.sign == Sign::Added && last.number.is_none() {
            last.number = Some(line.number);
        }
    }
    all.retain(|it| it.number.is_some());
    all
}
