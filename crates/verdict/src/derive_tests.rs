use super::*;
use crate::document::{Exclusion, Gate};
use crate::policy::Exclude;
use crate::sample::{TO, answer, approved, changed, inputs, meta, now, policy, proposed};

fn one() -> [Changed; 1] {
    [changed("src/a.rs", Coverage::Packet(1), &[(3, 5), (20, 20)])]
}

fn excluded(glob: &str, reason: &str) -> Coverage {
    let sha256 = "f".repeat(64);
    Coverage::Excluded(Exclusion { glob: glob.into(), reason: reason.into(), sha256 })
}

#[test]
fn a_whole_review_without_findings_is_an_approval() {
    let verdict = approved();
    assert_eq!(verdict.verdict, Decision::Approved);
    assert_eq!(verdict.because, Vec::<String>::new());
    assert_eq!(verdict.objections(), Vec::<String>::new());
    assert!(verdict.manifest.complete);
}

#[test]
fn whatever_a_model_wrote_these_block() {
    let policy = policy();
    let yes = || answer(Decision::Approved, vec![]);
    for gate in Gate::ALL {
        let mut it = yes();
        match gate {
            Gate::PublicBinds => it.gates.public_binds = Outcome::Fail,
            Gate::AllowlistBypass => it.gates.allowlist_bypass = Outcome::Fail,
            Gate::KeyHandling => it.gates.key_handling = Outcome::Fail,
            Gate::GuardDoctorIntact => it.gates.guard_doctor_intact = Outcome::Fail,
            Gate::LockoutRisk => it.gates.lockout_risk = Outcome::Fail,
        }
        // One packet's failure is the failure of all.
        let verdict = derive(inputs(&[it, yes()], &one(), &policy));
        assert_eq!(verdict.verdict, Decision::Blocked, "{gate:?}");
        assert!(verdict.because[0].contains(gate.name()), "{:?}", verdict.because);
        assert!(!verdict.objections().is_empty());
    }
    let blocker = answer(Decision::Approved, vec![proposed(Some("src/a.rs"), Some(4))]);
    let verdict = derive(inputs(&[blocker], &one(), &policy));
    assert_eq!(verdict.verdict, Decision::Blocked);
    assert_eq!(verdict.because, ["blocker: src/a.rs:4: a key is logged"]);
    let no = answer(Decision::Blocked, vec![]);
    let verdict = derive(inputs(&[yes(), no], &one(), &policy));
    assert_eq!(verdict.because, ["the reviewer blocks packet 2"]);
    let verdict = derive(inputs(&[], &one(), &policy));
    assert_eq!(verdict.verdict, Decision::Blocked);
    assert!(verdict.because.contains(&"nothing was reviewed".to_owned()));
}

#[test]
fn rules_only_add_and_those_that_do_not_block_are_noted() {
    let policy = policy();
    let answers = [answer(Decision::Approved, vec![])];
    let rule = |blocks| RuleFinding {
        rule: "no-verify".into(),
        blocks,
        finding: proposed(Some("src/a.rs"), Some(3)),
    };
    for (blocks, want) in [(true, Decision::Blocked), (false, Decision::Approved)] {
        let rules = [rule(blocks)];
        let changed = one();
        let verdict = derive(Inputs { rules: &rules, ..inputs(&answers, &changed, &policy) });
        assert_eq!(verdict.verdict, want);
        assert_eq!(verdict.findings().count(), 1);
        assert_eq!(verdict.findings().next().unwrap().source, Source::Rule("no-verify".into()));
    }
}

