//! What a change may not do whatever a model says of it: deterministic findings over a review bundle.
//!
//! The rules only ever add findings. They see every section, also those a policy keeps from the
//! model. `table` has what lines may not say, `paths` what belongs to the gate, `kinds` what is more
//! than lines; a row of a table is a rule, and a test has a case for each.
//!
//! Prose, comments and programs of tests speak about what they do not do, so there most patterns
//! tell without blocking. Not so words to the reviewer: it reads them wherever they stand.

mod finding;
mod invisible;
mod key_parts;
mod kinds;
mod lines;
mod paths;
mod place;
mod secrets;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ops_core::failure::{Exit, Failure, OrFail};
use regex::bytes::{RegexSet, RegexSetBuilder};
use review_bundle::{Section, Sign};

pub use finding::{Finding, Gate, Severity};
pub use paths::{GatePath, GatePaths};

use lines::{Logical, logical};
use place::Place;
use table::{Blocks, ROWS, Row};

/// The most findings of one rule in one file that are told one by one.
const PER_RULE: usize = 20;

/// The largest compiled set, bytes.
const SET_LIMIT: usize = 64 << 20;

/// What a repository's policy, as it was before the range, says to the rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// Globs of paths that belong to the gate, besides those that always do.
    pub gate_paths: Vec<String>,
    /// Whether a binary that is no program, and was no text, is told without blocking.
    pub binaries_are_noted: bool,
}

/// The rules under a policy.
#[derive(Debug)]
pub struct Rules {
    policy: Policy,
    paths: GatePaths,
    lines: RegexSet,
}

impl Rules {
    /// Prepares the rules.
    pub fn new(policy: &Policy) -> Result<Self, Failure> {
        let lines = RegexSetBuilder::new(ROWS.iter().map(|row| row.pattern))
            .case_insensitive(true)
            .unicode(false)
            .size_limit(SET_LIMIT)
            .dfa_size_limit(SET_LIMIT)
            .build()
            .or_fail(Exit::Internal, "compile the rules")?;
        let paths = GatePaths::new(&policy.gate_paths)?;
        Ok(Self { policy: policy.clone(), paths, lines })
    }

    /// Returns what is to be said about one section, by line.
    pub fn find(&self, section: &Section<'_>) -> Vec<Finding> {
        let mut found = self.whole(section);
        found.extend(self.in_lines(section));
        found.extend(hidden(section));
        let secrets = secrets::find(section);
        found.extend(key_parts::find(section, &secrets));
        found.extend(secrets.into_iter().map(|it| secrets::tell(section, it)));
        if secrets::name_is_secret(section.path) {
            let side = section.entry.new.as_ref().or(section.entry.old.as_ref());
            let oid = side.map_or("", |it| &it.oid);
            for it in &mut found {
                it.file = format!("…{oid}");
                it.detail = format!("its name is not told; it is {oid}");
            }
        }
        found.sort();
        found.dedup();
        few(found)
    }

    /// Judges the change as a whole: its path, its modes, its kind.
    fn whole(&self, section: &Section<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for told in kinds::CHECKS.iter().filter_map(|check| check.tell(section)) {
            let noted = told.rule == kinds::BINARY && self.policy.binaries_are_noted;
            found.push(Finding {
                file: section.entry.path.clone(),
                line: 0,
                rule: told.rule.to_owned(),
                gate: told.gate,
                severity: told.severity,
                blocks: told.blocks && !noted,
                is_rest: false,
                title: told.title.to_owned(),
                detail: format!("{} by this change", word(section)),
                suggestion: told.suggestion.to_owned(),
            });
        }
        if let Some(told) = self.paths.of(path(section)) {
            found.push(Finding {
                file: section.entry.path.clone(),
                line: 0,
                rule: told.id.to_owned(),
                gate: told.gate,
                severity: told.severity,
                blocks: false,
                is_rest: false,
                title: format!("{} is changed", told.what),
                detail: format!("{} by this change", word(section)),
                suggestion: "look at it as at a change of the gate itself".to_owned(),
            });
        }
        found
    }

    /// Tries the table on the lines that are new, on every two that follow each other, and on the
    /// name.
    fn in_lines(&self, section: &Section<'_>) -> Vec<Finding> {
        let place = place::place(path(section));
        let lines = logical(section.lines);
        let mut found = Vec::new();
        for line in &lines {
            let rows = self.lines.matches(&line.text).into_iter().filter_map(|at| ROWS.get(at));
            found.extend(rows.map(|row| tell_row(section, row, line, place)));
        }
        let everywhere = |row: &&Row| row.blocks == Blocks::Everywhere;
        for pair in lines.windows(2) {
            let joined = Logical {
                number: pair[0].number,
                text: [bare(&pair[0].text), b" ", bare(&pair[1].text)].concat(),
                is_comment: false,
            };
            let rows = self.lines.matches(&joined.text).into_iter().filter_map(|at| ROWS.get(at));
            let told = rows.filter(everywhere).map(|row| tell_row(section, row, &joined, place));
            let is_new = |it: &Finding| {
                let nearby = pair.iter().filter_map(|line| line.number);
                let mut nearby = nearby.map(|number| (number, &it.rule));
                !nearby.any(|(number, rule)| {
                    found.iter().any(|old| old.line == number && old.rule == *rule)
                })
            };
            let told: Vec<Finding> = told.filter(is_new).collect();
            found.extend(told);
        }
        let spaced =
            section.path.iter().map(|byte| if b"_-./+".contains(byte) { b' ' } else { *byte });
        let name = Logical { number: Some(0), text: spaced.collect(), is_comment: false };
        let rows = self.lines.matches(&name.text).into_iter().filter_map(|at| ROWS.get(at));
        found.extend(rows.filter(everywhere).map(|row| tell_row(section, row, &name, place)));
        if section.path.ends_with(b".gitattributes") {
            found.extend(attributes(section, &lines));
        }
        found
    }
}

