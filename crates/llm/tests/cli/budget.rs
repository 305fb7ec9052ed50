//! Money: nothing is sent without room for it, whoever else is spending.

use std::time::{Duration, Instant};

use fakes::{Behaviour, How};
use serde_json::json;

use crate::machine::{Machine, approved};

/// Prices at which a short question can cost about six cents.
fn dear() -> serde_json::Value {
    let price = json!({"inputPer1M": 1.0, "outputPer1M": 100.0});
    json!({"gpt-4o-mini": price, "mistral-small-latest": price})
}

fn booked(machine: &Machine) -> f64 {
    machine.telemetry().iter().map(|line| line["booked_usd"].as_f64().unwrap()).sum()
}

#[test]
fn eight_processes_at_once_never_pass_a_cap() {
    let mut machine = Machine::new();
    // Each sets about $0.06 aside and costs $0.001: three fit at once.
    machine.set("/budget/pricing", dear());
    machine.set("/budget/maxUsdPerDay", json!(0.2));
    machine.set("/limits/deadlineSeconds", json!(100));
    machine.set("/limits/callSeconds", json!(90));
    machine.openai.service(|it| it.brain.thinks(|_| approved("x").uses(30, 0, 10)));
    machine.openai.otherwise(Behaviour::from(How::Hang));
    let children: Vec<_> = (0..8).map(|_| machine.start_review("artifacts")).collect();
    // Nobody is answered before everybody has asked for money.
    let started = Instant::now();
    while machine.telemetry().len() < 5 || machine.asked().0 < 3 {
        assert!(started.elapsed() < Duration::from_mins(1), "{:?}", machine.telemetry());
        std::thread::yield_now();
    }
    machine.openai.release();
    let mut codes: Vec<i32> = children
        .into_iter()
        .map(|child| machine.done(child.wait_with_output().unwrap()).code)
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(machine.asked().0, 3, "what was refused was not sent");
    assert!(booked(&machine) < 0.01, "{}", booked(&machine));
    // What was set aside and not needed can be spent by the next.
    machine.openai.otherwise(Behaviour::normal());
    assert_eq!(machine.review().code, 0);
}

#[test]
fn hanging_processes_hold_what_they_set_aside_also_when_they_are_killed() {
    let mut machine = Machine::new();
    machine.set("/budget/pricing", dear());
    machine.set("/budget/maxUsdPerDay", json!(0.2));
    machine.openai.otherwise(Behaviour::from(How::Hang));
    // Three times about $0.06 fit, a fourth does not.
    let mut children: Vec<_> = (0..3).map(|_| machine.start_review("artifacts")).collect();
    assert!(machine.openai.wait_for(3, Duration::from_secs(20)));
    let refused = machine.review();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("budget of the day"), "{refused:?}");
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let refused = machine.review();
    assert_eq!(refused.code, 1, "a killed call may have been billed: {refused:?}");
    assert_eq!(machine.asked(), (3, 0));
    let status = machine.run(&["--json", "status"]).json();
    assert!(status["router"]["budget"]["set_aside_usd"].as_f64().unwrap() > 0.17, "{status}");
}

#[test]
fn each_cap_refuses_before_anything_is_sent() {
    for (cap, scope) in [
        ("/budget/maxUsdPerReview", "review"),
        ("/budget/maxUsdPerRun", "run"),
        ("/budget/maxUsdPerDay", "day"),
    ] {
        let mut machine = Machine::new();
        machine.set(cap, json!(0.000_01));
        let run = machine.review();
        assert_eq!(run.code, 1, "{run:?}");
        let refused = run.json();
        assert_eq!(refused["schema"], "aiops.llm.refused/1");
        let why = refused["why"].as_str().unwrap();
        assert!(why.contains(&format!("budget of the {scope}")), "{why}");
        assert_eq!(machine.asked(), (0, 0));
        let lines = machine.telemetry();
        assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &json!("refused")));
        assert_eq!(lines[0]["detail"], "over_budget");
        assert_eq!(lines[0]["booked_usd"], 0.0);
    }
}

#[test]
fn the_review_s_budget_covers_the_retry_and_the_fallback() {
    let mut machine = Machine::new();
    machine.openai.otherwise(Behaviour::from(How::Close));
    machine.set("/budget/pricing", dear());
    // Room for the first call and the retry, both of which may have been billed.
    machine.set("/budget/maxUsdPerReview", json!(0.13));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (69, (2, 0)), "{run:?}");
    let evidence = machine.fail_closed().unwrap();
    assert!(evidence["fallback_error"].as_str().unwrap().contains("budget of the review"));
    // Room for one: the retry is not made, and the dearer fallback neither.
    machine.set("/budget/maxUsdPerReview", json!(0.07));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (69, (3, 0)), "{run:?}");
}

#[test]
fn a_model_without_a_price_is_refused_for_review_and_warned_of_elsewhere() {
    let mut machine = Machine::new();
    machine.set("/defaults/review/model", json!("my-own-model"));
    machine.set("/defaults/general/model", json!("my-own-model"));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (1, (0, 0)), "{run:?}");
    assert!(run.stdout.contains("no price is known"), "{run:?}");
    let run = machine.run(&["ask", "hello"]);
    // It is asked, and as nobody offers it, the provider says so.
    assert_eq!((run.code, machine.asked()), (69, (1, 0)), "{run:?}");
    assert!(
        run.stderr.contains("no such model") || run.stderr.contains("unknown_model"),
        "{run:?}"
    );
    // With a price of one's own it may review.
    machine.openai.service(|it| {
        let mut own = it.models[0].clone();
        "my-own-model".clone_into(&mut own.id);
        "my-own-model-2026-01-01".clone_into(&mut own.snapshot);
        it.models.push(own);
    });
    let pricing = json!({"my-own-model": {"inputPer1M": 0.15, "outputPer1M": 0.60}});
    machine.set("/budget/pricing", pricing);
    let run = machine.review();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.json()["cost_usd"].as_f64().unwrap() > 0.0);
}
