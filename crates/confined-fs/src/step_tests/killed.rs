//! Stopped before every system call, for good or for one call only.

use super::*;
use crate::sys::gate;

/// Calls `case` with a fresh ground for each number of system calls after which `step` is killed.
fn killed_everywhere(motion: Motion, first: &[Step], step: Step, case: impl Fn(&Ground, &str)) {
    for killed_at in 0.. {
        let ground = Ground::after(motion, first);
        let (_, calls) = gate::with(move |count| count < killed_at, || ground.run(step));
        case(&ground, &format!("{motion:?}, {first:?}, {step:?} killed before call {killed_at}"));
        if calls <= killed_at {
            assert!(killed_at > 2, "the hook saw no system calls");
            return;
        }
    }
}

#[test]
fn a_change_killed_anywhere_can_be_completed() {
    for motion in MOTIONS {
        let stories: [(&[Step], Step); 6] = [
            (&[], Prepare),
            (&[Prepare], Prepare),
            (&[Prepare], Commit),
            (&[Prepare, Commit], Finish),
            (&[Prepare, Commit], Undo),
            (&[Prepare, Commit, Undo], Finish),
        ];
        for (first, step) in stories {
            killed_everywhere(motion, first, step, |ground, label| {
                ground.roll_forward().unwrap_or_else(|fault| panic!("{label}: {fault}"));
                ground.assert_holds(motion.1, label);
                assert_eq!(ground.tree.state(&ground.change).unwrap(), Side::After, "{label}");
            });
        }
    }
}

#[test]
fn a_change_killed_anywhere_before_finish_can_be_taken_back() {
    for motion in MOTIONS {
        let stories: [(&[Step], Step); 5] = [
            (&[], Prepare),
            (&[Prepare], Prepare),
            (&[Prepare], Commit),
            (&[Prepare, Commit], Undo),
            (&[Prepare, Commit, Undo], Finish),
        ];
        for (first, step) in stories {
            killed_everywhere(motion, first, step, |ground, label| {
                ground.roll_back().unwrap_or_else(|fault| panic!("{label}: {fault}"));
                ground.assert_holds(motion.0, label);
            });
        }
    }
}

#[test]
fn one_failing_system_call_changes_nothing() {
    for (motion, (first, step)) in MOTIONS.into_iter().flat_map(|m| MOVES.map(|moves| (m, moves))) {
        for failing in 0.. {
            let ground = Ground::after(motion, first);
            let (outcome, calls) = gate::with(move |count| count != failing, || ground.run(step));
            let label = format!("{motion:?} {step:?} call {failing} fails: {outcome:?}");
            if calls <= failing {
                outcome.unwrap();
                break;
            }
            assert!(outcome.unwrap_err().is_transient(), "{label}");
            let start = if step == Commit { motion.0 } else { motion.1 };
            assert_eq!(ground.file().as_deref(), start, "{label}");
            ground.run(step).unwrap();
        }
    }
}

#[test]
fn a_prepare_that_fails_takes_its_folders_away_again() {
    for failing in 0.. {
        let mut ground = Ground::new((None, Some(NEW)));
        ground.change.path = RelPath::parse("d/a/b/x").unwrap();
        let prepare = || ground.tree.prepare(&ground.change);
        let (outcome, calls) = gate::with(move |count| count != failing, prepare);
        if calls <= failing {
            let made = outcome.unwrap();
            assert_eq!(made.iter().map(RelPath::as_str).collect::<Vec<_>>(), ["d/a", "d/a/b"]);
            return;
        }
        assert!(outcome.unwrap_err().is_transient());
        assert!(ground.names("tree/d").is_empty(), "call {failing} failed");
    }
}
