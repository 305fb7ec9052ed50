//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  doctor                                     judge this host
  doctor host --only ports,tailscale         only these checks; the report says so
  doctor host --remote ops@host-b            collect over ssh, judge here
  doctor facts > facts.json                  collect only
  doctor host --facts facts.json             judge recorded facts: the same report anywhere
  ss -tulnp | doctor ports --ss -            judge captured text
  doctor repo --fix                          a repository's own health
  doctor providers                           keys, models and money of language models

Exit codes: 0 nothing failed; 1 something did; 2 usage; 69 nothing failed but something is unknown,
or the report could not be saved; 65 --facts is malformed; 78 configuration. Checks: docs/doctor.md.";

/// Judges whether this host is private and healthy
#[derive(Clone, Debug, Parser)]
#[command(name = "doctor", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// How the report is written; --json is the same as --format json
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub format: Format,

    /// Options of the default call.
    #[command(flatten)]
    pub host: HostArgs,

    /// What to look at.
    #[command(subcommand)]
    pub call: Option<Call>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON document, `aiops.doctor/1`
    Json,
    /// `JUnit` XML, for CI
    Junit,
    /// Test Anything Protocol, version 13
    Tap,
    /// For Prometheus' textfile collector
    Prometheus,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// The calls.
#[derive(Clone, Debug, Subcommand)]
pub enum Call {
    /// Judge this host, another one, or recorded facts (the default)
    Host(HostArgs),
    /// Collect the facts of this host and print them as JSON; judge nothing
    Facts(FactsArgs),
    /// Judge only what listens
    Ports(PortsArgs),
    /// Judge a repository: hooks, configuration, secrets, units
    Repo(RepoArgs),
    /// Judge the providers of language models: asks each enabled one (`llm doctor` does it)
    Providers(ProvidersArgs),
    /// Print a JSON Schema
    Schema {
        /// Of which document
        #[arg(default_value = "report")]
        of: Document,
    },
}

/// Which host, and which checks.
#[derive(ClapArgs, Clone, Debug, Default, Eq, PartialEq)]
pub struct HostArgs {
    /// Judge recorded facts, as of when they were recorded, instead of this machine; - is standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["remote", "notify", "watch"])]
    pub facts: Option<PathBuf>,

    /// Collect on another host over ssh and judge here; its address must be in an allowed range
    #[arg(long, value_name = "[USER@]HOST")]
    pub remote: Option<String>,

    /// Only these checks
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Not these checks
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub skip: Vec<String>,

    /// Alert on each failure, and tell recovery once
    #[arg(long)]
    pub notify: bool,

    /// Judge again every so many seconds, until told to stop, and print what changed
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub watch: Option<u32>,

    /// Folder of secret files [default: /etc/ai-ops-runner/secrets]
    #[arg(long, value_name = "DIR", env = "AIOPS_SECRETS_DIR", hide_env_values = true)]
    pub secrets_dir: Option<PathBuf>,
}

/// Which facts.
#[derive(ClapArgs, Clone, Debug)]
pub struct FactsArgs {
    /// Only what these checks need
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Folder of secret files [default: /etc/ai-ops-runner/secrets]
    #[arg(long, value_name = "DIR", env = "AIOPS_SECRETS_DIR", hide_env_values = true)]
    pub secrets_dir: Option<PathBuf>,
}

/// Which sockets.
#[derive(ClapArgs, Clone, Debug)]
pub struct PortsArgs {
    /// Judge what `ss -tulnp` printed, with or without its header; - is standard input
    #[arg(long, value_name = "FILE")]
    pub ss: Option<PathBuf>,
}

/// Which keys.
#[derive(ClapArgs, Clone, Debug)]
pub struct ProvidersArgs {
    /// Folder of secret files [default: /etc/ai-ops-runner/secrets]
    #[arg(long, value_name = "DIR", env = "AIOPS_SECRETS_DIR", hide_env_values = true)]
    pub secrets_dir: Option<PathBuf>,
}

/// Which repository.
#[derive(ClapArgs, Clone, Debug)]
pub struct RepoArgs {
    /// A folder in it
    #[arg(default_value = ".")]
    pub path: PathBuf,

    /// Set what is safe to set: core.hooksPath, run bits of hooks
    #[arg(long)]
    pub fix: bool,
}

/// A document with a schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Document {
    /// What doctor answers
    Report,
    /// What it collects
    Facts,
    /// configs/doctor.yaml
    Policy,
}

impl Command for Args {
    const NAME: &'static str = "doctor";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        let host = match &self.call {
            None => &self.host,
            Some(Call::Host(host)) => host,
            Some(Call::Repo(repo)) => return repo.fix.then(|| "repo --fix".to_owned()),
            Some(Call::Facts(_) | Call::Ports(_) | Call::Providers(_) | Call::Schema { .. }) => {
                return None;
            }
        };
        host.notify.then(|| "host --notify".to_owned())
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::calls::run(self, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }

    #[test]
    fn only_calls_that_act_leave_a_run_record() {
        for (line, action) in [
            ("doctor", None),
            ("doctor --notify", Some("host --notify")),
            ("doctor host --notify", Some("host --notify")),
            ("doctor repo", None),
            ("doctor repo --fix", Some("repo --fix")),
            ("doctor facts", None),
        ] {
            let args = Args::parse_from(line.split(' '));
            assert_eq!(args.action().as_deref(), action, "{line}");
        }
    }
}
