//! Waivers: signed, expiring, bound to the commit, shown, and weighed without another bill.

use fakes::llm::Said;

use crate::desk::{Desk, objection, signer};

fn blocked() -> (Desk, String) {
    let desk = Desk::new();
    let to = desk.change("src/a.rs", "fn a() {}\n");
    desk.answers(|_| Said::json(&objection("src/a.rs", 1, "it leaks")));
    let (code, verdict) = desk.verdict("run --gate");
    assert_eq!(code, 1);
    let print = verdict["blockers"][0]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(verdict["range"]["to_sha"], to);
    (desk, print)
}

fn waive(desk: &Desk, finding: &str, reason: &str) -> crate::desk::Told {
    let mut command = desk.command("waive --finding");
    command.arg(finding).args(["--reason", reason, "--days", "3"]);
    command.output().unwrap().into()
}

#[test]
fn a_waived_blocker_no_longer_blocks_is_shown_and_costs_no_call() {
    let (desk, print) = blocked();
    waive(&desk, &print[..8], "behind the firewall").is(0, &["waived until"]);
    let (code, verdict) = desk.verdict("run --gate");
    assert_eq!(code, 0, "{verdict}");
    assert_eq!(desk.calls(), (1, 0));
    assert_eq!(verdict["blockers"][0]["waived"]["reason"], "behind the firewall");
    assert_eq!(verdict["blockers"][0]["waived"]["by"], "reviewer-1");
    desk.run("show").is(0, &["behind the firewall", "it counts"]);
    desk.run("finish").is(0, &[]);
}

#[test]
fn a_waiver_is_bound_to_its_commit_its_finding_and_a_trusted_signer() {
    let (desk, print) = blocked();
    waive(&desk, "00000000", "x").is(1, &["has a finding"]);
    waive(&desk, &print[..7], "x").is(1, &["has a finding"]);
    waive(&desk, &print, " ").is(1, &["without a reason"]);
    desk.secret("verdict_signing_key", &signer(5).to_openssh(ssh_key::LineEnding::LF).unwrap());
    waive(&desk, &print, "by nobody").is(0, &[]);
    desk.secret("verdict_signing_key", &signer(1).to_openssh(ssh_key::LineEnding::LF).unwrap());
    desk.run("run --gate").is(1, &["BLOCKED"]);
    waive(&desk, &print, "rightly").is(0, &[]);
    desk.run("run --gate").is(0, &["APPROVED"]);
    // The same finding about another commit.
    desk.commit("an empty commit on top");
    desk.run("run --gate").is(1, &["BLOCKED"]);
}

#[test]
fn what_looks_like_a_secret_is_sent_once_it_is_waived_and_the_report_says_so() {
    let desk = Desk::new();
    let key = format!("{}{}", "AKIA", "Z7QX4MT2LNB5RWYK");
    desk.change("src/a.txt", &format!("aws_access_key_id = {key}\n"));
    let (code, verdict) = desk.verdict("run --gate");
    assert_eq!((code, desk.calls()), (1, (0, 0)), "{verdict}");
    let said = desk.run("run --gate");
    assert!(!said.out.contains("sent:"), "{said:?}");
    for finding in verdict["blockers"].as_array().unwrap() {
        let print = finding["fingerprint"].as_str().unwrap();
        waive(&desk, print, "from the vendor's manual").is(0, &["waived until"]);
    }
    let told = "sent: src/a.txt:1 looks like a secret; a waiver says that it is none";
    desk.run("run --gate --simulate").is(1, &["from the vendor's manual"]);
    assert_eq!(desk.calls(), (0, 0));
    desk.run("run --gate").is(0, &["APPROVED", told]);
    assert_eq!(desk.calls(), (1, 0));
    let sent = desk.openai.received().pop().unwrap();
    assert!(String::from_utf8_lossy(&sent.body).contains(&key));
    desk.run("run --gate").is(0, &["an earlier review", told]);
}

