//! Verdicts that are there and do not count.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use review_check::Mode;
use verdict::Verdict;
use verdict::document::{Decision, Finding, ReviewerKind, Severity, Source, Waived};
use verdict::notes;
use verdict::statement::Signed;

use crate::support::{MAIN, Repo, allowed, key, refused, signer};

fn changed() -> (Repo, String) {
    let repo = Repo::new();
    let to = repo.commit(&[("a.txt", "2\n")]);
    (repo, to)
}

#[test]
fn each_reason_against_a_signed_verdict_is_named() {
    type Change = fn(&mut Verdict);
    let rows: &[(&str, Change)] = &[
        ("simulated", |it| it.meta.simulated = true),
        ("not approved", |it| it.verdict = Decision::Blocked),
        ("it says APPROVED, but", |it| it.manifest.complete = false),
        ("it says APPROVED, but", |it| {
            it.gates.key_handling = verdict::document::Outcome::Fail;
        }),
        ("no reviewer version", |it| it.meta.reviewer.version = " ".into()),
        ("wrong repository tree", |it| it.meta.tree_oid = "e".repeat(40)),
        ("wrong digest: the policy", |it| it.meta.digests.policy = "e".repeat(64)),
        ("wrong digest: the prompt", |it| it.meta.digests.prompt = "e".repeat(64)),
        ("wrong digest: the configuration", |it| it.meta.digests.configuration = "e".repeat(64)),
        ("wrong digest: the signers", |it| it.meta.digests.signers = "e".repeat(64)),
        ("wrong endpoint", |it| it.meta.endpoint_host = Some("evil.example".into())),
        ("wrong endpoint", |it| it.meta.endpoint_host = None),
        ("wrong endpoint", |it| {
            it.meta.reviewer.kind = ReviewerKind::CodexCli;
            it.meta.endpoint_host = Some("evil.example".into());
        }),
    ];
    for (reason, change) in rows {
        let (repo, to) = changed();
        let mut verdict = repo.verdict(&repo.base, &to);
        change(&mut verdict);
        repo.keep(verdict);
        refused(&repo.push_main(&to, &repo.base), &["does not count", reason]);
    }
}

/// A key that was taken out of main still stands in `allowed_signers` of every older commit.
#[test]
fn a_signer_that_the_protected_branch_took_out_lets_nothing_new_in_from_before_that() {
    let repo = Repo::new();
    let old = repo.base.clone();
    let tagged = repo.commit(&[("a.txt", "2\n")]);
    repo.approve(&old, &tagged);
    let line = signer("other@example", "namespaces=\"aiops-verdict\"", 2);
    let main = repo.commit(&[("configs/allowed_signers", &line)]);
    repo.git(&["update-ref", MAIN, &main]);
    repo.git(&["checkout", "-q", "--detach", &old]);
    let evil = repo.commit(&[("evil.txt", "evil\n")]);
    repo.approve(&old, &evil);
    for name in ["refs/heads/topic", "refs/tags/v1"] {
        let report = repo.push(&[("x", &evil, name, &repo.zero())]);
        refused(&report, &["signer taken out: reviewer@example", MAIN]);
    }
    // Also onto a branch that had left main before.
    refused(&repo.push(&[("x", &evil, "refs/heads/topic", &old)]), &["signer taken out"]);
    // What main has already is named as before.
    allowed(&repo.push(&[("x", &tagged, "refs/tags/v0", &repo.zero())]));
}

#[test]
fn what_was_waived_moves_only_while_the_waiver_holds() {
    for (end, holds) in [("2999-01-01T00:00:00Z", true), ("2020-01-01T00:00:00Z", false)] {
        let (repo, to) = changed();
        let mut verdict = repo.verdict(&repo.base, &to);
        verdict.blockers.push(waived(end));
        repo.keep(verdict);
        let report = repo.push_main(&to, &repo.base);
        if holds {
            allowed(&report);
        } else {
            refused(&report, &["does not count: expired waiver", end, "it leaks"]);
        }
        // Let in while it held, it is named as before.
        repo.git(&["update-ref", MAIN, &to]);
        allowed(&repo.push(&[("x", &to, "refs/tags/v1", &repo.zero())]));
    }
}

