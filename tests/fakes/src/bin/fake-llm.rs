//! Serves one provider of language models for callers that do not speak Rust: prints its address
//! and key, and ends when its standard input does.
//!
//! `fake-llm openai|mistral|moonshot|ollama [--script FILE] [--record FILE]`
//!
//! The script is described in `fakes::llm::script`. What was received is written to the record
//! at the end, one JSON document a line: method, target, headers, body.
#![expect(clippy::disallowed_methods, reason = "a fake reads its script and writes its record")]

use std::io::{self, Read, Write};
use std::process::ExitCode;

use fakes::llm::{Brain, Step, perform, script};
use fakes::{Fake, Mistral, Moonshot, Ollama, OpenAi, Received, Service};
use serde_json::{Value, json};

const KEY: &str = "example-key";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _told = writeln!(io::stderr(), "fake-llm: {why}").is_ok();
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let mut asked = std::env::args().skip(1);
    let usage = "fake-llm openai|mistral|moonshot|ollama [--script FILE] [--record FILE]";
    let provider = asked.next().ok_or(usage)?;
    let (mut steps, mut record) = ((Vec::new(), None), None);
    while let Some(flag) = asked.next() {
        let file = asked.next().ok_or(usage)?;
        match flag.as_str() {
            "--script" => {
                let text = std::fs::read(&file).map_err(|err| format!("{file}: {err}"))?;
                let document: Value =
                    serde_json::from_slice(&text).map_err(|err| format!("{file}: {err}"))?;
                steps = script(&provider, &document)?;
            }
            "--record" => record = Some(file),
            _ => return Err(usage.to_owned()),
        }
    }
    let received = match provider.as_str() {
        "openai" => serve(OpenAi::new(KEY), steps, |it| &mut it.brain),
        "mistral" => serve(Mistral::new(KEY), steps, |it| &mut it.brain),
        "moonshot" => serve(Moonshot::new(KEY), steps, |it| &mut it.brain),
        "ollama" => serve(Ollama::default(), steps, |it| &mut it.brain),
        _ => return Err(usage.to_owned()),
    };
    let received = received.map_err(|err| err.to_string())?;
    if let Some(file) = record {
        let lines: Vec<String> = received.iter().map(|it| line(it).to_string() + "\n").collect();
        std::fs::write(&file, lines.concat()).map_err(|err| format!("{file}: {err}"))?;
    }
    Ok(())
}

fn serve<S: Service>(
    service: S,
    steps: (Vec<Step>, Option<Step>),
    brain: fn(&mut S) -> &mut Brain,
) -> io::Result<Vec<Received>> {
    let fake = Fake::start(service);
    perform(&fake, steps, brain);
    writeln!(io::stdout(), "{} {KEY}", fake.url())?;
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(fake.received())
}

fn line(received: &Received) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<Value> =
        received.headers.iter().map(|(name, value)| json!([name, text(value)])).collect();
    json!({
        "method": received.method, "target": received.target, "headers": headers,
        "body": received.json().unwrap_or_else(|| json!(text(&received.body))),
    })
}
