//! Texts are cut into pieces before they are merged into tokens; each vocabulary cuts its way.
//!
//! These are the regular expressions of `tiktoken`, by hand: an engine takes milliseconds to
//! compile their Unicode classes, a look-up table none. Each is linear in the text.

use crate::classes::{LETTER, LOWER, NUMBER, SPACE, Text, UPPER};

/// Which way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pattern {
    /// `o200k_base`.
    O200k,
    /// `cl100k_base`.
    Cl100k,
}

/// The pieces of a text, in order; together they are all of it.
pub(crate) fn pieces(pattern: Pattern, text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let end = match pattern {
            Pattern::O200k => o200k(Text(text), at)?,
            Pattern::Cl100k => cl100k(Text(text), at)?,
        };
        let piece = text.get(at..end);
        at = end;
        piece
    })
}

/// ```text
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// \p{N}{1,3}
///  ?[^\s\p{L}\p{N}]+[\r\n/]*
/// \s*[\r\n]+
/// \s+(?!\S)
/// \s+
/// ```
fn o200k(text: Text<'_>, at: usize) -> Option<usize> {
    let first = text.seen(at)?;
    let may_lead = !first.is(LETTER | NUMBER) && !text.is_line_end(at);
    let led = may_lead.then_some(at + first.length);
    let starts = || led.into_iter().chain([at]);
    let word = starts().find_map(|start| ending_low(text, start));
    let word = word.or_else(|| starts().find_map(|start| beginning_high(text, start)));
    if let Some(end) = word {
        return Some(text.contraction(end).unwrap_or(end));
    }
    if first.is(NUMBER) {
        return Some(text.digits(at));
    }
    if let Some(mut end) = text.signs(at) {
        while text.is_line_end(end) || text.byte(end) == Some(b'/') {
            end += 1;
        }
        return Some(end);
    }
    text.space(at)
}

/// `[upper]*[lower]+`. The first takes all it can and gives back until the second fits: where
/// nothing but lower follows the run, what counts is the run's last character that is both.
fn ending_low(text: Text<'_>, start: usize) -> Option<usize> {
    let (mut at, mut both) = (start, None);
    while let Some(seen) = text.seen(at).filter(|seen| seen.is(UPPER)) {
        at += seen.length;
        if seen.is(LOWER) {
            both = Some(at);
        }
    }
    let end = text.run(at, LOWER);
    if end > at { Some(end) } else { both }
}

/// `[upper]+[lower]*`
fn beginning_high(text: Text<'_>, start: usize) -> Option<usize> {
    let end = text.run(start, UPPER);
    (end > start).then(|| text.run(end, LOWER))
}

/// ```text
/// '(?i:[sdmt]|ll|ve|re)
/// [^\r\n\p{L}\p{N}]?+\p{L}++
/// \p{N}{1,3}+
///  ?[^\s\p{L}\p{N}]++[\r\n]*+
/// \s++$
/// \s*[\r\n]
/// \s+(?!\S)
/// \s
/// ```
fn cl100k(text: Text<'_>, at: usize) -> Option<usize> {
    let first = text.seen(at)?;
    if let Some(end) = text.contraction(at) {
        return Some(end);
    }
    let may_lead = !first.is(LETTER | NUMBER) && !text.is_line_end(at);
    let start = if may_lead { at + first.length } else { at };
    let end = text.run(start, LETTER);
    if end > start {
        return Some(end);
    }
    if first.is(NUMBER) {
        return Some(text.digits(at));
    }
    if let Some(mut end) = text.signs(at) {
        while text.is_line_end(end) {
            end += 1;
        }
        return Some(end);
    }
    match text.run(at, SPACE) {
        end if end == text.0.len() => Some(end),
        _ => text.space(at),
    }
}