fn waived(end: &str) -> Finding {
    Finding {
        file: None,
        line: None,
        gate: None,
        severity: Severity::High,
        title: "it leaks".into(),
        detail: "why".into(),
        suggestion: String::new(),
        anchored: false,
        fingerprint: "f".repeat(64),
        waived: Some(Waived {
            by: "reviewer@example".into(),
            reason: "x".into(),
            expires_at: end.into(),
        }),
        source: Source::Model,
    }
}

#[test]
fn unsigned_forged_edited_and_re_ranged_verdicts_are_refused() {
    let (repo, to) = changed();
    let base = repo.base.clone();
    let good = Signed::sign(repo.verdict(&base, &to), &key(1)).unwrap().envelope().to_bytes();
    let json = || serde_json::from_slice::<serde_json::Value>(&good).unwrap();
    let refuse = |bytes: &[u8], reason: &str| {
        repo.plant(&base, &to, bytes);
        refused(&repo.push_main(&to, &base), &[reason]);
    };
    let mut unsigned = json();
    unsigned["signatures"] = serde_json::json!([]);
    refuse(unsigned.to_string().as_bytes(), "unsigned");

    let unknown = Signed::sign(repo.verdict(&base, &to), &key(9)).unwrap();
    refuse(&unknown.envelope().to_bytes(), "unknown signer");

    let payload = STANDARD.decode(json()["payload"].as_str().unwrap()).unwrap();
    let text = String::from_utf8(payload).unwrap();
    let edited = |from: &str, to: &str| {
        let mut it = json();
        assert!(text.contains(from), "{from}");
        it["payload"] = STANDARD.encode(text.replace(from, to)).into();
        it.to_string().into_bytes()
    };
    refuse(&edited("\"fine\"", "\"very fine\""), "edited: reviewer@example");

    // Made for another range, and its range typed over.
    let older = repo.commit(&[("a.txt", "3\n")]);
    let other = Signed::sign(repo.verdict(&to, &older), &key(1)).unwrap().envelope().to_bytes();
    refuse(&other, "re-ranged");
    refuse(
        &edited(&format!("\"to_sha\":\"{to}\""), &format!("\"to_sha\":\"{older}\"")),
        "re-ranged",
    );

    let foreign = Signed::sign(repo.verdict(&base, &to), &key(9)).unwrap().envelope().to_bytes();
    let mut forged: serde_json::Value = serde_json::from_slice(&foreign).unwrap();
    forged["payload"] = json()["payload"].clone();
    let text = text.replace("\"fine\"", "\"very fine\"");
    forged["payload"] = STANDARD.encode(text).into();
    refuse(forged.to_string().as_bytes(), "forged");

    for junk in [&b""[..], b"APPROVED", b"{}", b"{\"verdict\":\"APPROVED\"}", b"\xff"] {
        refuse(junk, "malformed");
    }
    let mut twice = good.clone();
    twice.truncate(good.len() - 1);
    twice.extend(b",\"payload\":\"\"}");
    refuse(&twice, "malformed");

    repo.plant(&base, &to, &good);
    allowed(&repo.push_main(&to, &base));
}

#[test]
fn signers_count_in_their_time_and_namespace_only() {
    for (options, reason) in [
        ("namespaces=\"aiops-verdict\",valid-before=\"20261121113000Z\"", Some("expired signer")),
        ("valid-before=\"20261121105900Z\"", Some("expired signer")),
        ("valid-after=\"20261121113000Z\"", Some("not yet valid")),
        ("valid-after=\"20270101Z\"", Some("not yet valid")),
        ("namespaces=\"git,aiops-waiver\"", Some("wrong namespace")),
        ("cert-authority", Some("unknown signer")),
        ("valid-before=\"20300101\"", Some("unknown signer")),
        ("valid-after=\"20260101Z\",valid-before=\"20270101Z\"", None),
        ("namespaces=\"git,aiops-*\"", None),
        ("", None),
    ] {
        let repo = Repo::with("sha1", &signer("a@example", options, 1));
        let to = repo.commit(&[("a.txt", "2\n")]);
        repo.approve(&repo.base, &to);
        let report = repo.push_main(&to, &repo.base);
        match reason {
            Some(reason) => drop(refused(&report, &[reason])),
            None => allowed(&report),
        }
    }
}

