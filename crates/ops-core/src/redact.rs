//! The one redactor: every text that leaves a program passes it.
//!
//! It knows the secrets the process resolved, in the forms in which they leak ([`forms`]), and the
//! shapes of well-known keys. A known secret is also found where the text escapes it, in URLs, JSON
//! and quoted strings ([`views`]).
//!
//! A secret of at least six characters is masked wherever it stands. A shorter one is masked as a
//! whole word only: it would else turn ordinary text to mush, and tell itself by the holes it
//! leaves. So the five characters `12345` are masked in `pin=12345.` and not in `0123456`.

mod forms;
#[cfg(test)]
mod tests;
mod views;

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroizing;

use forms::{Edges, Form};
use views::View;

/// What stands where a secret stood.
const MASK: &str = "[redacted]";

/// How often a text is gone over at most. What is masked can make a word of what stands beside it,
/// so a text is clean only when nothing more is found; twice is usual.
const MOST_PASSES: usize = 8;

/// Knows the secrets this process resolved, and the common shapes of keys.
///
/// What was learned is wiped on drop, save for the search built from it, which cannot be.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Vec<Zeroizing<String>>,
    search: OnceLock<Option<Search>>,
}

/// The forms of all known secrets, searched for at once.
#[derive(Clone)]
struct Search {
    words: AhoCorasick,
    edges: Vec<Edges>,
}

impl Redactor {
    /// Adds a secret whose every occurrence is to be masked. White space around it does not count;
    /// of one with several lines, such as a private key, every line of some length is masked, too.
    pub fn learn(&mut self, secret: &str) {
        // What is already masked is never looked into, so a secret is known by its parts around it.
        for part in secret.split(MASK).map(str::trim).filter(|part| !part.is_empty()) {
            if !self.known.iter().any(|known| known.as_str() == part) {
                self.known.push(Zeroizing::new(part.to_owned()));
                self.search = OnceLock::new();
            }
        }
    }

    /// Returns the text with every known secret and every key shape masked. To clean a clean text
    /// changes nothing.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for _ in 0..MOST_PASSES {
            match self.pass(&clean) {
                None => return clean,
                Some(cleaner) => clean = cleaner,
            }
        }
        // Only a text made for it comes here: better nothing of it than something.
        MASK.to_owned()
    }

    /// Goes over a text once; `None` when there is nothing to mask.
    fn pass(&self, text: &str) -> Option<String> {
        let mut out: Option<String> = None;
        let mut done = 0;
        let mut from = 0;
        for piece in text.split(MASK) {
            for span in self.spans(piece) {
                let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
                out.push_str(&text[done..from + span.start]);
                out.push_str(MASK);
                done = from + span.end;
            }
            from += piece.len() + MASK.len();
        }
        let mut out = out?;
        out.push_str(&text[done..]);
        Some(out)
    }

    /// Returns what is to be masked in a piece of text without masks: ordered, apart, on character
    /// boundaries.
    fn spans(&self, piece: &str) -> Vec<Range<usize>> {
        let mut spans: Vec<_> = if key_shapes::may_hold(piece) {
            key_shapes::any().find_iter(piece).map(|found| found.range()).collect()
        } else {
            vec![]
        };
        match self.search.get_or_init(|| Search::new(&self.known)) {
            Some(search) => search.find(piece, &mut spans),
            // Secrets that cannot be searched for could be anywhere.
            None if !self.known.is_empty() && !piece.is_empty() => spans.push(0..piece.len()),
            None => {}
        }
        spans.sort_by_key(|span| span.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for span in spans {
            match apart.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => apart.push(span),
            }
        }
        apart
    }
}

impl Search {
    /// Prepares the search; `None` when there is nothing to search for, or it is too much for one.
    fn new(known: &[Zeroizing<String>]) -> Option<Self> {
        let forms: Vec<Form> = known.iter().flat_map(|secret| forms::of(secret)).collect();
        if forms.is_empty() {
            return None;
        }
        // Overlapping occurrences count, too: the end of a second secret must not be left over.
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(forms.iter().map(|form| form.bytes.as_slice()))
            .ok()?;
        Some(Self { words, edges: forms.into_iter().map(|form| form.edges).collect() })
    }

    fn find(&self, piece: &str, spans: &mut Vec<Range<usize>>) {
        for view in View::all(piece.as_bytes()) {
            let text = view.text();
            for found in self.words.find_overlapping_iter(text) {
                let edges = self.edges[found.pattern().as_usize()];
                if let Some(span) = edges.judge(text, found.range()) {
                    let span = view.source(span);
                    let (start, end) = (span.start, span.end);
                    spans.push(piece.floor_char_boundary(start)..piece.ceil_char_boundary(end));
                }
            }
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.known.len())
    }
}
