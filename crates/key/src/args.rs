//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use ops_core::report::Report;

use crate::decide::window;

const EXAMPLES: &str = "\
Examples:
  key list                                     what is there, and where from; never a value
  key set openai_api_key < key.txt             store; on a terminal, what is typed is not shown
  key doctor                                   ask each provider whether its key works
  key exec openai_api_key -- python3 job.py    the safe way to hand a secret to a program
  eval \"$(key emit-env openai_api_key)\"        the other way
  key generate console_token
  key rotate bridge_hmac begin                 then promote, then retire: docs/key.md

A value is never taken from the command line, and never printed but by emit-env.

Exit codes: docs/exit-codes.md.";

/// Finds, stores, checks and rotates secrets, and hands them to programs
#[derive(Debug, Parser)]
#[command(name = "key", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// Options every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// Folder of secret files [default: /etc/ai-ops-runner/secrets]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "AIOPS_SECRETS_DIR",
        hide_env_values = true
    )]
    pub secrets_dir: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub call: Call,
}

/// The calls.
#[derive(Debug, Subcommand)]
pub enum Call {
    /// Every registered name: where from, masked, fingerprint, age; never the value
    #[command(after_help = "Exit codes: 0 every required secret is there and all that are there \
        can be used; 1 otherwise; 78 keys.yaml is wrong.")]
    List,
    /// The same for one name
    #[command(after_help = "Exit codes: 0 it is there; 77 it is missing, or must not be used.")]
    Status {
        /// A name of keys.yaml
        name: String,
    },
    /// env, credential, keychain, file or none
    #[command(after_help = "Exit codes: 0, also for none; 77 what is there must not be used.")]
    PrintSource {
        /// A name of keys.yaml
        name: String,
    },
    /// Store a value from standard input; the old one stays until the new one reads back
    #[command(after_help = SET_EXAMPLES)]
    Set {
        /// A name of keys.yaml
        name: String,
        /// Where to.
        #[command(flatten)]
        place: Place,
    },
    /// Remove it wherever this program may write; exit 1 if some place holds it still
    Delete {
        /// A name of keys.yaml
        name: String,
    },
    /// Ask each provider whether its key works: one cheap authorised request
    #[command(after_help = "Exit codes: 0 all pass; 1 one fails, or a required one is missing; \
        69 one could not be asked; 77 the one that was named is missing or must not be used.")]
    Doctor {
        /// A name of keys.yaml; all that are there without it
        name: Option<String>,
        /// How long all of it may take
        #[arg(long, value_name = "TIME", default_value = "15s", value_parser = window)]
        timeout: Duration,
    },
    /// Print `export NAME='…'` lines for a shell to capture; refused on a terminal
    #[command(after_help = "Example:\n  eval \"$(key emit-env openai_api_key)\"\n\nEvery program \
        that the shell starts gets it then. `key exec` is safer.")]
    EmitEnv {
        /// Names of keys.yaml
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Become a program that has the secrets in its environment, and no other registered ones
    #[command(after_help = "Example:\n  key exec openai_api_key -- python3 job.py\n\nExit codes: \
        the program's own; 125 it was not started; 126 it cannot be run; 127 it is not there.")]
    Exec {
        /// Names of keys.yaml
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// The program and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Change a shared secret without a gap: two slots, both accepted within a window
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// A name of keys.yaml that has a second slot
        name: String,
        /// The step
        step: Step,
        /// How long both slots are accepted, counted anew from the promotion (begin only)
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = window)]
        window: Duration,
        /// Retire before the window ends: what the old secret signed is refused from then on
        #[arg(long)]
        now: bool,
    },
    /// Make a new random secret
    #[command(after_help = "Exit codes: 0 made; 1 there is one already (--force replaces it); \
        2 this one is issued by somebody else.")]
    Generate {
        /// A name of keys.yaml
        name: String,
        /// Where to.
        #[command(flatten)]
        place: Place,
        /// Replace the one that is there
        #[arg(long)]
        force: bool,
    },
    /// Move secrets from the folders of older installs; safe to repeat
    #[command(after_help = "Exit codes: 0 nothing is left there; 1 something differs or is \
        refused, and was left.")]
    Migrate,
    /// Find what looks like a secret in files, a text or a diff; never shows it
    #[command(after_help = "Examples:\n  key scan\n  git diff --cached | key scan --diff\n\n\
        Exit codes: 0 nothing found; 1 found; 69 something could not be looked at, and nothing \
        was found elsewhere.\n\nA line with `aiops:allow` is passed over, and what \
        .gitleaksignore names.")]
    Scan {
        /// A file or folder; - for standard input
        #[arg(default_value = ".", default_value_if("diff", "true", "-"))]
        path: PathBuf,
        /// Read a diff, and look at what it adds
        #[arg(long)]
        diff: bool,
    },
}

