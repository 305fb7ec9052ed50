//! One file for each call: what it looks at, what it starts, what it reports.

mod flush;
mod send;
mod sms;
mod status;

use std::time::Duration;

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Stop;
use ops_core::report::Report;
use outbound::{Client, Limits, Outcome, Proxy, Request};

use crate::args::{Args, SmsVerb, Verb};
use crate::lines::Lines;
use crate::settings::Settings;

/// The largest text that is read from standard input, bytes. What is sent is far shorter.
const LARGEST_INPUT: u64 = 64 * 1024;

/// Carries out one call.
///
/// # Errors
/// When there is no answer.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let settings: Settings = config::load(&context.host, &context.configs)?;
    let secrets_dir = args.secrets_dir.as_deref();
    let bench = Bench { context, settings: &settings, secrets_dir };
    Ok(match &args.verb {
        Verb::Send(send) if send.dry_run => Box::new(send::dry_run(&bench, send)?),
        Verb::Send(send) => Box::new(send::send(&bench, send)?),
        Verb::Resolve(resolve) => Box::new(send::resolve(&bench, resolve)?),
        Verb::Test(test) => Box::new(send::test(&bench, test)?),
        Verb::Flush => Box::new(flush::flush(&bench)?),
        Verb::Status => Box::new(status::status(&bench)?),
        Verb::Sms(SmsVerb::Poll) => Box::new(sms::poll(&bench)?),
    })
}

/// What every call works with.
struct Bench<'a> {
    context: &'a Context,
    settings: &'a Settings,
    secrets_dir: Option<&'a std::path::Path>,
}

impl Bench<'_> {
    /// The channels, with their secrets as far as they are to be had.
    fn lines(&self, naming: bool) -> Result<Lines, Failure> {
        Lines::load(self.context, self.settings, self.secrets_dir, naming)
    }

    /// The client of this process.
    fn client(&self) -> Result<impl FnMut(Request<'_>) -> Outcome, Failure> {
        let host = &self.context.host;
        let total = Duration::from_secs(self.settings.timeout_seconds.into());
        let connect = total.min(Limits::default().connect);
        let proxy = Proxy::from_environment(host).or_fail(Exit::Config, "use the proxy")?;
        let limits = Limits { connect, total, ..Limits::default() };
        let mut client = Client::through(limits, proxy);
        Ok(move |request: Request<'_>| client.call(request))
    }

    /// Takes SIGTERM and Ctrl-C as a request to end: systemd sends the first to whatever a service
    /// that ended has started, such as the flush of its alert.
    fn stop(&self) -> Result<Stop, Failure> {
        self.context.host.stop_on_signals().or_fail(Exit::Internal, "listen for signals")
    }

    /// The text of an option; `-` stands for standard input.
    fn text(&self, given: &str) -> Result<String, Failure> {
        if given != "-" {
            return Ok(given.to_owned());
        }
        let bytes = self
            .context
            .host
            .read_input(LARGEST_INPUT)
            .or_fail(Exit::Malformed, "read the message from standard input")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
