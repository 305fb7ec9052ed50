//! What all files together say: Include followed in sshd's order, Match scopes tracked.

use std::path::{Path, PathBuf};

use super::lexer::{Meaning, lines};
use crate::facts::SshdConfig;

/// How deep sshd follows Include lines (`SERVCONF_MAX_DEPTH`).
const DEEPEST: usize = 16;

/// Where in the order of things a line stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// It holds for the server.
    Global,
    /// Below `Match all`: it holds for the server too.
    MatchAll,
    /// Below another Match line, in this file or in one that includes it.
    Match,
}

/// One line that is no comment, where it stands, in the order in which sshd reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directive {
    /// The file, as Include lines name it.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// In lower case.
    pub keyword: Vec<u8>,
    /// The words behind it; `None` when a quote is left open.
    pub args: Option<Vec<Vec<u8>>>,
    /// Where it stands.
    pub scope: Scope,
}

impl Directive {
    /// Whether the keyword is this one, given in lower case.
    pub fn is(&self, name: &str) -> bool {
        self.keyword == name.as_bytes()
    }

    /// The first word behind the keyword, as text.
    pub fn value(&self) -> String {
        let first = self.args.as_deref().and_then(<[_]>::first);
        String::from_utf8_lossy(first.map_or(&[], Vec::as_slice)).into_owned()
    }
}

/// Every directive of the main file and all that it includes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// In sshd's order; a file that is included twice is here twice.
    pub directives: Vec<Directive>,
    /// What could not be followed: an included file that was not observed, or too deep a nest.
    pub broken: Vec<String>,
}

/// Follows the main file.
pub fn read(config: &SshdConfig) -> Reading {
    let mut reading = Reading::default();
    file(config, &config.main, Scope::Global, 0, &mut reading);
    reading
}

fn file(config: &SshdConfig, path: &Path, outer: Scope, depth: usize, reading: &mut Reading) {
    if depth > DEEPEST {
        reading.broken.push(format!("{}: Include lines nest too deep", path.display()));
        return;
    }
    let Some(found) = config.file(path) else {
        reading.broken.push(format!("{} was not read", path.display()));
        return;
    };
    let mut scope = outer;
    for (index, line) in lines(&found.text.0).into_iter().enumerate() {
        let Meaning::Directive { keyword, args } = line.meaning else { continue };
        let directive = Directive { file: path.into(), line: index + 1, keyword, args, scope };
        if directive.is("match") {
            // What is included below a Match that does not hold never holds, whatever it says.
            scope = match (outer, directive.value().eq_ignore_ascii_case("all")) {
                (Scope::Match, _) | (_, false) => Scope::Match,
                (_, true) => Scope::MatchAll,
            };
        }
        let is_include = directive.is("include");
        reading.directives.push(directive);
        if is_include {
            for included in config.included(path, index + 1) {
                file(config, included, scope, depth + 1, reading);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Included, TextFile};

    #[test]
    fn scopes_follow_match_lines_into_included_files_and_do_not_leak_out() {
        let file = |path: &str, text: &str| TextFile {
            path: path.into(),
            real: path.into(),
            text: text.into(),
        };
        let included = |line, path: &str| Included {
            file: "main".into(),
            line,
            pattern: path.into(),
            paths: vec![path.into()],
        };
        let config = SshdConfig {
            main: "main".into(),
            files: vec![
                file("main", "a 1\nInclude x\nb 1\nMatch User y\nInclude z\nc 1\nMatch all\nd 1\n"),
                file("x", "e 1\nMatch Host h\nf 1\n"),
                file("z", "Match all\ng 1\n"),
            ],
            includes: vec![included(2, "x"), included(5, "z")],
        };
        let told: Vec<String> = read(&config)
            .directives
            .iter()
            .filter(|it| it.keyword.len() == 1)
            .map(|it| format!("{} {:?}", String::from_utf8_lossy(&it.keyword), it.scope))
            .collect();
        let want =
            ["a Global", "e Global", "f Match", "b Global", "g Match", "c Match", "d MatchAll"];
        assert_eq!(told, want);
    }
}
