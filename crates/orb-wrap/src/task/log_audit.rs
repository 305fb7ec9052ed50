//! `orb_log_audit`: counts and samples of error patterns in logs of the repository.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};
use ops_core::report::Report;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Said, artifacts, param};

/// What is looked for when nobody says: the usual words for errors.
const USUAL: &str = "(?i)\\b(error|exception|fatal|panic|traceback|fail(ed|ure)?)\\b";
/// Samples kept of each pattern, and their length in characters.
const SAMPLES: usize = 20;
const SAMPLE: usize = 400;
/// The longest part of a line that is looked at, bytes.
const LINE: usize = 64 * 1024;

/// What was found: LOG_AUDIT.json, `aiops.log-audit/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// `aiops.log-audit/1`.
    pub schema: String,
    /// The files that were read, and their lines.
    pub files: BTreeMap<String, u64>,
    /// What could not be read.
    pub unread: Vec<String>,
    /// By pattern, in the order in which they were given.
    pub patterns: Vec<Found>,
}

/// What one pattern found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The pattern.
    pub pattern: String,
    /// Lines that match.
    pub count: u64,
    /// The same by file, without those that have none.
    pub by_file: BTreeMap<String, u64>,
    /// The first of them, as `file:line: text`, cut and redacted.
    pub samples: Vec<String>,
}

pub(crate) fn run(context: &Context) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let folder = artifacts(context)?;
    let given = param(context, "PATTERNS").unwrap_or(USUAL);
    let patterns: Vec<&str> = given.lines().filter(|it| !it.trim().is_empty()).collect();
    let regexes: Result<Vec<Regex>, _> = patterns.iter().map(|it| Regex::new(it)).collect();
    let regexes = regexes.or_fail(Exit::Malformed, "read the patterns")?;
    let top = Path::new(".");
    let files = chosen(host, top, param(context, "LOG_PATH"));
    if files.is_empty() {
        return Err(Failure::new(Exit::No, "find logs").because("NO_LOGS_FOUND"));
    }
    let mut audit = Audit {
        schema: "aiops.log-audit/1".to_owned(),
        files: BTreeMap::new(),
        unread: vec![],
        patterns: patterns
            .iter()
            .map(|it| Found {
                pattern: (*it).to_owned(),
                count: 0,
                by_file: BTreeMap::new(),
                samples: vec![],
            })
            .collect(),
    };
    for file in &files {
        let name = file.strip_prefix(top).unwrap_or(file).to_string_lossy().into_owned();
        match read(host, file, &name, &regexes, &mut audit, &|text| context.clean(text)) {
            Ok(lines) => drop(audit.files.insert(name, lines)),
            Err(err) => audit.unread.push(format!("{name}: {err}")),
        }
    }
    let text = serde_json::to_vec_pretty(&audit).or_fail(Exit::Internal, "write LOG_AUDIT.json")?;
    let done = host.replace_file(&folder.join("LOG_AUDIT.json"), &text, 0o640);
    done.or_fail(Exit::Unavailable, "write LOG_AUDIT.json")?;
    let count: u64 = audit.patterns.iter().map(|it| it.count).sum();
    Ok(Box::new(Said(format!("{count} matches in {} files", audit.files.len()))))
}

/// The files that a path means: a file, a folder with all below it, or names with `*` (within one
/// part of a path); every `*.log` when there is none. Links are not followed.
fn chosen(host: &Host, top: &Path, path: Option<&str>) -> Vec<PathBuf> {
    let parts: Option<Vec<&str>> = path.map(|it| it.split('/').collect());
    let mut files = vec![];
    let mut left = vec![(top.to_path_buf(), parts.clone(), false)];
    while let Some((folder, parts, is_below)) = left.pop() {
        for entry in host.list(&folder).unwrap_or_default() {
            let name = entry.name.to_string_lossy();
            if name == ".git" {
                continue;
            }
            let at = folder.join(&entry.name);
            match (&parts, entry.kind) {
                (None, Kind::Folder) => left.push((at, None, is_below)),
                (None, Kind::File) if is_below || has_end(&name) => files.push(at),
                (Some(parts), kind) => match (parts.split_first(), kind) {
                    (Some((first, [])), Kind::File) if fits(first, &name) => files.push(at),
                    (Some((first, [])), Kind::Folder) if fits(first, &name) => {
                        left.push((at, None, true));
                    }
                    (Some((first, rest)), Kind::Folder) if fits(first, &name) => {
                        left.push((at, Some(rest.to_vec()), false));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
    files.sort();
    files
}

fn has_end(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|it| it.eq_ignore_ascii_case("log"))
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = left.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

fn read(
    host: &Host,
    path: &Path,
    name: &str,
    regexes: &[Regex],
    audit: &mut Audit,
    clean: &dyn Fn(&str) -> String,
) -> std::io::Result<u64> {
    let (_, file) = host.open_plain(path)?;
    let mut lines = BufReader::new(file);
    let mut line = vec![];
    let mut number = 0;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(number);
        }
        number += 1;
        let text = String::from_utf8_lossy(line.get(..line.len().min(LINE)).unwrap_or_default());
        let text = text.trim_end();
        for (regex, found) in regexes.iter().zip(&mut audit.patterns) {
            if regex.is_match(text) {
                found.count += 1;
                *found.by_file.entry(name.to_owned()).or_default() += 1;
                if found.samples.len() < SAMPLES {
                    let sample: String = text.chars().take(SAMPLE).collect();
                    found.samples.push(clean(&format!("{name}:{number}: {sample}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_with_stars() {
        for (pattern, name, want) in [
            ("a.log", "a.log", true),
            ("a.log", "b.log", false),
            ("*.log", "a.log", true),
            ("*.log", ".log", true),
            ("*", "x", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn a_path_means_a_file_a_folder_or_names() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::real();
        for name in ["a.log", "b.txt", "logs/c.log", "logs/d.txt", "logs/in/e.log", ".git/f.log"] {
            let path = dir.path().join(name);
            host.make_dir(path.parent().unwrap(), 0o755).unwrap();
            host.replace_file(&path, b"x", 0o640).unwrap();
        }
        for (path, want) in [
            (None, vec!["a.log", "logs/c.log", "logs/in/e.log"]),
            (Some("logs"), vec!["logs/c.log", "logs/d.txt", "logs/in/e.log"]),
            (Some("logs/*.txt"), vec!["logs/d.txt"]),
            (Some("*/c.log"), vec!["logs/c.log"]),
            (Some("gone"), vec![]),
        ] {
            let found: Vec<PathBuf> = chosen(&host, dir.path(), path)
                .into_iter()
                .map(|it| it.strip_prefix(dir.path()).unwrap().to_path_buf())
                .collect();
            assert_eq!(found, want.iter().map(PathBuf::from).collect::<Vec<_>>(), "{path:?}");
        }
    }
}