#[test]
fn a_manifest_with_a_hole_blocks() {
    let mut policy = policy();
    policy.exclude = vec![Exclude { glob: "vendor/**".into(), reason: "by digest".into() }];
    let packet = |path: &str, number| changed(path, Coverage::Packet(number), &[]);
    let rows: Vec<(Vec<Changed>, Option<&str>)> = vec![
        (vec![packet("a", 1), packet("b", 2)], None),
        (vec![packet("a", 1), changed("vendor/x", excluded("vendor/**", "by digest"), &[])], None),
        (vec![packet("a", 3)], Some("packet 3")),
        (vec![packet("a", 0)], Some("packet 0")),
        (vec![packet("a", 1), packet("a", 2)], Some("twice")),
        (vec![changed("a", Coverage::Missing("too large".into()), &[])], Some("too large")),
        (vec![changed("a", excluded("vendor/**", "by digest"), &[])], Some("no policy")),
        (vec![changed("vendor/x", excluded("**", "by digest"), &[])], Some("no policy")),
        (vec![changed("vendor/x", excluded("vendor/**", "because"), &[])], Some("no policy")),
    ];
    let answers = [answer(Decision::Approved, vec![]), answer(Decision::Approved, vec![])];
    for (changed, hole) in rows {
        let verdict = derive(inputs(&answers, &changed, &policy));
        assert_eq!(verdict.manifest.complete, hole.is_none(), "{changed:?}");
        assert_eq!(verdict.verdict == Decision::Approved, hole.is_none(), "{changed:?}");
        if let Some(hole) = hole {
            assert!(verdict.because.iter().any(|it| it.contains(hole)), "{:?}", verdict.because);
        }
    }
}

#[test]
fn a_finding_that_names_no_line_of_the_range_is_kept_and_marked() {
    let policy = policy();
    let changed = [
        changed("src/a.rs", Coverage::Packet(1), &[(3, 5), (20, 20)]),
        changed("run.sh", Coverage::Packet(1), &[]),
    ];
    for (file, line, want) in [
        (Some("src/a.rs"), Some(3), true),
        (Some("src/a.rs"), Some(5), true),
        (Some("src/a.rs"), Some(20), true),
        (Some("src/a.rs"), Some(2), false),
        (Some("src/a.rs"), Some(6), false),
        (Some("src/a.rs"), None, false),
        (Some("src/b.rs"), Some(3), false),
        (None, Some(3), false),
        (None, None, false),
        (Some("run.sh"), None, true),
        (Some("run.sh"), Some(1), true),
        (Some("src/a.rs"), Some(0), false),
    ] {
        let answers = [answer(Decision::Approved, vec![proposed(file, line)])];
        let verdict = derive(inputs(&answers, &changed, &policy));
        assert_eq!(verdict.blockers[0].anchored, want, "{file:?} {line:?}");
        assert_eq!(verdict.verdict, Decision::Blocked, "unanchored or not, it blocks");
    }
}

#[test]
fn a_waiver_counts_for_its_finding_its_commit_and_its_time_only() {
    let policy = policy();
    let finding = proposed(Some("src/a.rs"), Some(4));
    let good = Granted {
        to_sha: TO.into(),
        fingerprint: fingerprint(&Source::Model, &finding),
        reason: "a test key".into(),
        by: "operator@example".into(),
        expires_at: "2026-12-01T00:00:00Z".parse().unwrap(),
    };
    let other = proposed(Some("src/a.rs"), Some(5));
    let rows = [
        (good.clone(), vec![finding.clone()], Decision::Approved),
        (good.clone(), vec![finding.clone(), other], Decision::Blocked),
        (
            Granted { to_sha: "9".repeat(40), ..good.clone() },
            vec![finding.clone()],
            Decision::Blocked,
        ),
        (
            Granted { fingerprint: "9".repeat(64), ..good.clone() },
            vec![finding.clone()],
            Decision::Blocked,
        ),
        (Granted { expires_at: now(), ..good.clone() }, vec![finding.clone()], Decision::Blocked),
    ];
    for (waiver, blockers, want) in rows {
        for said in [Decision::Approved, Decision::Blocked] {
            let answers = [answer(said, blockers.clone())];
            let (waivers, changed) = ([waiver.clone()], one());
            let it = derive(Inputs { waivers: &waivers, ..inputs(&answers, &changed, &policy) });
            assert_eq!(it.verdict, want, "{said:?} {waiver:?} {blockers:?}");
        }
    }
    let answers = [answer(Decision::Approved, vec![finding])];
    let (waivers, changed) = ([good], one());
    let mut it = derive(Inputs { waivers: &waivers, ..inputs(&answers, &changed, &policy) });
    assert_eq!(it.blockers[0].waived.as_ref().unwrap().by, "operator@example");
    // No waiver is stronger than a gate.
    it.gates.key_handling = Outcome::Fail;
    assert!(!it.objections().is_empty());
}

