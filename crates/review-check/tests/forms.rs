//! Every form of a push that git has.

use review_check::{Mode, Outcome};
use verdict::statement::Signed;

use crate::support::{MAIN, Repo, allowed, key, refused, signer};

/// A repository with one approved commit on top of the baseline.
fn approved() -> (Repo, String) {
    let repo = Repo::new();
    let to = repo.commit(&[("a.txt", "2\n")]);
    repo.approve(&repo.base, &to);
    (repo, to)
}

#[test]
fn an_approved_range_moves_and_the_report_says_who_signed() {
    let (repo, to) = approved();
    let report = repo.push_main(&to, &repo.base);
    allowed(&report);
    assert_eq!(report.moved[0].outcome, Outcome::Allowed);
    assert_eq!(report.moved[0].signed_by.as_deref(), Some("reviewer@example"));
    assert_eq!(report.moved[0].to_sha, Some(to));
}

#[test]
fn an_unreviewed_commit_stays_whatever_was_typed() {
    let repo = Repo::new();
    let to = repo.commit(&[("a.txt", "2\n")]);
    for typed in ["refs/heads/main", "HEAD@{0 seconds ago}", ":/a change", "HEAD", &to, ""] {
        let report = repo.push(&[(typed, &to, "refs/heads/main", &repo.base)]);
        let refusal = refused(&report, &["no verdict in the git directory"]);
        assert_eq!(refusal.reference, "refs/heads/main", "{typed}");
        let next = format!("review-gate run --gate --since {} --to {to}", repo.base);
        assert_eq!(refusal.next, next);
    }
}

#[test]
fn every_line_is_judged_in_either_order() {
    let (repo, to) = approved();
    repo.git(&["checkout", "-q", "-b", "other", &repo.base]);
    let bad = repo.commit(&[("b.txt", "x\n")]);
    let good = ("refs/heads/main", &*to, "refs/heads/main", &*repo.base);
    let zero = repo.zero();
    let evil = ("HEAD", &*bad, "refs/heads/other", &*zero);
    for lines in [[good, evil], [evil, good]] {
        let report = repo.push(&lines);
        assert_eq!(refused(&report, &[]).reference, "refs/heads/other");
        let outcomes: Vec<_> = report.moved.iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes.iter().filter(|it| **it == Outcome::Allowed).count(), 1);
    }
}

#[test]
fn zero_lines_are_a_yes_and_a_line_that_does_not_parse_is_a_no() {
    let (repo, to) = approved();
    allowed(&repo.asked(Mode::PrePush, &repo.path, ""));
    let good = format!("x {to} refs/heads/main {}\n", repo.base);
    for bad in ["nonsense\n", "\n", "x y z w\n", "refs/heads/main"] {
        let report = repo.asked(Mode::PrePush, &repo.path, &format!("{good}{bad}"));
        assert!(!report.refusals.is_empty(), "{bad:?}");
    }
}

#[test]
fn a_deletion_of_a_protected_reference_is_refused() {
    let (repo, _) = approved();
    let line = ("(delete)", &*repo.zero(), "refs/heads/main", &*repo.base);
    refused(&repo.push(&[line]), &["a deletion"]);
}

#[test]
fn a_forced_update_is_refused_even_with_a_verdict() {
    let (repo, to) = approved();
    repo.git(&["checkout", "-q", "--orphan", "elsewhere"]);
    let other = repo.commit(&[("a.txt", "3\n")]);
    repo.approve(&to, &other);
    refused(&repo.push_main(&other, &to), &["no ancestor", "git fetch"]);
}

#[test]
fn a_remote_commit_that_is_not_here_is_refused() {
    let (repo, to) = approved();
    let unknown = "d".repeat(repo.base.len());
    refused(&repo.push_main(&to, &unknown), &[&unknown, "git fetch"]);
}

