//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ops_core::alert;
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

use crate::model::Channel;

const EXAMPLES: &str = "\
Examples:
  notify send --title 'disk full' --message '/var is at 97%' --check disk.free --severity high
  df -h | notify send --title 'disk report' --message -
  notify send --title 'test of the wiring' --dry-run
  notify resolve --check disk.free
  notify status
  notify test --channel twilio
  notify flush --quiet                     (what the timer runs every minute)
  notify sms poll

A message is on disk before it is sent, and is sent once: do not send it again, flush does.

Exit codes: 0 delivered, held back and counted, or left to a running flush; 2 usage; 69 not
delivered (it stays queued, or see status); 75 another flush runs (flush); 77 no channel has its
secrets (the message is queued all the same); 78 configuration.";

/// The options whose values are what a message says.
const TEXTS: [&str; 2] = ["--title", "--message"];

/// Reaches the operator: by Pushover, SMS, ntfy and webhooks, each message once
#[derive(Clone, Debug, Parser)]
#[command(name = "notify", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// Folder of secret files [default: `$AIOPS_SECRETS_DIR`, else /etc/ai-ops-runner/secrets]
    #[arg(long, global = true, value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Queue a message and deliver it
    Send(SendArgs),
    /// Tell that what a check told of is over: once, and only if it was told
    Resolve(ResolveArgs),
    /// Deliver what is queued and due, follow emergencies and SMS
    Flush,
    /// Show the queue, the rate limits, the channels and what was not delivered
    Status,
    /// Send one real message, past the rate limit
    Test(TestArgs),
    /// Commands that come by SMS
    #[command(subcommand)]
    Sms(SmsVerb),
}

/// What to send.
#[derive(ClapArgs, Clone, Debug)]
pub struct SendArgs {
    /// One line; at most 250 characters of it are sent
    #[arg(long)]
    pub title: String,

    /// The text, `-` for standard input; at most 1,024 characters of it are sent
    #[arg(long, default_value = "")]
    pub message: String,

    /// What it is about (disk.free): messages of one check id are rate limited together
    #[arg(long, value_name = "ID")]
    pub check: Option<String>,

    /// How much it matters
    #[arg(long, value_enum, default_value_t = Severity::Warn)]
    pub severity: Severity,

    /// The only channel that may carry it [default: the configured order]
    #[arg(long, value_enum, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,

    /// Show what would be sent where; write nothing, send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What is over.
#[derive(ClapArgs, Clone, Debug)]
pub struct ResolveArgs {
    /// The check id that the failure was sent with
    #[arg(long, value_name = "ID")]
    pub check: String,

    /// One line [default: `recovered: <ID>`]
    #[arg(long)]
    pub title: Option<String>,

    /// The text, `-` for standard input
    #[arg(long, default_value = "")]
    pub message: String,

    /// How much it matters
    #[arg(long, value_enum, default_value_t = Severity::Info)]
    pub severity: Severity,
}

/// What to try.
#[derive(ClapArgs, Clone, Debug)]
pub struct TestArgs {
    /// The channel to try [default: the configured order, as for every message]
    #[arg(long, value_enum, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
}

/// Commands that come by SMS.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum SmsVerb {
    /// Read new SMS from the provider and answer their commands
    Poll,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Severity {
    /// Good to know; no sound
    Info,
    /// Look at it today
    Warn,
    /// Look at it now
    High,
    /// Repeated until somebody acknowledges it; never too old to be told
    Emergency,
}

impl From<Severity> for alert::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warn => Self::Warn,
            Severity::High => Self::High,
            Severity::Emergency => Self::Emergency,
        }
    }
}

/// A channel on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ChannelName {
    /// Push messages
    Pushover,
    /// SMS
    Twilio,
    /// An ntfy topic
    Ntfy,
    /// A JSON document posted to a URL
    Webhook,
}

impl From<ChannelName> for Channel {
    fn from(name: ChannelName) -> Self {
        match name {
            ChannelName::Pushover => Self::Pushover,
            ChannelName::Twilio => Self::Twilio,
            ChannelName::Ntfy => Self::Ntfy,
            ChannelName::Webhook => Self::Webhook,
        }
    }
}

impl Command for Args {
    const NAME: &'static str = "notify";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        let action = match &self.verb {
            Verb::Send(send) if send.dry_run => return None,
            Verb::Status => return None,
            Verb::Send(_) => "send",
            Verb::Resolve(_) => "resolve",
            Verb::Flush => "flush",
            Verb::Test(_) => "test",
            Verb::Sms(SmsVerb::Poll) => "sms poll",
        };
        Some(action.to_owned())
    }

    fn recorded(&self, argv: Vec<String>) -> Vec<String> {
        recorded(argv)
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::calls::run(self, context)
    }
}

/// What a message says is in the queue, where it is redacted; a record needs only its length.
fn recorded(argv: Vec<String>) -> Vec<String> {
    let told = |text: &str| format!("({} characters)", text.chars().count());
    let mut is_text = false;
    argv.into_iter()
        .map(|word| {
            let was_text = std::mem::replace(&mut is_text, TEXTS.contains(&word.as_str()));
            match word.split_once('=') {
                _ if was_text => told(&word),
                Some((name, text)) if TEXTS.contains(&name) => format!("{name}={}", told(text)),
                _ => word,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_record_holds_no_message() {
        let line = "notify send --title secret --message=a=b --check x.y --message -";
        let argv = line.split(' ').map(str::to_owned).collect();
        let want = "notify send --title (6 characters) --message=(3 characters) --check x.y \
                    --message (1 characters)";
        assert_eq!(recorded(argv).join(" "), want);
    }
}
