//! Tries the rules on one text.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use memchr::memmem;
use regex_automata::Input;
use regex_automata::util::captures::Captures;

use crate::Rules;
use crate::allow::Candidate;
use crate::finding::Finding;
use crate::lines::{Lines, Place};
use crate::rule::{Rule, Trust, entropy};

/// What in a line says that it is meant.
const MARKERS: [&str; 2] = ["aiops:allow", "gitleaks:allow"];

/// How much of a line an allowlist sees on either side of a match, bytes. Lines without end would
/// else be read again for every match in them.
const LINE_SEEN: usize = 1024;

/// A part of a text that is scanned by itself.
pub(crate) struct Part<'a> {
    pub(crate) path: Option<&'a Path>,
    pub(crate) text: &'a [u8],
    /// Where secrets must start to be told; the rest is there for what lies around them.
    pub(crate) own: Range<usize>,
    /// Where in the whole the part starts.
    pub(crate) origin: Place,
}

impl<'a> Part<'a> {
    /// A text that is scanned in one go.
    pub(crate) fn whole(path: Option<&'a Path>, text: &'a [u8]) -> Self {
        Self { path, text, own: 0..text.len(), origin: Place::START }
    }
}

/// What a rule found, as offsets.
struct Hit {
    secret: Range<usize>,
    matched: Range<usize>,
    rule: usize,
}

/// Scans a part of a text.
pub(crate) fn scan_part(rules: &Rules, part: &Part<'_>) -> Vec<Finding> {
    let mut hits = Vec::new();
    for (at, windows) in windows(rules, part).into_iter().enumerate() {
        if !windows.is_empty() {
            try_rule(rules, at, &windows, part, &mut hits);
        }
    }
    if hits.is_empty() {
        return Vec::new();
    }
    let lines = Lines::new(part.text, part.origin);
    let markers = markers(part.text);
    hits.retain(|hit| {
        let line = lines.around(&hit.matched);
        let next = markers.partition_point(|&marker| marker < line.start);
        let is_meant = markers.get(next).is_some_and(|&marker| marker < line.end);
        !is_meant && !is_allowed(rules, hit, part, &line)
    });
    let mut findings: Vec<Finding> =
        surest(rules, hits).iter().map(|hit| tell(rules, hit, part, &lines)).collect();
    findings.sort();
    findings
}

/// Returns, for each rule, where in the text it is to be tried: around its words.
fn windows(rules: &Rules, part: &Part<'_>) -> Vec<Vec<Range<usize>>> {
    let mut windows: Vec<Vec<Range<usize>>> = vec![Vec::new(); rules.all.len()];
    let mut is_for: Vec<Option<bool>> = vec![None; rules.all.len()];
    for word in rules.words.find_overlapping_iter(part.text) {
        for &at in &rules.users[word.pattern().as_usize()] {
            let (rule, windows) = (&rules.all[at], &mut windows[at]);
            let Some(regex) = &rule.regex else { continue };
            if !*is_for[at].get_or_insert_with(|| rule.is_for(part.path)) {
                continue;
            }
            let window = match regex.get().longest {
                None => 0..part.text.len(),
                Some(longest) => {
                    let end = word.start().saturating_add(longest).min(part.text.len());
                    word.end().saturating_sub(longest)..end.max(word.end())
                }
            };
            match windows.last_mut() {
                Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
                _ => windows.push(window),
            }
        }
    }
    windows
}

fn try_rule(
    rules: &Rules,
    at: usize,
    windows: &[Range<usize>],
    part: &Part<'_>,
    hits: &mut Vec<Hit>,
) {
    let rule = &rules.all[at];
    let Some(regex) = &rule.regex else { return };
    for window in windows {
        // The window bounds the search, yet what lies outside still counts for `\b` and `$`.
        let input = Input::new(part.text).range(window.clone());
        for captures in regex.regex().captures_iter(input) {
            let Some(matched) = captures.get_match().map(|it| it.range()) else { continue };
            let secret = secret(rule, &captures, &matched);
            if part.own.contains(&secret.start) && is_likely(rule, &part.text[secret.clone()]) {
                hits.push(Hit { secret, matched, rule: at });
            }
        }
    }
}