/// A line with a key of nobody's.
fn line_with(last: &str) -> String {
    format!("aws_access_key_id = {}{}{last}\n", "AKIA", "Z7QX4MT2LNB5RWY")
}

#[test]
fn a_key_replaced_in_place_is_two_findings_and_one_waiver_lets_neither_be_sent() {
    for waived in [0, 1] {
        let desk = Desk::new();
        let since = desk.change("src/a.txt", &line_with("K"));
        desk.change("src/a.txt", &line_with("J"));
        let call = format!("run --gate --since {since}");
        let (code, verdict) = desk.verdict(&call);
        assert_eq!((code, verdict["blockers"].as_array().unwrap().len()), (1, 2), "{verdict}");
        let print = |at: usize| verdict["blockers"][at]["fingerprint"].as_str().unwrap();
        waive(&desk, print(waived), "a dummy").is(0, &["waived until"]);
        desk.run(&call).is(1, &["BLOCKED"]);
        assert_eq!(desk.calls(), (0, 0), "{waived}");
        waive(&desk, print(1 - waived), "a dummy too").is(0, &["waived until"]);
        desk.run(&call).is(0, &["APPROVED", "sent: src/a.txt:1"]);
        assert_eq!(desk.calls(), (1, 0));
    }
}

#[test]
fn a_waiver_of_a_removed_key_says_nothing_about_what_another_range_removes() {
    let desk = Desk::new();
    let first = desk.change("src/a.txt", &line_with("K"));
    let second = desk.change("src/a.txt", &line_with("J"));
    desk.change("src/a.txt", "none\n");
    let (_, verdict) = desk.verdict(&format!("run --since {first}"));
    waive(&desk, verdict["blockers"][0]["fingerprint"].as_str().unwrap(), "a dummy").is(0, &[]);
    desk.run(&format!("run --gate --since {second}")).is(1, &["BLOCKED"]);
    assert_eq!(desk.calls(), (0, 0));
    desk.run(&format!("run --gate --since {first}")).is(0, &["APPROVED"]);
}

#[test]
fn files_whose_names_are_keys_are_told_apart_and_are_waived_by_none_where_they_cannot_be() {
    for (other, is_told_apart) in [("two\n", true), ("one\n", false)] {
        let desk = Desk::new();
        desk.put(line_with("K").trim().rsplit(' ').next().unwrap(), "one\n");
        desk.put(line_with("J").trim().rsplit(' ').next().unwrap(), other);
        desk.commit("names");
        let (code, verdict) = desk.verdict("run --gate");
        assert_eq!((code, verdict["blockers"].as_array().unwrap().len()), (1, 2), "{verdict}");
        let print = verdict["blockers"][0]["fingerprint"].as_str().unwrap();
        let said = waive(&desk, print, "a dummy");
        if is_told_apart {
            said.is(0, &["waived until"]);
        } else {
            said.is(1, &["two different findings have this fingerprint"]);
        }
        desk.run("run --gate").is(1, &["BLOCKED"]);
        assert_eq!(desk.calls(), (0, 0));
    }
}

#[test]
fn several_keys_in_one_line_are_counted_in_what_is_waived() {
    let desk = Desk::new();
    desk.change("src/a.txt", &format!("{}, {}", line_with("K").trim(), line_with("J")));
    let (code, verdict) = desk.verdict("run --gate");
    assert_eq!((code, verdict["blockers"].as_array().unwrap().len()), (1, 1), "{verdict}");
    let title = verdict["blockers"][0]["title"].as_str().unwrap();
    assert!(title.starts_with("2 times what looks like a secret"), "{title}");
}

#[test]
fn a_fingerprint_that_two_findings_of_a_model_have_is_not_waived() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.answers(|_| {
        let mut said = objection("src/a.rs", 1, "it leaks");
        let mut other = said["blockers"][0].clone();
        other["detail"] = "it leaks something else".into();
        said["blockers"].as_array_mut().unwrap().push(other);
        Said::json(&said)
    });
    let (_, verdict) = desk.verdict("run");
    let print = verdict["blockers"][0]["fingerprint"].as_str().unwrap();
    waive(&desk, print, "behind the firewall").is(1, &["two different findings"]);
    desk.run("run --gate").is(1, &["BLOCKED"]);
}

