//! Private keys of which a change shows a part: a few lines of one give it away as well, and by
//! themselves look like nothing.

use std::collections::BTreeSet;

use review_bundle::Section;

use crate::finding::{Finding, Gate, Severity};
use crate::secrets::Secret;

/// The rule by which a whole private key is found.
const WHOLE: &str = "private-key";

/// Tells of each private key on either side of a file that is shown, but for those of the new side
/// that were found whole. One that is on both sides is told once.
pub(crate) fn find(section: &Section<'_>, whole: &[Secret]) -> Vec<Finding> {
    if section.lines.is_empty() || section.entry.excluded.is_some() {
        return Vec::new();
    }
    let whole = whole.iter().filter(|it| it.rule == WHOLE && !it.removed);
    let whole: BTreeSet<u64> = whole.map(|it| it.line).collect();
    let new = keys(section.new);
    let stays: BTreeSet<&[u8]> = new.iter().map(|(_, key)| *key).collect();
    let gone = keys(section.old).into_iter().filter(|(_, key)| !stays.contains(key));
    let old = section.entry.old.as_ref().map_or("", |it| &it.oid);
    let gone = gone.map(|(line, _)| (line, format!("a private key of {old} is changed or gone")));
    let new = new.iter().filter(|(line, _)| !whole.contains(line));
    let new = new.map(|(line, _)| (*line, "a file with a private key is changed".to_owned()));
    new.chain(gone).map(|(line, title)| tell(section, line, title)).collect()
}

fn tell(section: &Section<'_>, line: u64, title: String) -> Finding {
    Finding {
        file: section.entry.path.clone(),
        line,
        rule: "secret.private-key-part".to_owned(),
        gate: Gate::KeyHandling,
        severity: Severity::Critical,
        blocks: true,
        is_rest: false,
        title,
        detail: "parts of the key would be sent with the lines around the change".to_owned(),
        suggestion: "take it out of history and rotate it; if it is none, waive this".to_owned(),
    }
}

/// The line that each private key begins in, counted from 1, and the key up to its end, or up to
/// the next or the end of the text where it has none.
fn keys(text: &[u8]) -> Vec<(u64, &[u8])> {
    let mut all: Vec<(u64, &[u8])> = Vec::new();
    let (mut at, mut begun) = (0, None);
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        if let Some((first, from)) = begun.filter(|_| begins(line)) {
            all.push((first, &text[from..at]));
        }
        if begins(line) {
            begun = Some((number, at));
        }
        at += line.len();
        if let Some((first, from)) = begun.filter(|_| line.trim_ascii().starts_with(b"-----END ")) {
            all.push((first, &text[from..at]));
            begun = None;
        }
    }
    all.extend(begun.map(|(first, from)| (first, &text[from..])));
    all
}

fn begins(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let ends = [&b"PRIVATE KEY-----"[..], b"PRIVATE KEY BLOCK-----"];
    line.starts_with(b"-----BEGIN ") && ends.iter().any(|end| line.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mark around a key, put together so that no scanner takes this file for one.
    fn mark(word: &str) -> String {
        format!("-----{word} {} KEY-----", "PRIVATE")
    }

    #[test]
    fn keys_are_found_with_and_without_an_end() {
        let (begin, end) = (mark("BEGIN"), mark("END"));
        for (text, lines) in [
            (String::new(), vec![]),
            ("plain\n".to_owned(), vec![]),
            (end.clone(), vec![]),
            (format!("x\n{begin}\nabc\n{end}\ny\n"), vec![(2, 3)]),
            (format!("  {begin}\r\nabc"), vec![(1, 2)]),
            (
                format!("{begin}\na\n{begin}\nb\n{end}\n{begin}\n{end}"),
                vec![(1, 2), (3, 3), (6, 2)],
            ),
            (format!("-----BEGIN PGP {} KEY BLOCK-----\nabc\n", "PRIVATE"), vec![(1, 2)]),
            (format!("say {begin}\n"), vec![]),
        ] {
            let found = keys(text.as_bytes());
            let found: Vec<(u64, usize)> = found
                .iter()
                .map(|(line, key)| (*line, key.split_inclusive(|it| *it == b'\n').count()))
                .collect();
            assert_eq!(found, lines, "{text:?}");
        }
    }
}
