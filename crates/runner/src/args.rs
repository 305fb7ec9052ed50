//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  runner serve
  runner api --database-url postgres://aiops@100.64.0.7/runner
  runner work --concurrency 4
  runner submit --job orb_doctor --repo algo-nt8-orb --wait
  runner submit --job orb_review_bundle --repo algo-nt8-orb --param since_sha=0123… --wait
  runner list --status running
  runner logs 20261121T101112Z-a1b2c3 --stream stderr --tail 50
  runner cancel 20261121T101112Z-a1b2c3
  runner smoke

Exit codes: 0 done, or the job succeeded (--wait); 1 the job did not, or was refused; 2 usage;
65 the input is malformed; 69 no API answers, the queue could not be used, or the job has not ended
in time (--wait); 77 no usable token; 78 configuration.";

/// Queues read-only jobs over other repositories and has them run
#[derive(Clone, Debug, Parser)]
#[command(name = "runner", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// The PostgreSQL server of the queue, without a password [default: databaseUrl of runner.yaml,
    /// else SQLite in <home>/state/runner]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "AIOPS_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,

    /// Folder of secret files [default: `$AIOPS_SECRETS_DIR`, else /etc/ai-ops-runner/secrets]
    #[arg(long, global = true, value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,

    /// The API to talk to [default: http:// and `listen` of runner.yaml]
    #[arg(long, global = true, value_name = "URL")]
    pub api: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub call: Call,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Call {
    /// Serve the HTTP API
    Api {
        /// Where to listen: on loopback [default: `listen` of runner.yaml]
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Run jobs
    Work {
        /// Jobs at a time [default: `concurrency` of runner.yaml]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
        concurrency: Option<u32>,
    },
    /// Serve the HTTP API and run jobs, in one process
    Serve {
        /// Where to listen: on loopback [default: `listen` of runner.yaml]
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
        /// Jobs at a time [default: `concurrency` of runner.yaml]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
        concurrency: Option<u32>,
    },
    /// Submit a job
    Submit(Wish),
    /// List jobs, newest first
    List(ListArgs),
    /// Show one job
    Show {
        /// The job
        job_id: String,
    },
    /// Cancel a job that waits or runs
    Cancel {
        /// The job
        job_id: String,
    },
    /// Print what a job said
    Logs {
        /// The job
        job_id: String,
        /// Which of its outputs
        #[arg(long, value_enum, default_value_t = Stream::Stdout)]
        stream: Stream,
        /// Its last lines only
        #[arg(long, value_name = "N", default_value_t = 1000,
            value_parser = clap::value_parser!(u32).range(1..=100_000))]
        tail: u32,
    },
    /// Ask a running API questions whose answers are known
    Smoke,
    /// Become a program that ends with the worker that started it
    #[command(hide = true)]
    Inside {
        /// The worker's process
        #[arg(long)]
        parent: u32,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// A job to submit.
#[derive(ClapArgs, Clone, Debug)]
pub struct Wish {
    /// Its type, as the list of job types has it
    #[arg(long, value_name = "TYPE")]
    pub job: String,
    /// The repository, by its listed name or by its URL
    #[arg(long, value_name = "NAME|URL")]
    pub repo: String,
    /// The commit, in full [default: what the remote's HEAD is now]
    #[arg(long, value_name = "SHA")]
    pub sha: Option<String>,
    /// A parameter; may be repeated
    #[arg(long = "param", value_name = "K=V")]
    pub params: Vec<String>,
    /// Higher goes first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-100..=100))]
    pub priority: i32,
    /// Submitting again with the same key gives the same job [default: a new one]
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Follow it, print what it says, and end with it: 0 success, 1 anything else
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "N", default_value_t = 3600)]
    pub wait_seconds: u32,
}

/// Which jobs to list.
#[derive(ClapArgs, Clone, Debug)]
pub struct ListArgs {
    /// Of this status
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// Of this repository, by name
    #[arg(long, value_name = "NAME")]
    pub repo: Option<String>,
    /// Of this type
    #[arg(long, value_name = "TYPE")]
    pub job: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Go on where a list ended: its `next`
    #[arg(long, value_name = "NEXT")]
    pub before: Option<String>,
}

/// An output of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Stream {
    /// Standard output
    Stdout,
    /// Standard error
    Stderr,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// Its name in addresses and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl Call {
    /// The word on the command line.
    fn name(&self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Work { .. } => "work",
            Self::Serve { .. } => "serve",
            Self::Submit(_) => "submit",
            Self::List(_) => "list",
            Self::Show { .. } => "show",
            Self::Cancel { .. } => "cancel",
            Self::Logs { .. } => "logs",
            Self::Smoke => "smoke",
            Self::Inside { .. } => "inside",
        }
    }
}

impl Command for Args {
    const NAME: &'static str = "runner";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        match &self.call {
            // Looking leaves no record, and neither does a worker's child: the job it becomes does.
            Call::List(_) | Call::Show { .. } | Call::Logs { .. } | Call::Inside { .. } => None,
            call => Some(call.name().to_owned()),
        }
    }

    fn recorded(&self, argv: Vec<String>) -> Vec<String> {
        // A URL with a password is refused, but only after this is written.
        let is_url = |arg: &String| arg.contains("postgres://") || arg.contains("postgresql://");
        let masked = |arg: String| if is_url(&arg) { "[database url]".to_owned() } else { arg };
        argv.into_iter().map(masked).collect()
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::run(self, context)
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
}
