//! Recorded facts and the reports they must give, anywhere: the real binary, byte for byte.
//!
//! After a wanted change: doctor host --facts NAME.facts.json --configs … > NAME.txt (and with --json
//! > NAME.report.json), then read the difference.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests start real processes")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn schema(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/schemas");
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Judges recorded facts; returns standard output and the exit code.
fn judged(name: &str, more: &[&str]) -> (String, i32) {
    let own = golden().join(name);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let configs = if own.is_dir() { own } else { shipped };
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_doctor"))
        .args(["host", "--facts"])
        .arg(golden().join(format!("{name}.facts.json")))
        .arg("--configs")
        .arg(configs)
        .arg("--home")
        .arg(home.path())
        .args(more)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let nothing_left = fs::read_dir(home.path()).unwrap().next().is_none();
    assert!(nothing_left, "judging recorded facts leaves nothing behind");
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

const CASES: [(&str, i32); 9] = [
    ("healthy", 0),
    ("public-sshd", 1),
    ("funnel", 1),
    ("userspace", 1),
    ("docker-published", 1),
    ("full-disk", 1),
    ("expired-waiver", 1),
    ("late-node-key", 0),
    ("unknown-everything", 69),
];

#[test]
fn recorded_facts_give_the_same_report_anywhere() {
    let facts_schema = jsonschema::validator_for(&schema("facts.schema.json")).unwrap();
    let report_schema = jsonschema::validator_for(&schema("doctor.report.schema.json")).unwrap();
    for (name, exit) in CASES {
        let read =
            |ending: &str| fs::read_to_string(golden().join(format!("{name}{ending}"))).unwrap();
        let facts: Value = serde_json::from_str(&read(".facts.json")).unwrap();
        assert!(facts_schema.is_valid(&facts), "{name}");
        assert_eq!(judged(name, &[]), (read(".txt"), exit), "{name}");
        let (json, code) = judged(name, &["--json"]);
        assert_eq!((json.as_str(), code), (read(".report.json").as_str(), exit), "{name}");
        let report: Value = serde_json::from_str(&json).unwrap();
        let wrong: Vec<String> =
            report_schema.iter_errors(&report).map(|it| it.to_string()).collect();
        assert_eq!(wrong, [""; 0], "{name}");
    }
}

#[test]
fn people_get_80_columns_and_a_remedy_for_everything_that_does_not_pass() {
    for (name, _) in CASES {
        let (text, _) = judged(name, &[]);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
            assert!(!line.contains('\u{1b}'), "{name}: {line}");
        }
        let sections = text.matches("\n\n").count() - 1;
        assert_eq!(text.matches("\n  do:  ").count(), sections, "{name}:\n{text}");
    }
}

#[test]
fn every_format_says_the_same_and_none_chooses_the_exit_code() {
    for (name, exit) in CASES {
        for format in ["human", "json", "junit", "tap", "prometheus", "sarif"] {
            assert_eq!(judged(name, &["--format", format]).1, exit, "{name} {format}");
        }
    }
}

fn checks(name: &str) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&judged(name, &["--json"]).0).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    checks.map(|it| (text(&it["id"]), text(&it["status"]))).collect()
}

#[test]
fn junit_is_well_formed_and_counts_failures_errors_and_skips() {
    for (name, _) in CASES {
        let (text, _) = judged(name, &["--format", "junit", "--skip", "disk"]);
        let document = roxmltree::Document::parse(&text).unwrap();
        let suite = document.descendants().find(|it| it.has_tag_name("testsuite")).unwrap();
        for (attribute, tag) in
            [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
        {
            let count = suite.descendants().filter(|it| it.has_tag_name(tag)).count();
            assert_eq!(suite.attribute(attribute).unwrap(), count.to_string(), "{name} {tag}");
        }
        let cases: Vec<_> = suite.children().filter(|it| it.has_tag_name("testcase")).collect();
        assert_eq!((cases.len(), suite.attribute("tests")), (9, Some("9")));
        for (case, (id, status)) in cases.iter().zip(checks(name)) {
            assert_eq!(case.attribute("name"), Some(id.as_str()));
            let tag = match status.as_str() {
                _ if id == "disk" => "skipped",
                "fail" => "failure",
                "unknown" => "error",
                _ => "system-out",
            };
            assert!(case.children().any(|it| it.has_tag_name(tag)), "{name} {id} {tag}");
        }
    }
}

#[test]
fn sarif_has_a_rule_for_each_check_and_a_result_for_each_that_does_not_pass() {
    for (name, _) in CASES {
        let (text, _) = judged(name, &["--format", "sarif"]);
        // Typed by somebody else, from the specification.
        let sarif: serde_sarif::sarif::Sarif = serde_json::from_str(&text).unwrap();
        let run = sarif.runs.first().unwrap();
        assert_eq!(run.tool.driver.rules.as_ref().unwrap().len(), 9);
        let found: Vec<&str> =
            run.results.iter().flatten().filter_map(|it| it.rule_id.as_deref()).collect();
        let checks = checks(name);
        let bad = checks.iter().filter(|it| it.1 != "pass").map(|it| it.0.as_str());
        assert_eq!(found, bad.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn prometheus_has_one_status_for_each_check() {
    for (name, _) in CASES {
        let (text, _) = judged(name, &["--format", "prometheus"]);
        let scrape =
            prometheus_parse::Scrape::parse(text.lines().map(|it| Ok(it.to_owned()))).unwrap();
        let set = scrape.samples.iter().filter(|it| {
            it.metric == "aiops_doctor_check_status"
                && matches!(it.value, prometheus_parse::Value::Gauge(value) if value > 0.5)
        });
        let mut found: Vec<(String, String)> =
            set.map(|it| (it.labels["check"].clone(), it.labels["status"].clone())).collect();
        let mut want = checks(name);
        found.sort();
        want.sort();
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn tap_counts_and_numbers_its_lines_and_unknown_is_not_ok() {
    for (name, _) in CASES {
        let (text, _) = judged(name, &["--format", "tap", "--skip", "disk"]);
        let lines: Vec<&str> = text.lines().filter(|it| !it.starts_with('#')).collect();
        assert_eq!(lines[..2], ["TAP version 13", "1..9"]);
        for (number, (line, (id, status))) in lines[2..].iter().zip(checks(name)).enumerate() {
            let ok = if matches!(status.as_str(), "fail" | "unknown") && id != "disk" {
                "not ok"
            } else {
                "ok"
            };
            assert!(line.starts_with(&format!("{ok} {} - {id}", number + 1)), "{name}: {line}");
            assert_eq!(line.contains(" # SKIP "), id == "disk", "{name}: {line}");
            assert_eq!(line.matches(" # ").count(), usize::from(id == "disk"), "{name}: {line}");
        }
        assert_eq!(lines.len(), 11);
    }
}