#[test]
fn a_waiver_answers_no_fingerprint_that_two_different_findings_have_and_no_rest() {
    let (policy, changed) = (policy(), one());
    let finding = proposed(Some("src/a.rs"), Some(4));
    let worded = Proposed { detail: "another thing".into(), ..finding.clone() };
    let rule = |id: &str, it: &Proposed| RuleFinding {
        rule: id.into(),
        blocks: true,
        finding: it.clone(),
    };
    let (model, secret) = (Source::Model, Source::Rule("secret.x".into()));
    let rest = Source::Rule(format!("secret.x{}", crate::waivable::REST));
    let rest_id = format!("secret.x{}", crate::waivable::REST);
    let one_rule = vec![rule("secret.x", &finding)];
    for (what, source, blockers, rules, counts) in [
        ("one", &model, vec![finding.clone()], vec![], true),
        ("one in two packets", &model, vec![finding.clone(), finding.clone()], vec![], true),
        ("two of a model", &model, vec![finding.clone(), worded.clone()], vec![], false),
        ("one of a rule", &secret, vec![], one_rule.clone(), true),
        ("two alike of a rule", &secret, vec![], [one_rule.clone(), one_rule].concat(), false),
        (
            "two of a rule",
            &secret,
            vec![],
            vec![rule("secret.x", &finding), rule("secret.x", &worded)],
            false,
        ),
        ("the rest of a rule", &rest, vec![], vec![rule(&rest_id, &finding)], false),
    ] {
        let answers = [answer(Decision::Approved, blockers)];
        let waivers = [Granted {
            to_sha: TO.into(),
            fingerprint: fingerprint(source, &finding),
            reason: "a test key".into(),
            by: "operator@example".into(),
            expires_at: "2026-12-01T00:00:00Z".parse().unwrap(),
        }];
        let given =
            Inputs { waivers: &waivers, rules: &rules, ..inputs(&answers, &changed, &policy) };
        let mut it = derive(given);
        assert_eq!(it.verdict == Decision::Approved, counts, "{what}");
        assert_eq!(it.blockers.iter().all(|it| it.waived.is_some()), counts, "{what}");
        let unwaivable = it.blockers.iter().all(|found| it.unwaivable(found).is_some());
        assert_eq!(unwaivable, !counts, "{what}");
        // Nor does a verdict that shows it as waived.
        for it in &mut it.blockers {
            it.waived = Some(crate::document::Waived {
                by: "operator@example".into(),
                reason: "a test key".into(),
                expires_at: "2026-12-01T00:00:00Z".into(),
            });
        }
        assert_eq!(it.objections().is_empty(), counts, "{what}");
    }
}

#[test]
fn a_fingerprint_is_of_the_place_and_the_title_not_of_the_wording() {
    let it = proposed(Some("a"), Some(1));
    let print = |it: &Proposed| fingerprint(&Source::Model, it);
    assert_eq!(print(&it), print(&Proposed { detail: "else".into(), ..it.clone() }));
    let others = [
        Proposed { file: None, ..it.clone() },
        Proposed { line: Some(2), ..it.clone() },
        Proposed { gate: None, ..it.clone() },
        Proposed { title: "else".into(), ..it.clone() },
        // The parts cannot run into each other.
        Proposed { file: Some("a1".into()), line: None, ..it.clone() },
    ];
    for other in others {
        assert_ne!(print(&it), print(&other), "{other:?}");
    }
    assert_ne!(print(&it), fingerprint(&Source::Rule("x".into()), &it));
}

#[test]
fn a_simulated_review_stays_marked() {
    let (policy, answers, changed) = (policy(), [answer(Decision::Approved, vec![])], one());
    let mut inputs = inputs(&answers, &changed, &policy);
    inputs.meta = Meta { simulated: true, ..meta() };
    assert!(derive(inputs).meta.simulated);
}