#[test]
fn what_is_past_the_twentieth_of_a_rule_in_a_file_blocks_and_cannot_be_waived() {
    let desk = Desk::new();
    let text: String = (b'A'..=b'U').map(|last| line_with(&char::from(last).to_string())).collect();
    desk.change("src/a.txt", &text);
    let (code, verdict) = desk.verdict("run --gate");
    let blockers = verdict["blockers"].as_array().unwrap();
    assert_eq!((code, blockers.len()), (1, 21), "{verdict}");
    let waived: Vec<i32> = blockers
        .iter()
        .map(|it| waive(&desk, it["fingerprint"].as_str().unwrap(), "a dummy").code)
        .collect();
    assert_eq!(waived.iter().filter(|code| **code == 0).count(), 20, "{waived:?}");
    let rest = blockers.iter().find(|it| it["line"].is_null()).unwrap();
    assert!(rest["title"].as_str().unwrap().starts_with("1 more of rule secret."), "{rest}");
    let print = rest["fingerprint"].as_str().unwrap();
    waive(&desk, print, "a dummy").is(1, &["it stands for more findings than are shown"]);
    desk.run("run --gate").is(1, &["BLOCKED", "nothing was sent"]);
    assert_eq!(desk.calls(), (0, 0));
}

/// A private key of nobody's, on many lines of this letter.
fn pem(letter: &str) -> String {
    let body = format!("{}\n", letter.repeat(64)).repeat(12);
    let mark = |word: &str| format!("-----{word} {} KEY-----\n", "PRIVATE");
    format!("{}{body}{}", mark("BEGIN"), mark("END"))
}

#[test]
fn a_private_key_under_an_unchanged_first_line_is_told_of_both_sides() {
    let desk = Desk::new();
    let since = desk.change("conf.txt", &pem("a"));
    desk.change("conf.txt", &pem("b"));
    let call = format!("run --gate --since {since}");
    let (_, verdict) = desk.verdict(&call);
    let shown = |it: &&serde_json::Value| it["title"].as_str().unwrap().contains("that is shown");
    let blockers = verdict["blockers"].as_array().unwrap();
    let print = blockers.iter().find(shown).unwrap()["fingerprint"].as_str().unwrap();
    waive(&desk, print, "the new one is a dummy").is(0, &["waived until"]);
    desk.run(&call).is(1, &["BLOCKED", "nothing was sent"]);
    assert_eq!(desk.calls(), (0, 0));
}

#[test]
fn a_waiver_of_something_else_does_not_let_a_part_of_a_private_key_be_sent() {
    for of_another_key in [false, true] {
        let desk = Desk::new();
        let first = if of_another_key { pem("a") } else { line_with("K") };
        let text = format!("one\n{first}{}{}", "\n".repeat(20), pem("b"));
        let since = desk.change("conf.txt", &text);
        // In the middle of the second key, and beside the first.
        let at = text.rfind(&"b".repeat(64)).unwrap() - 65 * 5;
        let changed = format!("two{}c{}", &text[3..at], &text[at + 1..]);
        desk.change(
            "conf.txt",
            &changed.replace(&format!("{}\n", "a".repeat(64)).repeat(12), &"z".repeat(64)),
        );
        let call = format!("run --gate --since {since}");
        let (_, verdict) = desk.verdict(&call);
        for it in verdict["blockers"].as_array().unwrap() {
            if it["line"].as_u64().unwrap() < 10 {
                waive(&desk, it["fingerprint"].as_str().unwrap(), "a dummy").is(0, &[]);
            }
        }
        desk.run(&call).is(1, &["BLOCKED", "nothing was sent"]);
        assert_eq!(desk.calls(), (0, 0), "{of_another_key}");
    }
}