const SET_EXAMPLES: &str = "\
Examples:
  key set openai_api_key                 type or paste it; it is not shown
  key set openai_api_key < key.txt
  some-vault read key | key set openai_api_key --to keychain

Exit codes: 0 stored, and it reads back; 1 a rotation of it is under way; 65 it is no usable
secret; 69 it could not be stored, and the old value is in place; 75 another key call runs.";

const ROTATE_EXAMPLES: &str = "\
Examples:
  key rotate bridge_hmac begin           make the second secret; both are accepted
  key rotate bridge_hmac promote         sign with the second one
  key rotate bridge_hmac retire          the second becomes the only one, once the window ended
  key rotate bridge_hmac status

Exit codes: 0 done, or as it was; 1 not now, and when; 2 it has no second slot.";

/// Where a secret is stored.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Place {
    /// Where to [default: where it is, else file]
    #[arg(long, value_name = "PLACE")]
    pub to: Option<To>,
    /// Let the group of keys.yaml read the file (mode 0640)
    #[arg(long)]
    pub shared: bool,
}

/// The places that this program writes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum To {
    /// The platform's keychain.
    Keychain,
    /// The secrets folder.
    File,
}

/// The steps of a rotation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Step {
    /// Accept a second secret.
    Begin,
    /// Sign with it.
    Promote,
    /// Accept nothing else.
    Retire,
    /// Say how far it is.
    Status,
}

impl Step {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Promote => "promote",
            Self::Retire => "retire",
            Self::Status => "status",
        }
    }
}

impl Command for Args {
    const NAME: &'static str = "key";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        let action = match &self.call {
            Call::List | Call::Status { .. } | Call::PrintSource { .. } | Call::Scan { .. } => {
                return None;
            }
            Call::Set { .. } => "set",
            Call::Delete { .. } => "delete",
            Call::Doctor { .. } => "doctor",
            Call::EmitEnv { .. } => "emit-env",
            Call::Exec { .. } => "exec",
            Call::Rotate { step, .. } => return Some(format!("rotate {}", step.name())),
            Call::Generate { .. } => "generate",
            Call::Migrate => "migrate",
        };
        Some(action.to_owned())
    }

    /// Whoever types a value after `set` must not find it in a terminal's history or a log.
    fn misused(error: clap::Error) -> (clap::Error, Exit) {
        let call = Self::command()
            .ignore_errors(true)
            .try_get_matches_from(Host::real().argv())
            .ok()
            .and_then(|matches| matches.subcommand_name().map(str::to_owned));
        match call.as_deref() {
            Some("set") => {
                let told = "the command line is wrong; it is not repeated here, since a secret \
                    may be in it\n\nThe value comes from standard input: key set NAME \
                    [--to keychain|file] [--shared] < FILE";
                (Self::command().error(ErrorKind::UnknownArgument, told), Exit::Usage)
            }
            Some("exec") => (error, Exit::WrapperFailed),
            _ => (error, Exit::Usage),
        }
    }

    /// Neither what stands where a value does not belong, nor what `exec` hands to its program.
    fn recorded(&self, argv: Vec<String>) -> Vec<String> {
        match &self.call {
            Call::Set { name, .. } => {
                argv.into_iter().map(|it| if it == *name { "NAME".into() } else { it }).collect()
            }
            Call::Exec { command, .. } => {
                let kept = argv.len().saturating_sub(command.len().saturating_sub(1));
                argv.into_iter().take(kept).collect()
            }
            _ => argv,
        }
    }

    /// The program's codes are its own, so a failure before it ran has one code of its own.
    fn code(&self, exit: Exit) -> Exit {
        match (&self.call, exit) {
            (Call::Exec { .. }, Exit::CannotRun | Exit::NotFound) => exit,
            (Call::Exec { .. }, _) => Exit::WrapperFailed,
            _ => exit,
        }
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::run(self, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_record_holds_no_argument_of_the_program_and_nothing_that_may_be_a_value() {
        for (line, want) in [
            ("key exec a b -- cmd --token canary", "key exec a b -- cmd"),
            ("key exec a -- cmd", "key exec a -- cmd"),
            ("key set canary --to file", "key set NAME --to file"),
            ("key delete a", "key delete a"),
        ] {
            let words = line.split(' ').map(str::to_owned).collect::<Vec<_>>();
            let args = Args::try_parse_from(&words).unwrap();
            assert_eq!(args.recorded(words).join(" "), want);
        }
    }
}
