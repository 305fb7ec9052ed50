//! What the binary cannot show: successors in their time, one budget over packets, own time.

use std::time::Duration;

use llm::router::{Router, Setup};
use llm::{AnswerSchema, Choice, Instructions, Provider, Purpose, Question, ReviewRun};
use ops_core::cli::{Common, Context};
use ops_core::failure::Exit;
use ops_core::host::Host;
use serde_json::json;

use crate::machine::{Machine, SCHEMA, approved};

fn context(machine: &Machine, now: &str) -> Context {
    let env = machine.env.iter().map(|(name, value)| (name.clone(), value.clone()));
    let host = Host::with(env, now.parse().unwrap());
    let configs = Some(machine.dir.path().join("configs"));
    let common = Common { configs, home: Some(machine.home()), quiet: true, ..Common::default() };
    Context::new("llm", host, &common).unwrap()
}

fn setup(machine: &Machine) -> Setup {
    let models = include_bytes!("../../../../configs/models.json");
    let settings = machine.settings.to_string();
    Setup::from_bytes(("llm.json", settings.as_bytes()), ("models.json", models)).unwrap()
}

fn schema() -> AnswerSchema {
    AnswerSchema { name: "verdict".into(), text: SCHEMA.into() }
}

fn question<'a>(
    schema: &'a AnswerSchema,
    review: Option<&'a ReviewRun>,
    artifacts: &'a std::path::Path,
) -> Question<'a> {
    Question {
        purpose: Purpose::Review,
        system: Instructions { first: "Judge.", last: "Judge it now." },
        user: "a change",
        image: None,
        schema: Some(schema),
        max_output_tokens: None,
        temperature: None,
        review,
        model: None,
        artifact_dir: artifacts,
    }
}

#[test]
fn from_the_shutdown_on_the_successor_is_asked_and_both_names_are_told() {
    let mut machine = Machine::new();
    machine.set("/reviewFallback/model", json!("labs-devstral-small-2512"));
    let (schema, artifacts) = (schema(), machine.artifacts());
    for (now, model) in
        [("2027-01-13T23:59:59Z", "gpt-4o-mini"), ("2027-01-14T00:00:00Z", "gpt-6-luna")]
    {
        let context = context(&machine, now);
        let mut router = Router::new(&context, setup(&machine), None).unwrap();
        let answer = router.ask(&question(&schema, None, &artifacts)).unwrap();
        assert_eq!(answer.model_requested, "gpt-4o-mini");
        assert_eq!(answer.model_effective, model);
        assert!(answer.model_replied.starts_with(model), "{}", answer.model_replied);
        assert_eq!(answer.warnings.is_empty(), model == "gpt-4o-mini", "{:?}", answer.warnings);
    }
    let body = machine.openai.received()[1].json().unwrap();
    assert_eq!(body["reasoning_effort"], "none");
    machine.openai.otherwise(fakes::Behaviour::status(503));
    let context = context(&machine, "2026-11-21T00:00:00Z");
    let mut router = Router::new(&context, setup(&machine), None).unwrap();
    let answer = router.ask(&question(&schema, None, &artifacts)).unwrap();
    assert_eq!(answer.model_requested, "labs-devstral-small-2512");
    assert_eq!(answer.model_effective, "mistral-small-latest");
    assert_eq!(answer.transient_class, Some("transient_server"));
}

#[test]
fn packets_of_a_review_share_its_budget() {
    let mut machine = Machine::new();
    let prices = json!({"gpt-4o-mini": {"inputPer1M": 1.0, "outputPer1M": 100.0}});
    machine.set("/budget/pricing", prices);
    machine.set("/budget/maxUsdPerReview", json!(0.1));
    machine.openai.service(|it| it.brain.thinks(|_| approved("x").uses(50, 0, 300)));
    let context = context(&machine, "2026-11-21T00:00:00Z");
    let mut router = Router::new(&context, setup(&machine), None).unwrap();
    let (schema, artifacts) = (schema(), machine.artifacts());
    let review = ReviewRun::new(&context.host);
    let mut spent = 0.0;
    // Each sets about $0.06 aside and costs about $0.03.
    for _ in 0..2 {
        let answer = router.ask(&question(&schema, Some(&review), &artifacts)).unwrap();
        spent += answer.cost.unwrap().usd();
    }
    let refused = router.ask(&question(&schema, Some(&review), &artifacts)).unwrap_err();
    assert_eq!(refused.exit, Exit::No, "{refused}");
    assert!(spent < 0.1);
    // Another review has its own.
    assert!(router.ask(&question(&schema, None, &artifacts)).is_ok());
    assert_eq!(machine.asked(), (3, 0));
}

#[test]
fn a_second_opinion_is_asked_for_by_name_and_has_no_fallback() {
    let machine = Machine::new();
    let context = context(&machine, "2026-11-21T00:00:00Z");
    let mut router = Router::new(&context, setup(&machine), None).unwrap();
    let (schema, artifacts) = (schema(), machine.artifacts());
    let choice = Choice { provider: Provider::Mistral, model: "mistral-small-latest".into() };
    let asked = Question { model: Some(&choice), ..question(&schema, None, &artifacts) };
    let answer = router.ask(&asked).unwrap();
    assert_eq!((answer.provider, answer.fallback_used), (Provider::Mistral, false));
    machine.mistral.otherwise(fakes::Behaviour::status(500));
    assert_eq!(router.ask(&asked).unwrap_err().exit, Exit::Unavailable);
    assert_eq!(machine.asked(), (0, 3));
    for provider in [Provider::Moonshot, Provider::Ollama] {
        let choice = Choice { provider, model: "kimi-k2.6".into() };
        let asked = Question { model: Some(&choice), ..question(&schema, None, &artifacts) };
        assert_eq!(router.ask(&asked).unwrap_err().exit, Exit::Config);
    }
}

#[test]
fn instructions_stand_before_and_after_the_data() {
    let machine = Machine::new();
    let context = context(&machine, "2026-11-21T00:00:00Z");
    let mut router = Router::new(&context, setup(&machine), None).unwrap();
    let (schema, artifacts) = (schema(), machine.artifacts());
    router.ask(&question(&schema, None, &artifacts)).unwrap();
    let messages = machine.openai.service(|it| it.brain.asked()[0].messages.clone());
    let texts: Vec<&str> = messages.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["Judge.", "a change", "Judge it now."]);
    assert_eq!(messages[1].0, "user");
}

#[test]
fn a_question_that_does_not_fit_is_refused_unsent() {
    let machine = Machine::new();
    let context = context(&machine, "2026-11-21T00:00:00Z");
    let mut router = Router::new(&context, setup(&machine), None).unwrap();
    let (schema, artifacts) = (schema(), machine.artifacts());
    let long = "word ".repeat(140_000);
    let asked = Question { user: &long, ..question(&schema, None, &artifacts) };
    assert_eq!(router.ask(&asked).unwrap_err().exit, Exit::Malformed);
    let loose = AnswerSchema { name: "x".into(), text: r#"{"type":"object"}"#.into() };
    let asked = Question { schema: Some(&loose), ..question(&schema, None, &artifacts) };
    assert_eq!(router.ask(&asked).unwrap_err().exit, Exit::Malformed);
    assert_eq!(machine.asked(), (0, 0));
    assert!(context.host.ticks() > Duration::ZERO);
}
