//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bridge::command::Mode;
use bridge::layout::RootArgs;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  bridge-submit --root ~/cloud noop --wait
  bridge-submit write notes/today.md < today.md
  bridge-submit write bin/tool --mode 0755 --expect-sha256 absent < tool
  bridge-submit move notes/today.md notes/2025-08-09.md
  git diff | bridge-submit patch - --validate yaml --wait --wait-seconds 20
  bridge-submit --dry-run noop > command.json
  bridge-submit sign partial.json > command.json
  bridge-submit canonical command.json | openssl dgst -sha256
  bridge-submit noop --ssh-key ~/.ssh/agent --client agent-1
  bridge-submit smoke

Exit codes: 0 dropped, or carried out (--wait); 1 refused; 2 usage; 65 the input cannot become a
command; 75 no answer in time; 77 no usable key; 78 configuration or bridge root missing.";

/// Makes, signs and drops bridge commands, and follows them to their outcome
#[derive(Clone, Debug, Parser)]
#[command(name = "bridge-submit", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,
    /// The bridge root.
    #[command(flatten)]
    pub root: RootArgs,
    /// Who signs.
    #[command(flatten)]
    pub keys: KeyArgs,
    /// What the document says beside its change.
    #[command(flatten)]
    pub wish: WishArgs,
    /// Whether to wait for the outcome.
    #[command(flatten)]
    pub following: FollowArgs,

    /// Print the signed document instead of dropping it
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Who signs: the shared secret, unless a private key is named.
#[derive(ClapArgs, Clone, Debug)]
pub struct KeyArgs {
    /// Folder of secret files [default: `$AIOPS_SECRETS_DIR`, else /etc/ai-ops-runner/secrets]
    #[arg(long, global = true, value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,

    /// Make a version 2 document, signed by this OpenSSH Ed25519 private key (needs --client)
    #[arg(long, global = true, value_name = "FILE")]
    pub ssh_key: Option<PathBuf>,

    /// The name under which configs/bridge.yaml lists that key
    #[arg(long, global = true, value_name = "NAME")]
    pub client: Option<String>,
}

/// What a document says beside its change.
#[derive(ClapArgs, Clone, Debug)]
pub struct WishArgs {
    /// The command's id [default: `<verb>-<time>-<6 hex>`]
    #[arg(long, global = true)]
    pub id: Option<String>,

    /// The folder to change, by its name in configs/bridge.yaml
    #[arg(long, global = true, value_name = "NAME", default_value = "MAIN")]
    pub target: String,

    /// Seconds until the command expires [default: 300, or the policy's longest window]
    #[arg(long, global = true, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub ttl: Option<u32>,

    /// Milliseconds the command may take [default: 60000, or the policy's ceiling]
    #[arg(long, global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_runtime_ms: Option<u64>,

    /// Files the command may change [default: as many as it names]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_files: Option<u64>,

    /// A validator that must accept the result; may be repeated
    #[arg(long, global = true, value_name = "NAME")]
    pub validate: Vec<String>,
}

/// Whether to wait for the outcome.
#[derive(ClapArgs, Clone, Debug)]
pub struct FollowArgs {
    /// Wait for the outcome and end with it: 0 carried out, 1 refused, 75 no answer in time
    #[arg(long, global = true)]
    pub wait: bool,

    /// Seconds to wait at most (smoke: never more than 10)
    #[arg(long, global = true, value_name = "N", default_value_t = 60)]
    pub wait_seconds: u32,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Change nothing: shows that the way is open
    Noop,
    /// Create or replace a file with what is on standard input
    Write {
        /// Relative to the target
        path: String,
        /// The file's mode; a file that is there keeps its own
        #[arg(long, value_enum)]
        mode: Option<ModeArg>,
        /// SHA-256 of the file as it is now, in hex, or `absent`
        #[arg(long, value_name = "HEX|absent")]
        expect_sha256: Option<String>,
    },
    /// Rename a file
    Move {
        /// Its name now, relative to the target
        from: String,
        /// Its new name, which must be free
        to: String,
    },
    /// Apply a unified diff in git's style
    Patch {
        /// The diff; `-` is standard input
        #[arg(value_name = "FILE.diff")]
        file: PathBuf,
    },
    /// Delete a file, if the policy allows deleting at all
    Delete {
        /// Relative to the target
        path: String,
    },
    /// Complete a document (id, times, nonce, signature; what is there stays) and print it
    Sign {
        /// The document; `-` is standard input
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
    },
    /// Print exactly the bytes that the signature of a document covers
    Canonical {
        /// The document; `-` is standard input
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
    },
    /// Ask a running executor four questions whose answers are known
    Smoke,
}

/// The modes a file can be given.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeArg {
    /// Read by all, written by the owner
    #[value(name = "0644")]
    Plain,
    /// The same, and executable
    #[value(name = "0755")]
    Executable,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Plain => Self::Plain,
            ModeArg::Executable => Self::Executable,
        }
    }
}

impl Verb {
    /// The word on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Write { .. } => "write",
            Self::Move { .. } => "move",
            Self::Patch { .. } => "patch",
            Self::Delete { .. } => "delete",
            Self::Sign { .. } => "sign",
            Self::Canonical { .. } => "canonical",
            Self::Smoke => "smoke",
        }
    }

    /// Whether it drops one document.
    pub(crate) fn drops_one(&self) -> bool {
        !matches!(self, Self::Sign { .. } | Self::Canonical { .. } | Self::Smoke)
    }
}

impl FollowArgs {
    /// How long to wait.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.wait_seconds.into())
    }
}

impl Command for Args {
    const NAME: &'static str = "bridge-submit";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        match &self.verb {
            Verb::Canonical { .. } => None,
            verb => Some(verb.name().to_owned()),
        }
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