#[test]
fn what_no_pattern_protects_moves_freely() {
    let (repo, to) = approved();
    for name in ["refs/notes/aiops-verdicts", "refs/for/main"] {
        let report = repo.push(&[("HEAD", &to, name, &repo.zero())]);
        allowed(&report);
        assert_eq!(report.moved[0].outcome, Outcome::Unprotected);
    }
}

#[test]
fn tags_are_peeled_to_the_commit_that_was_reviewed() {
    let (repo, to) = approved();
    let zero = repo.zero();
    repo.git(&["tag", "light", &to]);
    repo.git(&["tag", "-a", "-m", "m", "heavy", &to]);
    repo.git(&["tag", "-a", "-m", "m", "nested", "heavy"]);
    for name in ["light", "heavy", "nested"] {
        let id = repo.git(&["rev-parse", &format!("refs/tags/{name}")]);
        let reference = format!("refs/tags/{name}");
        allowed(&repo.push(&[(&reference, &id, &reference, &zero)]));
    }
    let new = repo.commit(&[("a.txt", "3\n")]);
    repo.git(&["tag", "-a", "-m", "m", "unreviewed", &new]);
    let id = repo.git(&["rev-parse", "refs/tags/unreviewed"]);
    refused(&repo.push(&[("v", &id, "refs/tags/v", &zero)]), &["no verdict"]);
}

#[test]
fn tags_of_trees_and_blobs_are_refused() {
    let (repo, to) = approved();
    for (kind, of) in [("tree", format!("{to}^{{tree}}")), ("blob", format!("{to}:a.txt"))] {
        for annotated in [false, true] {
            let name = format!("{kind}-{annotated}");
            let mut args = vec!["tag"];
            args.extend(annotated.then_some(["-a", "-m", "m"]).into_iter().flatten());
            args.extend([&*name, &*of]);
            repo.git(&args);
            let reference = format!("refs/tags/{name}");
            let id = repo.git(&["rev-parse", &reference]);
            refused(&repo.push(&[("x", &id, &reference, &repo.zero())]), &[kind, "nobody can"]);
        }
    }
}

#[test]
fn a_new_branch_is_measured_from_the_protected_branch() {
    let repo = Repo::new();
    let zero = repo.zero();
    repo.git(&["checkout", "-q", "-b", "topic"]);
    let to = repo.commit(&[("b.txt", "2\n")]);
    let line = [("refs/heads/topic", &*to, "refs/heads/topic", &*zero)];
    refused(&repo.push(&line), &["no verdict", &repo.base]);
    // The remote's main went on meanwhile; the merge base did not.
    repo.git(&["checkout", "-q", "main"]);
    let main = repo.commit(&[("c.txt", "2\n")]);
    repo.git(&["update-ref", MAIN, &main]);
    repo.approve(&repo.base, &to);
    allowed(&repo.push(&line));
}

#[test]
fn a_verdict_about_only_the_last_commit_of_a_new_branch_is_not_enough() {
    let repo = Repo::new();
    let first = repo.commit(&[("b.txt", "evil\n")]);
    let to = repo.commit(&[("c.txt", "2\n")]);
    repo.approve(&first, &to);
    let line = [("x", &*to, "refs/heads/topic", &*repo.zero())];
    refused(&repo.push(&line), &["another range", &repo.base]);
    refused(&repo.push_main(&to, &repo.base), &["another range"]);
}

#[test]
fn without_a_protected_branch_nothing_new_appears() {
    let (repo, to) = approved();
    repo.git(&["update-ref", "-d", MAIN]);
    let line = [("x", &*to, "refs/heads/topic", &*repo.zero())];
    refused(&repo.push(&line), &["no refs/remotes/origin/main", "git fetch"]);
}

