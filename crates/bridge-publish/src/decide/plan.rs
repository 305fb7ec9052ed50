//! Which commits to make, in which order, and what they say.

/// An executed command whose files are complete on disk and not all in the tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) id: Vec<u8>,
    pub(crate) exit: Option<i64>,
    /// Microseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) paths: Vec<Vec<u8>>,
}

/// A rejected document that is not in the tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DeadLetter {
    pub(crate) name: Vec<u8>,
    pub(crate) reason: Option<String>,
    /// Microseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) path: Vec<u8>,
}

/// What a commit does to one path.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Change {
    /// It gets the content that is on disk.
    Write(Vec<u8>),
    /// It goes.
    Remove(Vec<u8>),
}

impl Change {
    /// The path, `/`-separated, below the root.
    pub(crate) fn path(&self) -> &[u8] {
        match self {
            Self::Write(path) | Self::Remove(path) => path,
        }
    }
}

/// A commit to make.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Commit {
    pub(crate) subject: String,
    pub(crate) body: Option<String>,
    /// Seconds since the epoch; `None` for now.
    pub(crate) at: Option<i64>,
    pub(crate) changes: Vec<Change>,
    /// Whether every file must be there for the commit to be made.
    pub(crate) whole: bool,
}

/// Changes without a command, by folder: each kind is a commit of its own. Logs follow the last.
const UPDATES: &[(&str, &str)] = &[
    ("context/", "bridge: context update"),
    ("summaries/", "bridge: summaries update"),
    ("meta/", "bridge: retries index update"),
    ("logs/", "bridge: log update"),
];

/// Plans the commits: one for each command, oldest first. Files that change go along with the
/// last of them, or get commits of their own when there is none.
pub(crate) fn commits(
    outcomes: Vec<Outcome>,
    dead_letters: Vec<DeadLetter>,
    changes: Vec<Change>,
) -> Vec<Commit> {
    let mut all: Vec<(i64, Vec<u8>, Commit)> = Vec::new();
    for outcome in outcomes {
        let exit = outcome.exit.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        let commit = Commit {
            subject: format!("bridge: results {} (exit={exit})", printable(&outcome.id)),
            body: None,
            at: Some(outcome.at.div_euclid(1_000_000)),
            changes: outcome.paths.into_iter().map(Change::Write).collect(),
            whole: true,
        };
        all.push((outcome.at, outcome.id, commit));
    }
    for letter in dead_letters {
        let reason = letter.reason.filter(|reason| is_code(reason));
        let commit = Commit {
            subject: format!("bridge: DLQ {}", reason.as_deref().unwrap_or("unknown")),
            body: Some(printable(&letter.name)),
            at: Some(letter.at.div_euclid(1_000_000)),
            changes: vec![Change::Write(letter.path)],
            whole: true,
        };
        all.push((letter.at, letter.name, commit));
    }
    all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut commits: Vec<Commit> = all.into_iter().map(|(_, _, commit)| commit).collect();
    if let Some(last) = commits.last_mut() {
        last.changes.extend(changes);
        return commits;
    }
    for (folder, subject) in UPDATES {
        let own = changes.iter().filter(|change| change.path().starts_with(folder.as_bytes()));
        let own: Vec<Change> = own.cloned().collect();
        match commits.last_mut().filter(|_| *folder == "logs/") {
            _ if own.is_empty() => {}
            Some(last) => last.changes.extend(own),
            None => commits.push(Commit {
                subject: (*subject).to_owned(),
                body: None,
                at: None,
                changes: own,
                whole: false,
            }),
        }
    }
    commits
}

/// Reason codes are lower-case words; anything else in their place is not repeated in a subject.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// A name on one line, whatever it was.
fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, at: i64, exit: Option<i64>) -> Outcome {
        let paths = vec![format!("archive/{id}.json").into_bytes()];
        Outcome { id: id.into(), exit, at, paths }
    }

    fn letter(name: &str, at: i64, reason: &str) -> DeadLetter {
        let path = format!("dead_letter/{name}.json").into_bytes();
        DeadLetter { name: name.into(), reason: Some(reason.into()), at, path }
    }

    fn writes(paths: &[&str]) -> Vec<Change> {
        paths.iter().map(|path| Change::Write(path.as_bytes().to_vec())).collect()
    }

    fn subjects(commits: &[Commit]) -> Vec<&str> {
        commits.iter().map(|commit| commit.subject.as_str()).collect()
    }

    #[test]
    fn each_command_is_a_commit_in_the_order_of_time_then_id() {
        let commits = commits(
            vec![outcome("b", 2_000_000, Some(0)), outcome("a", 2_000_000, None)],
            vec![letter("x", 1_999_999, "bad_hmac"), letter("y", 3_000_000, "no code\n")],
            writes(&["logs/bridge.log", "meta/retries.json"]),
        );
        assert_eq!(
            subjects(&commits),
            [
                "bridge: DLQ bad_hmac",
                "bridge: results a (exit=unknown)",
                "bridge: results b (exit=0)",
                "bridge: DLQ unknown",
            ]
        );
        assert_eq!(commits[0].body.as_deref(), Some("x"));
        assert_eq!((commits[0].at, commits[1].at), (Some(1), Some(2)));
        let counts: Vec<usize> = commits.iter().map(|commit| commit.changes.len()).collect();
        assert_eq!(counts, [1, 1, 1, 3]);
    }

    #[test]
    fn changes_without_a_command_are_commits_by_kind_and_logs_follow_the_last() {
        for (paths, want) in [
            (&[][..], &[][..]),
            (&["logs/bridge.log"], &["bridge: log update"]),
            (&["meta/retries.json", "logs/bridge.log"], &["bridge: retries index update"]),
            (
                &["meta/held/x.json", "context/a", "summaries/b", "logs/bridge.log"],
                &[
                    "bridge: context update",
                    "bridge: summaries update",
                    "bridge: retries index update",
                ],
            ),
        ] {
            let commits = commits(vec![], vec![], writes(paths));
            assert_eq!(subjects(&commits), want);
            assert_eq!(commits.iter().map(|it| it.changes.len()).sum::<usize>(), paths.len());
        }
    }

    #[test]
    fn a_name_stays_on_one_line() {
        assert_eq!(printable(b"a\nb\x1b\xff"), "a?b?\u{fffd}");
    }
}
