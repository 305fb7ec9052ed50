use gix::refs::FullName;

use super::*;
use crate::facts::Candidate;
use crate::lines::Update;

fn id(digit: u8) -> ObjectId {
    ObjectId::from_hex(format!("{digit:02x}").repeat(20).as_bytes()).unwrap()
}

const OLD: u8 = 1;
const TIP: u8 = 2;

fn base(digit: u8) -> Base {
    Base { id: id(digit), advances: None }
}

fn candidate(since: u8, to: u8) -> Candidate {
    Candidate { to: id(to), since: id(since), is_ancestor: false, trust: Ok("a@example".into()) }
}

/// An update from OLD to TIP with a verdict about exactly that.
fn good() -> Facts {
    let reference = FullName::try_from("refs/heads/main").unwrap();
    Facts {
        update: Update { reference, old: Some(id(OLD)), new: Some(id(TIP)) },
        is_protected: true,
        local: Some(Peeled::Commit(id(TIP))),
        remote: Some(Peeled::Commit(id(OLD))),
        ground: Ground::From(vec![base(OLD)]),
        candidates: vec![candidate(OLD, TIP)],
        unreadable: vec![],
    }
}

fn of(change: impl FnOnce(&mut Facts)) -> Result<Moved, Refusal> {
    let mut facts = good();
    change(&mut facts);
    match decide(&facts, Mode::PrePush) {
        (moved, None) => Ok(moved),
        (_, Some(refusal)) => Err(refusal),
    }
}

#[test]
fn what_is_covered_and_trusted_moves() {
    let moved = of(|_| {}).unwrap();
    assert_eq!(moved.outcome, Outcome::Allowed);
    assert_eq!(moved.to_sha, Some(id(TIP).to_string()));
    // The remote has a baseline advance on what the verdict starts from.
    let advance = Base { id: id(OLD), advances: Some(id(9)) };
    assert!(
        of(|it| {
            it.ground = Ground::From(vec![advance]);
            it.candidates = vec![candidate(9, TIP)];
        })
        .is_ok()
    );
    // Nothing is new there but the advance on top; or nothing at all.
    for there in [OLD, TIP] {
        let older = |is_ancestor| Candidate { is_ancestor, ..candidate(9, OLD) };
        assert!(
            of(|it| {
                it.ground = Ground::From(vec![base(there)]);
                it.candidates = vec![older(true)];
            })
            .is_ok()
        );
        assert!(
            of(|it| {
                it.ground = Ground::From(vec![base(there)]);
                it.candidates = vec![older(false)];
            })
            .is_err()
        );
    }
    assert_eq!(of(|it| it.is_protected = false).unwrap().outcome, Outcome::Unprotected);
}

#[test]
fn each_refusal_says_what_was_expected_found_and_is_next() {
    type Change = fn(&mut Facts);
    let rows: &[(&str, &str, &str, Change)] = &[
        ("stays", "a deletion", "server", |it| it.local = None),
        ("a commit", "a blob", "git tag", |it| it.local = Some(Peeled::Other("blob"))),
        ("are here", "missing", "git fsck", |it| it.local = Some(Peeled::Missing(id(TIP)))),
        ("are here", "which is not", "git fetch", |it| {
            it.remote = Some(Peeled::Missing(id(OLD)));
        }),
        ("names a commit", "a tree", "server", |it| it.remote = Some(Peeled::Other("tree"))),
        ("fast-forward", "forced", "git fetch", |it| it.ground = Ground::Diverged),
        ("proves", "shallow", "unshallow", |it| it.ground = Ground::Unproved("shallow".into())),
        ("protected branch", "no main", "git fetch", |it| {
            it.ground = Ground::NoProtectedBranch("main".into());
        }),
        ("protected branch", "in common", "rebase", |it| {
            it.ground = Ground::Unrelated("main".into());
        }),
        ("be read", "could not", "git fsck", |it| it.ground = Ground::Unknown),
        ("approves 0101", "no verdict in the git directory", "run --gate --since 0101", |it| {
            it.candidates.clear();
        }),
        ("approves", "forged; simulated", "run --gate", |it| {
            it.candidates[0].trust = Err(vec!["forged".into(), "simulated".into()]);
        }),
        ("approves", "another range", "run --gate", |it| it.candidates[0].since = id(7)),
        ("approves", "torn", "run --gate", |it| {
            it.candidates.clear();
            it.unreadable = vec!["torn".into()];
        }),
    ];
    for (expected, found, next, change) in rows {
        let refusal = of(*change).unwrap_err();
        assert_eq!(refusal.reference, "refs/heads/main");
        assert!(refusal.expected.contains(expected), "{expected}: {refusal:?}");
        assert!(refusal.found.contains(found), "{found}: {refusal:?}");
        assert!(refusal.next.contains(next), "{next}: {refusal:?}");
    }
}

#[test]
fn an_older_range_does_for_nothing_but_what_is_there() {
    // A proven ancestor, but the commit is new on the remote.
    let older = Candidate { is_ancestor: true, ..candidate(9, TIP) };
    assert!(of(|it| it.candidates = vec![older.clone()]).is_err());
    // Trusted, of several the last.
    assert!(of(|it| it.candidates = vec![older, candidate(OLD, TIP)]).is_ok());
}
