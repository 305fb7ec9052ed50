//! The command line.

use clap::{Parser, Subcommand};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  ship --dry-run       what would be done, and what autoheal may touch
  ship                 verify-tree, tests, review, mend, finish, push; stops at the first no
  ship --no-heal       a BLOCKED verdict ends it
  ship status          how far the last call in this repository came

configs/ship.yaml is read from the commit the range starts at, else from /etc/ai-ops-runner/configs,
else what was compiled in.

Exit codes: 0 pushed; 1 stopped at a no; 2 usage; 69 nobody answered; 75 another ship runs here;
77 a key is missing; 78 configuration.";

/// Verifies, tests, reviews, mends within bounds, finishes and pushes; stops at the first no
#[derive(Clone, Debug, Parser)]
#[command(name = "ship", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// Print the plan and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Never mend: a BLOCKED verdict ends it
    #[arg(long)]
    pub no_heal: bool,

    /// Something else than shipping.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Something else than shipping.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Verb {
    /// Show how far the last call in this repository came
    Status,
}

impl Command for Args {
    const NAME: &'static str = "ship";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        (self.verb.is_none() && !self.dry_run).then(|| "ship".to_owned())
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::run(self, context)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }
}
