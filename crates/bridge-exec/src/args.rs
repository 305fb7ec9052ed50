//! The command line.

use std::path::PathBuf;

use bridge::layout::RootArgs;
use clap::{Args as ClapArgs, Parser, Subcommand};
use ops_core::cli::Common;

const EXAMPLES: &str = "Examples:
  bridge-exec init --root /srv/bridge          lay out a new bridge root
  bridge-exec once --root /srv/bridge          carry out what is waiting, then exit
  bridge-exec watch --publish                  keep going, and publish the evidence
  bridge-exec validate command.json            would it be carried out? changes nothing
  bridge-exec held; bridge-exec approve ID     commands that wait for a person
  bridge-exec verify                           re-check all evidence and the audit chain

Exit codes: docs/exit-codes.md. Reasons: docs/bridge.md.";

/// Carries out signed commands within strict limits, and leaves evidence
#[derive(Debug, Parser)]
#[command(name = "bridge-exec", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// Options every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// Which bridge root.
    #[command(flatten)]
    pub root: RootArgs,

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
    /// Carry out everything that is waiting, then exit; exit 1 if anything was refused
    Once(OnceArgs),
    /// Carry out commands as they arrive, until told to stop
    Watch(WatchArgs),
    /// Say whether a document would be carried out: all layers, no effects
    Validate {
        /// The document, or - for standard input
        file: PathBuf,
    },
    /// List the commands that wait for a person
    Held,
    /// Let a held command go on
    Approve {
        /// Its id
        id: String,
    },
    /// Refuse a held command
    Reject {
        /// Its id
        id: String,
        /// The reason its dead letter gives
        #[arg(long)]
        why: String,
    },
    /// Re-check evidence against its hashes, and the audit log's chain
    Verify {
        /// One command; all of them, and the chain, without it
        id: Option<String>,
    },
    /// Say what is waiting, held and being retried, and who is running
    Status,
    /// Lay out a bridge root; safe to repeat
    Init {
        /// Let time begin anew at this machine's clock, after it was wrongly ahead
        #[arg(long)]
        reset_clock: bool,
    },
}

/// How to drain.
#[derive(ClapArgs, Debug, Default)]
pub struct OnceArgs {
    /// Commands that share one flush at most [default: the policy's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub group: Option<u16>,
}

/// How to watch.
#[derive(ClapArgs, Debug, Default)]
pub struct WatchArgs {
    /// Also publish evidence to the git remote, as bridge-publish does
    #[arg(long)]
    pub publish: bool,
}
