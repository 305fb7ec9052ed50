//! How a job ended, and what its own words say. Pure.

use jobs::{Change, Count, Status};
use sandbox::Ended;

/// How it ended, and why in a word. A change overrides everything.
pub(crate) fn status(ended: Ended, changes: &[Change], all_gone: bool) -> (Status, Option<String>) {
    let word = |text: &str| Some(text.to_owned());
    let (status, error) = match ended {
        Ended::Code(0) => (Status::Success, None),
        Ended::Code(_) => (Status::Failure, word("EXIT_CODE")),
        Ended::Deadline => (Status::Timeout, word("DEADLINE")),
        Ended::Memory => (Status::Failure, word("MEMORY_LIMIT")),
        Ended::Files => (Status::Failure, word("ARTIFACT_LIMIT")),
        Ended::DiskShort => (Status::Error, word("DISK_SHORT")),
        Ended::MemoryShort => (Status::Error, word("MEMORY_SHORT")),
        Ended::Stopped => (Status::Error, word("STOPPED")),
    };
    match (changes.is_empty(), all_gone) {
        (false, _) => (Status::MutationDetected, word("MUTATION_DETECTED")),
        (true, false) => (Status::Error, word("PROCESSES_LEFT")),
        (true, true) => (status, error),
    }
}

/// The last `N/M` that a doctor's words hold: what passed of all.
pub(crate) fn count(text: &str) -> Option<Count> {
    text.lines().rev().find_map(|line| {
        let mut found = None;
        for (at, _) in line.match_indices('/') {
            let (before, after) = line.split_at(at);
            let passed = before.chars().rev().take_while(char::is_ascii_digit).count();
            let after = after.get(1..).unwrap_or_default();
            let total = after.bytes().take_while(u8::is_ascii_digit).count();
            let edge = |c: Option<char>| {
                c.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '/' | '.' | '-' | '_'))
            };
            let head = before.get(..before.len() - passed).unwrap_or_default();
            let tail = after.get(total..).unwrap_or_default();
            let passed = before.get(head.len()..).and_then(|it| it.parse::<u64>().ok());
            let total = after.get(..total).and_then(|it| it.parse::<u64>().ok());
            let ends = edge(head.chars().last()) && edge(tail.chars().next().filter(|c| *c != '.'));
            if let (Some(passed), Some(total), true) = (passed, total, ends)
                && passed <= total
                && total > 0
            {
                found = Some(Count { passed, total });
            }
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobs::ChangeKind;

    #[test]
    fn a_change_overrides_every_ending() {
        let change = Change { path: "a".into(), kind: ChangeKind::Modified };
        for (ended, want) in [
            (Ended::Code(0), Status::Success),
            (Ended::Code(3), Status::Failure),
            (Ended::Code(137), Status::Failure),
            (Ended::Deadline, Status::Timeout),
            (Ended::Memory, Status::Failure),
            (Ended::Files, Status::Failure),
            (Ended::DiskShort, Status::Error),
            (Ended::MemoryShort, Status::Error),
            (Ended::Stopped, Status::Error),
        ] {
            assert_eq!(status(ended, &[], true).0, want);
            assert_eq!(status(ended, &[], false).0, Status::Error);
            for gone in [true, false] {
                let (found, _) = status(ended, std::slice::from_ref(&change), gone);
                assert_eq!(found, Status::MutationDetected);
            }
        }
    }

    #[test]
    fn a_doctors_count_is_its_last_whole_fraction() {
        for (text, want) in [
            ("ok\nPASS 11/12 checks\n", Some((11, 12))),
            ("1/3\n[2/3]\n3/3.\n", Some((3, 3))),
            ("checked (7/7)\nbye", Some((7, 7))),
            ("see docs/1/2 and a/b", None),
            ("2026/11/21", None),
            ("4/3", None),
            ("0/0", None),
            ("", None),
            ("99999999999999999999999/1", None),
            ("ä3/4ä", None),
        ] {
            let got = count(text).map(|it| (it.passed, it.total));
            assert_eq!(got, want, "{text}");
        }
    }
}
