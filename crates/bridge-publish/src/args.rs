//! The command line.

use bridge::layout::RootArgs;
use clap::{Parser, Subcommand};
use ops_core::cli::{Command, Common, Context};
use ops_core::config;
use ops_core::failure::Failure;
use ops_core::host::Stop;
use ops_core::report::Report;

/// Commit and push the evidence of a bridge root, and nothing else
///
/// Only the evidence folders (results, diffs, archive and so on) are ever committed; the index, the
/// work tree and the unpushed commits of people stay as they are.
#[derive(Clone, Debug, Parser)]
#[command(name = "bridge-publish", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// Options every binary shares.
    #[command(flatten)]
    pub common: Common,
    /// Which bridge root.
    #[command(flatten)]
    pub root: RootArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Verb {
    /// Publish what there is, and end
    Once,
    /// Publish again and again, until SIGTERM or SIGINT
    Watch,
}

const EXAMPLES: &str = "\
Examples:
  bridge-publish --root /srv/bridge once
  BRIDGE_ROOT=/srv/bridge bridge-publish watch

Exit codes: 0 published, or nothing to publish; 69 the remote could not be reached or has changed
evidence (commits wait in refs/aiops/publish); 75 another publisher is running; 78 configuration.";

impl Command for Args {
    const NAME: &'static str = "bridge-publish";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        Some(match self.verb {
            Verb::Once => "once".into(),
            Verb::Watch => "watch".into(),
        })
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        let settings = config::load(&context.host, &context.configs)?;
        let root = self.root.find(&context.host)?;
        Ok(match self.verb {
            Verb::Once => Box::new(crate::publish_once(context, &root, &settings, &Stop::never())?),
            Verb::Watch => Box::new(crate::watch::watch(context, &root, &settings)?),
        })
    }
}
