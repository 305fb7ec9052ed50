//! Where a line stands: in something that is run, or in something that is only read.

use std::path::Path;

/// What a file is, by its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// It can be run, or nobody knows.
    Code,
    /// Prose for people.
    Prose,
    /// A test's data, or its program in a language whose strings are not run: there a pattern is
    /// data as well.
    Test,
}

/// Endings of prose.
const PROSE: &[&str] = &["adoc", "md", "rst"];

/// Endings of languages that do not run what their lines say as a shell does.
const COMPILED: &[&str] = &["c", "cc", "cpp", "go", "h", "hpp", "java", "kt", "rs", "swift"];

/// Endings of what nothing runs.
const DATA: &[&str] = &["csv", "diff", "json", "patch", "snap", "txt", "xml"];

/// Folders of tests.
const TESTS: &[&str] = &["benches", "fixtures", "seeds", "test", "testdata", "tests"];

/// Returns what a file is.
pub(crate) fn place(path: &Path) -> Place {
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let name = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
    let in_tests = path
        .parent()
        .is_some_and(|folder| folder.iter().any(|part| TESTS.iter().any(|it| part == *it)));
    let is_unit_test = name == "tests" || name.ends_with("_test") || name.ends_with("_tests");
    let is_data = in_tests && DATA.contains(&ending);
    if PROSE.contains(&ending) {
        Place::Prose
    } else if is_data || (in_tests || is_unit_test) && COMPILED.contains(&ending) {
        Place::Test
    } else {
        Place::Code
    }
}

/// Returns whether a line is a comment in whatever language: what follows `//` or `#` is run by
/// none, also not by a shell to which the line is fed. `#!`, attributes, what C's preprocessor takes,
/// and a path that begins with two slashes are none.
pub(crate) fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    if let Some(rest) = line.strip_prefix(b"//") {
        let first = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let is_path = first.first().is_some_and(u8::is_ascii_alphanumeric) && first.contains(&b'/');
        return !is_path;
    }
    let Some(rest) = line.strip_prefix(b"#") else { return false };
    let word = rest.trim_ascii_start();
    !rest.starts_with(b"!")
        && !rest.starts_with(b"[")
        && !DIRECTIVES.iter().any(|it| word.starts_with(it))
}

/// What C's preprocessor takes that can hold a program's text.
const DIRECTIVES: &[&[u8]] = &[b"define", b"include", b"pragma", b"import"];
