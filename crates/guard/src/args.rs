//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  guard run                              (what the timer does every 10 minutes)
  guard status --json
  guard install --dry-run
  guard install --root /mnt/image
  guard reset                            (after mending what made its fixes fail)

guard mends one thing: sshd that listens outside the allowed ranges, and only while Tailscale is up.
Everything else it only tells. Its log is named in doctor.yaml, how often it may act in guard.yaml.

Exit codes: 0 the host passes now; 1 it does not, or something could not be looked at; 2 usage; 69
the log, the memory or an alert could not be written; 75 another guard runs; 78 configuration.";

/// Watches this host, repairs sshd in the open, and tells what it cannot repair
#[derive(Clone, Debug, Parser)]
#[command(name = "guard", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// What to do.
    #[command(subcommand)]
    pub call: Call,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Call {
    /// Look once, and do what the decision table says
    Run(RunArgs),
    /// Show the timer, the last cycle, and how many fixes are left
    Status,
    /// Let guard fix again after it gave up; a memory that cannot be read is begun anew
    Reset,
    /// Set up guard's systemd service and timer, and start the timer
    Install(InstallArgs),
    /// Stop the timer and take the service and timer away again
    Uninstall(InstallArgs),
}

/// Options of `run`.
#[derive(ClapArgs, Clone, Debug)]
pub struct RunArgs {
    /// Folder of secret files [default: `$AIOPS_SECRETS_DIR`, else /etc/ai-ops-runner/secrets]
    #[arg(long, value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,
}

/// Options of `install` and `uninstall`.
#[derive(ClapArgs, Clone, Debug)]
pub struct InstallArgs {
    /// Work on the system below this folder instead of the running one
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,

    /// Print what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Command for Args {
    const NAME: &'static str = "guard";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        match &self.call {
            Call::Run(_) => Some("run".into()),
            Call::Reset => Some("reset".into()),
            Call::Install(args) if !args.dry_run => Some("install".into()),
            Call::Uninstall(args) if !args.dry_run => Some("uninstall".into()),
            Call::Status | Call::Install(_) | Call::Uninstall(_) => None,
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
