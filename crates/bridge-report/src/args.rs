//! The command line.

use bridge::layout::RootArgs;
use clap::Parser;
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;
use ops_core::time::Moment;

const EXAMPLES: &str = "\
Examples:
  bridge-report --root ~/cloud
  bridge-report --since 7d --notify
  bridge-report --since 2025-08-01T00:00:00Z --until 2025-09-01T00:00:00Z --json

The report is printed, and written to summaries/<time>.md and summaries/<time>.json.

Exit codes: 0 the chain of the audit log holds; 1 it is broken; 2 usage; 69 the evidence could not
be read, or the report not be written or sent; 78 bridge root missing.";

/// Sums up what a bridge did in a period, and checks the chain of its audit log
#[derive(Clone, Debug, Parser)]
#[command(name = "bridge-report", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,
    /// The bridge root.
    #[command(flatten)]
    pub root: RootArgs,

    /// Where the period begins: so long ago (90s, 30m, 24h, 7d, 2w), or a time in RFC 3339
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    pub since: Moment,

    /// Where it ends [default: now]
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Moment>,

    /// Alert the operator too: into the spool, `notify flush` delivers
    #[arg(long)]
    pub notify: bool,
}

impl Command for Args {
    const NAME: &'static str = "bridge-report";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        Some("report".to_owned())
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
