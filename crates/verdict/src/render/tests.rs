use serde_json::Value;

use super::*;
use crate::answer::RuleFinding;
use crate::derive::{Inputs, derive, fingerprint};
use crate::document::{Coverage, Decision, Source};
use crate::sample::{TO, answer, approved, changed, inputs, now, policy, proposed};
use crate::waiver::Granted;

/// One blocker at a line, one waived, one unanchored note by a rule, all from hostile text.
fn blocked() -> Verdict {
    let policy = policy();
    let hostile = "a ``` fence\n::error::no\u{1b}[31m <img> @team [x](y) 100% \u{202e}back";
    let mut first = proposed(Some("src/a b.rs"), Some(4));
    first.detail = hostile.into();
    first.title = "one, two: three\nfour".into();
    let second = proposed(Some("src/a b.rs"), Some(5));
    let waivers = [Granted {
        to_sha: TO.into(),
        fingerprint: fingerprint(&Source::Model, &second),
        reason: "known".into(),
        by: "operator@example".into(),
        expires_at: now() + ops_core::time::SignedDuration::from_hours(1),
    }];
    let rules =
        [RuleFinding { rule: "no-verify".into(), blocks: false, finding: proposed(None, None) }];
    let answers = [answer(Decision::Blocked, vec![first, second])];
    let changed = [changed("src/a b.rs", Coverage::Packet(1), &[(1, 9)])];
    derive(Inputs { rules: &rules, waivers: &waivers, ..inputs(&answers, &changed, &policy) })
}