#[test]
fn the_range_under_review_cannot_name_its_own_signer_or_policy() {
    let (repo, _) = changed();
    let own = signer("me@example", "", 9);
    let policy = "protected: []\nprotectedBranch: main\nexclude: []\nmaxBytes: 200000\n\
                  maxTokens: 60000\ngatePaths: []\nbinaries: block\nendpointHosts: []\n\
                  reviewerKinds: [api]\n";
    let to = repo.commit(&[("configs/allowed_signers", &own), ("configs/review.yaml", policy)]);
    let signed = Signed::sign(repo.verdict(&repo.base, &to), &key(9)).unwrap();
    repo.plant(&repo.base, &to, &signed.envelope().to_bytes());
    refused(&repo.push_main(&to, &repo.base), &["unknown signer"]);
    // The signers that are there approve the new one; from then on it counts.
    repo.approve(&repo.base, &to);
    allowed(&repo.push_main(&to, &repo.base));
}

#[test]
fn a_policy_on_the_remote_decides_what_is_protected() {
    let mut repo = Repo::new();
    let policy = verdict_policy().replace("\"refs/heads/*\", ", "\"refs/heads/main\", ");
    repo.base = repo.commit(&[("configs/review.yaml", &policy)]);
    repo.git(&["update-ref", MAIN, &repo.base]);
    let to = repo.commit(&[("a.txt", "2\n")]);
    allowed(&repo.push(&[("x", &to, "refs/heads/topic", &repo.zero())]));
    refused(&repo.push_main(&to, &repo.base), &["no verdict"]);
    // One that cannot be read protects everything.
    repo.base = repo.commit(&[("configs/review.yaml", "protected: []\n")]);
    repo.git(&["update-ref", MAIN, &repo.base]);
    let to = repo.commit(&[("a.txt", "3\n")]);
    refused(&repo.push(&[("x", &to, "refs/heads/topic", &repo.zero())]), &["no verdict"]);
}

fn verdict_policy() -> String {
    use ops_core::config::Settings;
    verdict::Policy::SHIPPED.to_owned()
}

#[test]
fn a_policy_as_a_link_is_no_policy() {
    let (repo, _) = changed();
    fs::create_dir_all(repo.path.join("configs")).unwrap();
    std::os::unix::fs::symlink("/dev/null", repo.path.join("configs/review.yaml")).unwrap();
    let since = repo.commit_all();
    repo.git(&["update-ref", MAIN, &since]);
    let to = repo.commit(&[("a.txt", "3\n")]);
    let verdict = repo.verdict(&repo.base, &to);
    let mut verdict = verdict;
    verdict.range.since_sha.clone_from(&since);
    repo.keep(verdict);
    refused(&repo.push_main(&to, &since), &["no plain file"]);
}

#[test]
fn pre_receive_reads_notes_of_the_reference_or_of_the_same_push() {
    let (repo, to) = changed();
    let bare = repo.path.with_file_name("server.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let line = format!("{} {to} refs/heads/main\n", repo.base);
    let server = |lines: &str| repo.asked(Mode::PreReceive, &bare, lines);
    crate::support::git(&bare)
        .args(["update-ref", "refs/heads/main", &repo.base])
        .status()
        .unwrap();
    refused(&server(&line), &["no verdict in refs/notes/aiops-verdicts", "push refs/notes"]);
    // A file in the server's git directory is no note.
    repo.approve(&repo.base, &to);
    let signed = Signed::sign(repo.verdict(&repo.base, &to), &key(1)).unwrap();
    repo.opened(|git| {
        notes::write(&repo.host(), git, &signed).unwrap();
    });
    let note = repo.git(&["rev-parse", notes::REFERENCE]);
    repo.git(&[
        "push",
        "-q",
        bare.to_str().unwrap(),
        &format!("{}:refs/x/notes", notes::REFERENCE),
    ]);
    refused(&server(&line), &["no verdict"]);
    let zero = repo.zero();
    let with_note = format!("{line}{zero} {note} {}\n", notes::REFERENCE);
    allowed(&server(&with_note));
    let reversed = format!("{zero} {note} {}\n{line}", notes::REFERENCE);
    allowed(&server(&reversed));
    crate::support::git(&bare).args(["update-ref", notes::REFERENCE, &note]).status().unwrap();
    allowed(&server(&line));
    // Fetched notes serve pre-push too.
    fs::remove_dir_all(repo.path.join(".git/aiops")).unwrap();
    allowed(&repo.push_main(&to, &repo.base));
}
