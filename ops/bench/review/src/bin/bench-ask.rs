//! Asks one router many questions, beside the same calls without a router, in turn.
//!
//! `bench-ask CONFIGS HOME TEXT-FILE COUNT general|review BASE...` prints one JSON document: the
//! milliseconds of each question through the router, and of one plain call to each base in a row.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures by the clock")]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use llm::router::{Router, Setup};
use llm::{Instructions, Purpose, Question};
use ops_core::cli::{Common, Context};
use ops_core::host::Host;
use outbound::{Base, Client, Limits, Request};
use serde_json::{Value, json};

fn main() -> ExitCode {
    match run() {
        Ok(document) => {
            let told = writeln!(std::io::stdout(), "{document}").is_ok();
            if told { ExitCode::SUCCESS } else { ExitCode::from(69) }
        }
        Err(why) => {
            let _told = writeln!(std::io::stderr(), "bench-ask: {why}").is_ok();
            ExitCode::from(69)
        }
    }
}

fn run() -> Result<Value, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [configs, home, text, count, purpose, bases @ ..] = &words[..] else {
        return Err("bench-ask CONFIGS HOME TEXT-FILE COUNT general|review BASE...".to_owned());
    };
    let text = std::fs::read_to_string(text).map_err(|err| err.to_string())?;
    let count: usize = count.parse().map_err(|_| "COUNT is no number")?;
    let bases: Vec<Base> = bases.iter().map(|it| Base::parse(it)).collect::<Result<_, _>>()?;
    let home = PathBuf::from(home);
    let artifacts = home.join("artifacts/bench");
    let configs = Some(PathBuf::from(configs));
    let common = Common { configs, home: Some(home), quiet: true, ..Common::default() };
    let context = Context::new("llm", Host::real(), &common).map_err(|err| err.to_string())?;
    let setup = Setup::load(&context).map_err(|err| err.to_string())?;
    let mut router = Router::new(&context, setup, None).map_err(|err| err.to_string())?;
    let question = Question {
        purpose: Purpose::named(purpose),
        system: Instructions::default(),
        user: &text,
        image: None,
        schema: None,
        max_output_tokens: Some(600),
        temperature: None,
        review: None,
        model: None,
        artifact_dir: &artifacts,
    };
    let body = json!({"model": "gpt-4o-mini", "max_completion_tokens": 600,
        "messages": [{"role": "user", "content": text}]});
    let mut client = Client::new(Limits::default());
    let (mut asked, mut plain) = (Vec::new(), Vec::new());
    // The first of each opens connections and files.
    for at in 0..=count {
        let begin = Instant::now();
        for base in &bases {
            let request = Request::post(base, "/chat/completions").bearer("example-key");
            let outcome = client.call(request.json(&body));
            if !matches!(outcome, outbound::Outcome::Answered(_)) {
                return Err(format!("a plain call: {outcome:?}"));
            }
        }
        let middle = Instant::now();
        router.ask(&question).map_err(|err| err.to_string())?;
        if at > 0 {
            plain.push((middle - begin).as_secs_f64() * 1000.0);
            asked.push(middle.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(json!({"asked_ms": asked, "plain_ms": plain}))
}
