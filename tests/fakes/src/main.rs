//! Starts one fake by hand: prints its address and example credentials, and serves until standard
//! input ends.
//!
//! `fakes pushover|twilio|ntfy|webhook|openai|mistral|moonshot|kajabi [PORT]`

use std::io::{self, Read, Write};
use std::process::ExitCode;

use fakes::{Fake, Kajabi, Mistral, Moonshot, Ntfy, OpenAi, Pushover, Service, Twilio, Webhook};

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let port = asked.get(1).map_or(Ok(0), |port| port.parse());
    let (Some(name), Ok(port)) = (asked.first(), port) else { return usage() };
    let key = || "example-key".to_owned();
    let served = match name.as_str() {
        "pushover" => {
            let mut it = Pushover::default();
            (it.limit, it.remaining) = (10_000_000, 10_000_000);
            let about = format!("token={} user={}", it.token, it.user);
            serve(it, port, &about)
        }
        "twilio" => {
            let it = Twilio::default();
            let about = format!("account={} token={} from=+14155550100", it.account, it.token);
            serve(it, port, &about)
        }
        "ntfy" => serve(Ntfy::default(), port, "topic=any"),
        "webhook" => serve(Webhook::default(), port, "path=any"),
        "openai" => serve(OpenAi::new(key()), port, "key=example-key"),
        "mistral" => serve(Mistral::new(key()), port, "key=example-key"),
        "moonshot" => serve(Moonshot::new(key()), port, "key=example-key"),
        "kajabi" => {
            let it = Kajabi { client_id: key(), client_secret: key(), tokens: 0 };
            serve(it, port, "client_id=example-key client_secret=example-key")
        }
        _ => return usage(),
    };
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(service: impl Service, port: u16, about: &str) -> io::Result<()> {
    let fake = Fake::start_at(service, port);
    writeln!(io::stdout(), "{} {about}", fake.url())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    let (requests, accepted) = (fake.received().len(), fake.accepted().len());
    writeln!(io::stdout(), "requests={requests} accepted={accepted}")
}

fn usage() -> ExitCode {
    let names = "pushover|twilio|ntfy|webhook|openai|mistral|moonshot|kajabi";
    let _told = writeln!(io::stderr(), "usage: fakes {names} [PORT]").is_ok();
    ExitCode::from(2)
}