fn path<'a>(section: &Section<'a>) -> &'a Path {
    Path::new(OsStr::from_bytes(section.path))
}

fn word(section: &Section<'_>) -> &'static str {
    match (&section.entry.old, &section.entry.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
}

/// Returns a line without what makes it a comment or a list, for reading on from the line before.
fn bare(line: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| b"/#*-!>;\" \t".contains(byte);
    let start = line.iter().position(|byte| !is_mark(byte)).unwrap_or(line.len());
    &line[start..]
}

fn tell_row(section: &Section<'_>, row: &Row, line: &Logical, place: Place) -> Finding {
    let is_read_only = place != Place::Code || line.is_comment;
    let blocks = match row.blocks {
        Blocks::Everywhere => true,
        Blocks::InCode => !is_read_only,
        Blocks::Nowhere => false,
    };
    let detail = match (line.number, blocks) {
        (Some(0), _) => "in the name".to_owned(),
        (_, true) => "in an added line".to_owned(),
        (_, false) => "in an added line that is not run".to_owned(),
    };
    Finding {
        file: section.entry.path.clone(),
        line: line.number.unwrap_or(0),
        rule: row.id.to_owned(),
        gate: row.gate,
        severity: row.severity,
        blocks,
        is_rest: false,
        title: row.title.to_owned(),
        detail,
        suggestion: row.suggestion.to_owned(),
    }
}

/// Finds attributes that make git, or a site that shows its files, hide a change.
fn attributes<'a>(
    section: &'a Section<'_>,
    lines: &'a [Logical],
) -> impl Iterator<Item = Finding> + 'a {
    const HIDING: &[&[u8]] =
        &[b"-diff", b"binary", b"linguist-generated", b"-text", b"diff=", b"filter="];
    let hides = |line: &&Logical| {
        let mut words = line.text.split(u8::is_ascii_whitespace).skip(1);
        words.any(|word| HIDING.iter().any(|it| word.starts_with(it)))
    };
    lines.iter().filter(hides).map(|line| Finding {
        file: section.entry.path.clone(),
        line: line.number.unwrap_or(0),
        rule: "check.attributes".to_owned(),
        gate: Gate::AllowlistBypass,
        severity: Severity::High,
        blocks: true,
        is_rest: false,
        title: "an attribute that hides changes".to_owned(),
        detail: "in an added line".to_owned(),
        suggestion: "let every file be shown".to_owned(),
    })
}

/// Finds lines with characters that nobody sees.
fn hidden<'a>(section: &'a Section<'_>) -> impl Iterator<Item = Finding> + 'a {
    let added = section.lines.iter().filter(|line| line.sign == Sign::Added);
    added.filter(|line| !line.bytes.is_ascii()).filter_map(|line| {
        let text = String::from_utf8_lossy(line.bytes);
        let found = invisible::first_hidden(&text, line.number == 1)?;
        Some(Finding {
            file: section.entry.path.clone(),
            line: line.number,
            rule: "text.hidden".to_owned(),
            gate: Gate::AllowlistBypass,
            severity: Severity::High,
            blocks: true,
            is_rest: false,
            title: "a character that is not seen".to_owned(),
            detail: format!("U+{:04X} in an added line", u32::from(found)),
            suggestion: "remove it, or write it as an escape".to_owned(),
        })
    })
}

/// Keeps so many findings of each rule that block, and as many that do not. What blocks and is not
/// kept is one finding more; of what does not, the last that is kept says how many there are.
fn few(found: Vec<Finding>) -> Vec<Finding> {
    let mut counts: BTreeMap<(String, bool), usize> = BTreeMap::new();
    let mut kept: Vec<Finding> = Vec::new();
    for it in found {
        let count = counts.entry((it.rule.clone(), it.blocks)).or_default();
        *count += 1;
        if *count <= PER_RULE {
            kept.push(it);
        }
    }
    for ((rule, blocks), count) in counts.into_iter().filter(|(_, count)| *count > PER_RULE) {
        let of_rule = |it: &&mut Finding| it.rule == rule && it.blocks == blocks;
        let Some(last) = kept.iter_mut().rfind(of_rule) else { continue };
        if !blocks {
            last.detail = format!("{}; {count} such lines in all", last.detail);
            continue;
        }
        let more = count - PER_RULE;
        let rest = Finding {
            line: 0,
            is_rest: true,
            title: format!("{more} more of rule {rule} in this file"),
            detail: format!("behind line {}; {PER_RULE} are told one by one", last.line),
            suggestion: "mend some, or have the file reviewed in smaller changes".to_owned(),
            ..last.clone()
        };
        kept.push(rest);
    }
    kept
}
