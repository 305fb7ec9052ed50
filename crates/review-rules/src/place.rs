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
/// none, also not by a shell to which the line is fed. `#!` and attributes are none.
pub(crate) fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"//")
        || (line.starts_with(b"#") && !line.starts_with(b"#!") && !line.starts_with(b"#["))
}