fn written(verdict: &Verdict, format: Format) -> String {
    let mut out = Vec::new();
    let lines = |path: &str, line: u32| {
        (path == "src/a b.rs" && line == 4).then(|| "let key = 1; \u{1b}[2J".to_owned())
    };
    write(verdict, format, &lines, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const ALL: [Format; 6] =
    [Format::Text, Format::Json, Format::Sarif, Format::Rdjson, Format::Markdown, Format::Github];

#[test]
fn no_format_lets_control_characters_through() {
    for format in ALL {
        let text = written(&blocked(), format);
        let bad: Vec<char> = text
            .chars()
            .filter(|it| (it.is_control() && *it != '\n') || ('\u{202a}'..='\u{202e}').contains(it))
            .filter(|_| format != Format::Json)
            .collect();
        assert_eq!(bad, [], "{format:?}");
        assert!(!text.contains('\u{1b}'), "{format:?}");
    }
}

#[test]
fn the_text_stands_beside_its_line() {
    let text = written(&blocked(), Format::Text);
    for part in [
        "BLOCKED 1111111111111111111111111111111111111111..2222",
        "src/a b.rs:4: blocker, high: one, two: three four\n      4 | let key = 1; \\u{1b}[2J\n",
        "src/a b.rs:5: waived, high: a key is logged",
        "waived by operator@example until 2026-11-21T13:00:00Z: known",
        "note, high: a key is logged",
        "rule no-verify, gate key_handling, at no line of the range",
        "  do: mask it",
        "because blocker: src/a b.rs:4",
        "paths: 1 reviewed in 1 packets, 0 excluded, 0 missing",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert!(written(&approved(), Format::Text).starts_with("APPROVED "));
}

#[test]
fn json_is_the_verdict_and_its_schema_takes_it() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../configs/schemas/verdict.schema.json"))
            .unwrap();
    let checker = jsonschema::validator_for(&schema).unwrap();
    for verdict in [blocked(), approved()] {
        let text = written(&verdict, Format::Json);
        assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
        let value: Value = serde_json::from_str(&text).unwrap();
        let wrong: Vec<String> = checker.iter_errors(&value).map(|it| it.to_string()).collect();
        assert_eq!(wrong, Vec::<String>::new());
    }
}

#[test]
fn sarif_has_a_rule_for_each_result_and_suppresses_what_is_waived() {
    // Typed by somebody else, from the specification.
    let text = written(&blocked(), Format::Sarif);
    let sarif: serde_sarif::sarif::Sarif = serde_json::from_str(&text).unwrap();
    let run = &sarif.runs[0];
    let rules: Vec<&str> =
        run.tool.driver.rules.as_ref().unwrap().iter().map(|it| it.id.as_str()).collect();
    let results = run.results.as_ref().unwrap();
    assert_eq!(results.len(), 3);
    for it in results {
        assert!(rules.contains(&it.rule_id.as_deref().unwrap()));
        assert!(!it.partial_fingerprints.as_ref().unwrap().is_empty());
    }
    assert!(results[0].suppressions.is_none());
    assert_eq!(results[1].suppressions.as_ref().unwrap().len(), 1);
    let value: Value = serde_json::from_str(&text).unwrap();
    let place = &value["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
    assert_eq!(place["region"]["startLine"], 4);
    let levels: Vec<&Value> =
        value["runs"][0]["results"].as_array().unwrap().iter().map(|it| &it["level"]).collect();
    assert_eq!(levels, ["error", "note", "warning"]);
    assert_eq!(value["version"], "2.1.0");
    assert_eq!(value["runs"][0]["invocations"][0]["exitCode"], 1);
}

#[test]
fn rdjson_has_the_shape_that_reviewdog_reads() {
    let value: Value = serde_json::from_str(&written(&blocked(), Format::Rdjson)).unwrap();
    assert_eq!(value["severity"], "ERROR");
    assert_eq!(value["source"]["name"], "review-gate");
    let list = value["diagnostics"].as_array().unwrap();
    let severities: Vec<&str> = list.iter().map(|it| it["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, ["ERROR", "INFO", "WARNING"]);
    for it in list {
        assert!(it["message"].is_string() && it["location"]["path"].is_string());
        assert!(it["code"]["value"].is_string());
    }
    assert_eq!(list[0]["location"]["range"]["start"]["line"], 4);
    assert!(list[2]["location"].get("range").is_none());
    let value: Value = serde_json::from_str(&written(&approved(), Format::Rdjson)).unwrap();
    assert_eq!(
        (&value["severity"], &value["diagnostics"]),
        (&"INFO".into(), &Value::Array(vec![]))
    );
}

#[test]
fn markdown_keeps_hostile_text_in_code() {
    let text = written(&blocked(), Format::Markdown);
    // Outside of code spans and fences there is none of it.
    let mut outside = String::new();
    let mut fence: Option<usize> = None;
    for line in text.lines() {
        let ticks = line.trim_start().chars().take_while(|it| *it == '`').count();
        match fence {
            Some(open) if ticks >= open && line.trim().len() == ticks => fence = None,
            Some(_) => {}
            None if ticks >= 3 && line.trim_start().ends_with("text") => fence = Some(ticks),
            None => outside.extend([line, "\n"]),
        }
    }
    assert_eq!(fence, None, "every fence ends:\n{text}");
    for part in ["<img>", "@team", "[x](y)"] {
        assert!(text.contains(part) && !outside.contains(part), "{part} outside of code:\n{text}");
    }
    assert!(text.contains("````text"), "a fence longer than the text's own:\n{text}");
}

#[test]
fn github_commands_are_escaped() {
    let text = written(&blocked(), Format::Github);
    let first = text.lines().find(|it| it.contains("line=4")).unwrap();
    let want = "::error file=src/a b.rs,line=4,title=one%2C two%3A three%0Afour::one, two: three";
    assert!(first.starts_with(want), "{first}");
    assert!(first.contains("100%25") && first.contains("%0A::error::no"), "{first}");
    assert!(text.lines().all(|it| it.starts_with("::")), "{text}");
    assert!(text.contains("::notice file=src/a b.rs,line=5"));
    assert!(text.contains("::warning title=a key is logged::"));
    assert_eq!(written(&approved(), Format::Github), "");
}

#[test]
fn github_shows_ten_of_a_kind_and_counts_the_rest() {
    for (count, lines, last) in
        [(10, 10, None), (11, 10, Some("and 2 more")), (40, 10, Some("and 31 more"))]
    {
        let policy = policy();
        let blockers = (1..=count).map(|line| proposed(Some("a"), Some(line))).collect();
        let answers = [answer(Decision::Approved, blockers)];
        let changed = [changed("a", Coverage::Packet(1), &[(1, 99)])];
        let text = written(&derive(inputs(&answers, &changed, &policy)), Format::Github);
        assert_eq!(text.lines().count(), lines, "{count}");
        if let Some(last) = last {
            assert!(text.lines().last().unwrap().contains(last), "{text}");
        }
    }
}