/// Where the remote's own branch has another name, anybody may make one that is called main.
#[test]
fn a_branch_called_main_is_not_the_protected_one_where_the_remote_says_so() {
    let repo = Repo::new();
    let shipped = <verdict::Policy as ops_core::config::Settings>::SHIPPED;
    let policy = shipped.replace("protectedBranch: main", "protectedBranch: master");
    let base = repo.commit(&[("configs/review.yaml", &policy)]);
    repo.git(&["update-ref", "refs/remotes/origin/master", &base]);
    let head = ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/master"];
    repo.git(&head);
    let own = signer("evil@example", "", 9);
    let evil = repo.commit(&[("configs/allowed_signers", &own), ("configs/review.yaml", shipped)]);
    repo.git(&["update-ref", MAIN, &evil]);
    let to = repo.commit(&[("evil.txt", "evil\n")]);
    let signed = Signed::sign(repo.verdict(&evil, &to), &key(9)).unwrap();
    repo.plant(&evil, &to, &signed.envelope().to_bytes());
    let report = repo.push(&[("x", &to, "refs/heads/topic", &repo.zero())]);
    refused(&report, &[&format!("approves {base}..{to}")]);
}

#[test]
fn what_shares_no_history_with_the_protected_branch_is_refused() {
    let repo = Repo::new();
    repo.git(&["checkout", "-q", "--orphan", "alone"]);
    let to = repo.commit(&[("a.txt", "3\n")]);
    repo.approve(&repo.base, &to);
    let line = [("x", &*to, "refs/heads/alone", &*repo.zero())];
    refused(&repo.push(&line), &["nothing in common"]);
}

#[test]
fn a_name_for_what_the_protected_branch_has_needs_an_approval_of_that_tip() {
    let (repo, to) = approved();
    let (base, zero) = (repo.base.clone(), repo.zero());
    repo.git(&["update-ref", MAIN, &to]);
    allowed(&repo.push(&[("x", &to, "refs/tags/v1", &zero)]));
    refused(&repo.push(&[("x", &base, "refs/tags/v0", &zero)]), &["no verdict"]);
    // With a range that starts beside its history it is none about this tip.
    repo.git(&["checkout", "-q", "--orphan", "alone"]);
    let alone = repo.commit(&[("z.txt", "3\n")]);
    repo.git(&["checkout", "-q", "main"]);
    let next = repo.commit(&[("a.txt", "4\n")]);
    repo.git(&["update-ref", MAIN, &next]);
    repo.approve(&alone, &next);
    refused(&repo.push(&[("x", &next, "refs/tags/v2", &zero)]), &["another range"]);
}

#[test]
fn sha256_repositories_are_judged_alike() {
    let repo = Repo::of("sha256");
    let to = repo.commit(&[("a.txt", "2\n")]);
    assert_eq!(to.len(), 64);
    refused(&repo.push_main(&to, &repo.base), &["no verdict"]);
    repo.approve(&repo.base, &to);
    allowed(&repo.push_main(&to, &repo.base));
    allowed(&repo.push(&[("x", &to, "refs/tags/v1", &repo.zero())]));
    let top = repo.advance(&to);
    allowed(&repo.push_main(&top, &repo.base));
    // Ids of the other kind name nothing here.
    let report = repo.push_main(&"a".repeat(40), &"b".repeat(40));
    assert!(!report.refusals.is_empty());
}

#[test]
fn a_merge_is_covered_as_one_range_and_only_as_one() {
    let repo = Repo::new();
    repo.git(&["checkout", "-q", "-b", "side"]);
    let side = repo.commit(&[("side.txt", "1\n")]);
    repo.git(&["checkout", "-q", "main"]);
    let left = repo.commit(&[("left.txt", "1\n")]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "m", "side"]);
    let merge = repo.git(&["rev-parse", "HEAD"]);
    for since in [&side, &left] {
        repo.approve(since, &merge);
    }
    refused(&repo.push_main(&merge, &repo.base), &["another range"]);
    repo.approve(&repo.base, &merge);
    allowed(&repo.push_main(&merge, &repo.base));
}
