//! Real git, by itself: no configuration of the machine's, fixed names and times.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use review_bundle::{Bundle, Exclusion, Exclusions, Repository, Section, build};
use tempfile::TempDir;

/// A repository of a test.
pub(crate) struct Git {
    _temp: TempDir,
    pub(crate) dir: PathBuf,
}

impl Git {
    pub(crate) fn new() -> Self {
        Self::with_format("sha1")
    }

    pub(crate) fn with_format(format: &str) -> Self {
        let temp = TempDir::new().expect("a folder");
        let dir = temp.path().join("work");
        std::fs::create_dir(&dir).expect("a folder");
        let git = Self { _temp: temp, dir };
        git.run(&["init", "-q", "-b", "main", "--object-format", format]);
        git
    }

    pub(crate) fn run(&self, args: &[&str]) -> String {
        self.feed(args, b"")
    }

    /// Runs git with something on its standard input; returns what it says, trimmed.
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> String {
        let text = String::from_utf8(self.bytes(args, input)).expect("UTF-8");
        text.trim_end().to_owned()
    }

    pub(crate) fn bytes(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("git")
            .args(args)
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .envs([("HOME", "/nonexistent"), ("LC_ALL", "C"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0")])
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example")])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c@example")])
            .envs([("GIT_AUTHOR_DATE", "@1700000000 +0000")])
            .envs([("GIT_COMMITTER_DATE", "@1700000000 +0000")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git starts");
        child.stdin.take().expect("a pipe").write_all(input).expect("git reads");
        let done = child.wait_with_output().expect("git ends");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {args:?}: {said}");
        done.stdout
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.dir.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    /// Commits everything; returns the commit.
    pub(crate) fn commit(&self) -> String {
        self.run(&["add", "-A"]);
        self.run(&["commit", "-q", "--allow-empty", "-m", "a change"]);
        self.run(&["rev-parse", "HEAD"])
    }

    /// Stores a blob; returns its oid.
    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        self.feed(&["hash-object", "-w", "--stdin"], bytes)
    }

    /// Commits a tree of exactly these entries, whatever a file system would say to their names.
    pub(crate) fn commit_index(&self, entries: &[(&str, &str, &[u8])]) -> String {
        self.run(&["read-tree", "--empty"]);
        let mut input = Vec::new();
        for (mode, oid, path) in entries {
            input.extend(format!("{mode} {oid}\t").bytes());
            input.extend(*path);
            input.push(0);
        }
        self.feed(&["update-index", "-z", "--add", "--index-info"], &input);
        self.commit_tree(&self.run(&["write-tree"]))
    }

    pub(crate) fn commit_tree(&self, tree: &str) -> String {
        self.run(&["commit-tree", tree, "-m", "a tree"])
    }
}

/// Opens, resolves and renders.
pub(crate) struct Rendered {
    pub(crate) repository: Repository,
    pub(crate) bundle: Bundle,
    pub(crate) text: String,
    /// Every section that was seen: path, text, lines with their signs.
    pub(crate) seen: Vec<(Vec<u8>, String, Vec<Vec<u8>>)>,
}

pub(crate) fn rendered(dir: &Path, since: &str, to: &str) -> Rendered {
    rendered_with(dir, since, to, &[], 1 << 20)
}

pub(crate) fn rendered_with(
    dir: &Path,
    since: &str,
    to: &str,
    exclude: &[(&str, &str)],
    max_blob_bytes: u64,
) -> Rendered {
    let repository = Repository::discover(dir).expect("a repository");
    let range = repository.range(since, to).expect("a range");
    let exclusion = |(glob, reason): &(&str, &str)| Exclusion {
        glob: (*glob).into(),
        reason: (*reason).into(),
    };
    let exclusions = Exclusions::new(exclude.iter().map(exclusion)).expect("globs");
    let mut seen = Vec::new();
    let mut look = |section: &Section<'_>| {
        let lines = section.lines.iter().map(|line| line.bytes.to_vec()).collect();
        seen.push((section.path.to_vec(), section.text.to_owned(), lines));
    };
    let bundle =
        build(&repository, &range, &exclusions, max_blob_bytes, &mut look).expect("a bundle");
    let text = bundle.text(&repository).expect("a text");
    Rendered { repository, bundle, text, seen }
}

impl Rendered {
    /// Returns the section of a path.
    pub(crate) fn section(&self, path: &str) -> &str {
        let section = self.seen.iter().find(|(seen, ..)| seen == path.as_bytes());
        &section.unwrap_or_else(|| panic!("{path} is in {}", self.text)).1
    }
}
