//! Scans what a unified diff adds.
//!
//! The diff is not believed: `file-patch` refuses what is not exactly a patch, but a gate must look
//! at the lines of a diff that lies, too. So here every line that starts with `+` is an added line
//! unless it is plainly a header, and headers only say which file and line it is told under.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::Rules;
use crate::finding::Finding;
use crate::text::{Part, scan_part, scan_path};

/// What was found in a diff.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DiffScan {
    /// What looks like a secret, in the order of the diff.
    pub findings: Vec<Finding>,
    /// Files the diff changes without showing how: their content was not looked at.
    pub binary: Vec<PathBuf>,
}

/// Where in a diff we are.
#[derive(Default)]
struct State {
    path: Option<PathBuf>,
    /// The name of the last `diff --git`, for files without `+++`.
    named: Option<PathBuf>,
    /// A `---` line was the last; so `+++` is a header.
    after_old_name: bool,
    /// Lines that the hunk's header still promises, old and new.
    left: (u64, u64),
    /// How many columns of signs lines have: more than one in a diff of a merge.
    columns: usize,
    /// The number of the next line of the new file.
    next_line: usize,
    added: Vec<u8>,
    /// For each added line, its number.
    numbers: Vec<usize>,
}

/// Scans a diff.
pub(crate) fn scan(rules: &Rules, diff: &[u8]) -> DiffScan {
    let mut scan = DiffScan::default();
    let mut state = State { columns: 1, next_line: 1, ..State::default() };
    for line in diff.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let in_hunk = state.left != (0, 0);
        let was_old_name = std::mem::take(&mut state.after_old_name);
        if was_old_name && text.starts_with(b"+++ ") {
            state.flush(rules, &mut scan);
            state.path = new_name(&text[4..]).or_else(|| state.named.clone());
            state.judge_name(rules, &text[4..], &mut scan);
        } else if text.starts_with(b"diff --git ") {
            state.flush(rules, &mut scan);
            state.left = (0, 0);
            state.named = git_name(&text[11..]);
            state.path.clone_from(&state.named);
        } else if let Some((columns, start, left)) = hunk_header(text) {
            state.flush(rules, &mut scan);
            (state.columns, state.next_line, state.left) = (columns, start, left);
        } else if !in_hunk && (text == b"GIT binary patch" || text.starts_with(b"Binary files ")) {
            let path = state.named.clone().or_else(|| state.path.clone()).unwrap_or_default();
            scan.findings.extend(scan_path(rules, &path));
            scan.binary.push(path);
        } else {
            state.after_old_name = !in_hunk && text.starts_with(b"--- ");
            state.content(line);
        }
    }
    state.flush(rules, &mut scan);
    scan
}

impl State {
    /// Takes a line that is no header.
    fn content(&mut self, line: &[u8]) {
        let is_sign = |byte: &&u8| b"+- \\".contains(byte);
        let signs = line.iter().take(self.columns).take_while(is_sign).count();
        let signs = &line[..signs];
        if signs.contains(&b'+') {
            self.added.extend_from_slice(&line[signs.len()..]);
            self.numbers.push(self.next_line);
        }
        let (is_removed, is_note) = (signs.contains(&b'-'), signs.starts_with(b"\\"));
        if !is_removed && !is_note {
            self.next_line = self.next_line.saturating_add(1);
            self.left.1 = self.left.1.saturating_sub(1);
        }
        if !signs.contains(&b'+') && !is_note {
            self.left.0 = self.left.0.saturating_sub(1);
        }
    }

    /// Scans a file's name, which can be a secret itself, and then is not told.
    fn judge_name(&mut self, rules: &Rules, name: &[u8], scan: &mut DiffScan) {
        let Some(path) = &mut self.path else { return };
        let found = scan_part(rules, &Part::whole(None, name));
        if !found.is_empty() {
            *path = key_shapes::ELLIPSIS.into();
        }
        let tell = |finding| Finding { path: Some(path.clone()), ..finding };
        scan.findings.extend(found.into_iter().map(tell));
        scan.findings.extend(scan_path(rules, path));
    }

    /// Scans the added lines gathered so far.
    fn flush(&mut self, rules: &Rules, scan: &mut DiffScan) {
        if self.added.is_empty() {
            return;
        }
        let part = Part::whole(self.path.as_deref(), &self.added);
        let number = |line: usize| self.numbers.get(line - 1).copied().unwrap_or(line);
        scan.findings.extend(scan_part(rules, &part).into_iter().map(|finding| Finding {
            line: number(finding.line),
            match_line: number(finding.match_line),
            ..finding
        }));
        self.added.clear();
        self.numbers.clear();
    }
}

/// Returns the columns of signs, the first new line and the counts of `@@ -1,2 +3,4 @@`; of a merge's
/// diff, `@@@ -1,2 -1,2 +3,4 @@@`, the old counts are added up.
fn hunk_header(text: &[u8]) -> Option<(usize, usize, (u64, u64))> {
    let ats = text.iter().take_while(|&&byte| byte == b'@').count();
    if ats < 2 {
        return None;
    }
    let ranges = std::str::from_utf8(text.split(|&byte| byte == b'@').nth(ats)?).ok()?;
    let (mut old, mut new) = (0_u64, None);
    for range in ranges.split_ascii_whitespace() {
        let (sign, numbers) = range.split_at_checked(1)?;
        let (start, count) = numbers.split_once(',').unwrap_or((numbers, "1"));
        let (start, count): (usize, u64) = (start.parse().ok()?, count.parse().ok()?);
        match sign {
            "-" => old = old.saturating_add(count),
            "+" => new = Some((start, count)),
            _ => return None,
        }
    }
    let (start, count) = new?;
    Some((ats - 1, start, (old, count)))
}

/// Returns the name in a `+++` line; none for `/dev/null`.
fn new_name(text: &[u8]) -> Option<PathBuf> {
    if let Some((name, _)) = file_patch::unquoted_name(text) {
        return Some(path(name.strip_prefix(b"b/").unwrap_or(&name)));
    }
    let name = text.split(|&byte| byte == b'\t').next().unwrap_or_default().trim_ascii_end();
    (name != b"/dev/null").then(|| path(name.strip_prefix(b"b/").unwrap_or(name)))
}

/// Returns the new name of `a/path b/path`, which is only sure when both are the same.
fn git_name(names: &[u8]) -> Option<PathBuf> {
    let names = names.trim_ascii_end();
    if let Some((_, rest)) = file_patch::unquoted_name(names) {
        let (name, _) = file_patch::unquoted_name(rest.trim_ascii_start())?;
        return Some(path(name.strip_prefix(b"b/").unwrap_or(&name)));
    }
    let (old, new) = names.split_at_checked(names.len() / 2)?;
    let new = new.strip_prefix(b" ")?;
    let (old, new) = (old.strip_prefix(b"a/").unwrap_or(old), new.strip_prefix(b"b/")?);
    (old == new).then(|| path(new))
}

fn path(name: &[u8]) -> PathBuf {
    OsString::from_vec(name.to_vec()).into()
}
