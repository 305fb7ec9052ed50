//! The command line.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  heal --check-only
  heal --notify
  heal --only ssh
  heal ssh --plan                        (exactly what would change; changes nothing)
  heal ssh --confirm 120                 (undone unless `heal confirm` is run over a new connection)
  heal verify-evidence /var/lib/ai-ops-runner/artifacts/evidence/20260101T000000Z_example

The fixes: ssh, which makes sshd listen on the tailnet address and nowhere else. Every run leaves a
folder below artifacts/evidence, also when it fails.

Exit codes: 0 the host passes now (heal ssh: sshd is as it should be); 1 it does not, or the fix was
refused or undone; 2 usage; 69 something could not be looked at or written; 75 another heal runs, or
a change waits for its confirmation; 78 configuration.";

/// Checks this host, applies the fixes that are safe, verifies, and leaves evidence
#[derive(Clone, Debug, Parser)]
#[command(name = "heal", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// Options of the whole of it.
    #[command(flatten)]
    pub posture: PostureArgs,

    /// One part of it.
    #[command(subcommand)]
    pub call: Option<Call>,
}

/// Options of a whole run.
#[derive(ClapArgs, Clone, Debug, Default, Eq, PartialEq)]
pub struct PostureArgs {
    /// Look and judge; change nothing
    #[arg(long, conflicts_with_all = ["verify_only", "only"])]
    pub check_only: bool,

    /// Look and judge what an earlier run left; change nothing
    #[arg(long, conflicts_with = "only")]
    pub verify_only: bool,

    /// Tell the outcome with `notify`
    #[arg(long)]
    pub notify: bool,

    /// Apply only these fixes, and these whether or not a check asks for them
    #[arg(long, value_name = "FIX", value_delimiter = ',')]
    pub only: Vec<Fix>,
}

/// A fix that is safe to apply. Adding one is adding a power: review it as one.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Fix {
    /// sshd listens on the tailnet address and nowhere else
    Ssh,
}

/// One part of it.
#[derive(Clone, Debug, Subcommand)]
pub enum Call {
    /// Make sshd listen on the tailnet address and nowhere else
    Ssh(SshArgs),
    /// Confirm a change that waits for it: run it over a new connection
    Confirm,
    /// Wait until an address is this machine's (sshd's service calls this)
    #[command(hide = true)]
    WaitAddress(WaitArgs),
    /// Check a folder of evidence against its hashes
    VerifyEvidence {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Options of `ssh`.
#[derive(ClapArgs, Clone, Debug, Default)]
pub struct SshArgs {
    /// Print exactly what would change, and change nothing
    #[arg(long)]
    pub plan: bool,

    /// Undo it after so many seconds unless `heal confirm` is run by then
    #[arg(long, value_name = "SECONDS", conflicts_with = "plan")]
    #[arg(value_parser = clap::value_parser!(u32).range(10..=86_400))]
    pub confirm: Option<u32>,

    /// Put everything back as a record has it (the dead man's switch calls this)
    #[arg(long, value_name = "RECORD", hide = true, conflicts_with_all = ["plan", "confirm"])]
    pub rollback: Option<PathBuf>,
}

/// Options of `wait-address`.
#[derive(ClapArgs, Clone, Debug)]
pub struct WaitArgs {
    /// The address
    pub address: Ipv4Addr,

    /// How long to wait
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub seconds: u32,
}

impl Command for Args {
    const NAME: &'static str = "heal";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        let name = match &self.call {
            None if self.posture.check_only => "check",
            None if self.posture.verify_only => "verify",
            None => "heal",
            Some(Call::Ssh(ssh)) if ssh.plan => return None,
            // It must go back also where no record can be written.
            Some(Call::Ssh(ssh)) if ssh.rollback.is_some() => return None,
            Some(Call::Ssh(_)) => "ssh",
            Some(Call::Confirm) => "confirm",
            Some(Call::WaitAddress(_) | Call::VerifyEvidence { .. }) => return None,
        };
        Some(name.to_owned())
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        if self.call.is_some() && self.posture != PostureArgs::default() {
            return Err(Failure::new(
                ops_core::failure::Exit::Usage,
                "use options of the whole run with one part of it",
            )
            .hint("leave --check-only, --verify-only, --notify and --only out"));
        }
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

    #[test]
    fn what_sshd_fix_writes_into_units_is_a_call_of_this_binary() {
        let record = "/var/lib/ai-ops-runner/state/sshd-fix/20260101T000000Z-abcdef";
        let home = "/var/lib/ai-ops-runner";
        let parsed = Args::try_parse_from(["heal", "ssh", "--rollback", record, "--home", home]);
        assert!(matches!(parsed.unwrap().call, Some(Call::Ssh(SshArgs { rollback: Some(_), .. }))));
        let wait = Args::try_parse_from(["heal", "wait-address", "100.64.0.1", "--seconds", "60"]);
        assert!(matches!(
            wait.unwrap().call,
            Some(Call::WaitAddress(WaitArgs { seconds: 60, .. }))
        ));
    }
}