/// Returns which part of a match is the secret.
fn secret(rule: &Rule, captures: &Captures, matched: &Range<usize>) -> Range<usize> {
    let group = match rule.group {
        0 => (1..captures.group_len()).find_map(|at| captures.get_group(at)),
        group => captures.get_group(group),
    };
    group.map_or_else(|| matched.clone(), |span| span.range())
}

fn is_likely(rule: &Rule, secret: &[u8]) -> bool {
    !secret.is_empty()
        && rule.entropy.is_none_or(|least| entropy(secret) > least)
        && !rule.doubt.is_some_and(|is_made_up| is_made_up(secret))
}

fn is_allowed(rules: &Rules, hit: &Hit, part: &Part<'_>, line: &Range<usize>) -> bool {
    let rule = &rules.all[hit.rule];
    let from = line.start.max(hit.matched.start.saturating_sub(LINE_SEEN));
    let to = line.end.min(hit.matched.end.saturating_add(LINE_SEEN)).max(from);
    let mut candidate = Candidate {
        path: part.path,
        secret: &part.text[hit.secret.clone()],
        matched: &part.text[hit.matched.clone()],
        line: &part.text[from..to],
    };
    if rule.allow.iter().any(|allow| allow.allows(&candidate)) {
        return true;
    }
    // A key with a shape of its own is one in any file: a lock file or a picture's text is no excuse.
    if rule.trust == Trust::Shape {
        candidate.path = None;
    }
    rules.common.allows(&candidate)
}

/// Returns where the text has something that says "this is meant".
fn markers(text: &[u8]) -> Vec<usize> {
    let mut found: Vec<usize> =
        MARKERS.iter().flat_map(|marker| memmem::find_iter(text, marker)).collect();
    found.sort_unstable();
    found
}

/// Keeps, of hits on the same bytes, the one whose rule is the surest; of equally sure ones the
/// longest, since some of gitleaks' rules state lengths that no one promised.
fn surest(rules: &Rules, mut hits: Vec<Hit>) -> Vec<Hit> {
    let order = |hit: &Hit| {
        (rules.all[hit.rule].trust, Reverse(hit.secret.len()), hit.rule, hit.secret.start)
    };
    hits.sort_by_key(order);
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    hits.retain(|hit| {
        let Range { start, end } = hit.secret;
        let before = taken.range(..end).next_back();
        let is_free = before.is_none_or(|(_, &taken_to)| taken_to <= start);
        if is_free {
            taken.insert(start, end);
        }
        is_free
    });
    hits
}

fn tell(rules: &Rules, hit: &Hit, part: &Part<'_>, lines: &Lines) -> Finding {
    let rule = &rules.all[hit.rule];
    let place = lines.place(hit.secret.start);
    Finding {
        path: part.path.map(Path::to_path_buf),
        line: place.line,
        column: place.column,
        match_line: lines.place(hit.matched.start).line,
        rule: rule.id.clone(),
        description: rule.description.clone(),
        masked: key_shapes::mask(&String::from_utf8_lossy(&part.text[hit.secret.clone()])),
    }
}

/// Returns the findings of rules that go by the file's name alone.
pub(crate) fn scan_path(rules: &Rules, path: &Path) -> Vec<Finding> {
    let by_name = |rule: &&Rule| rule.regex.is_none() && rule.is_for(Some(path));
    let tell = |rule: &Rule| Finding {
        path: Some(path.to_path_buf()),
        line: 1,
        column: 1,
        match_line: 1,
        rule: rule.id.clone(),
        description: rule.description.clone(),
        masked: key_shapes::ELLIPSIS.to_owned(),
    };
    rules.all.iter().filter(by_name).map(tell).collect()
}
