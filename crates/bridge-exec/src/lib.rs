//! The bridge executor: signed commands in, changes and evidence out.
//!
//! `observe` looks, `decide` judges (pure), `act` keeps promises that `ledger` made durable;
//! `engine` leads one document after the other through them.

mod act;
pub mod args;
mod calls;
mod decide;
pub mod documents;
mod engine;
mod journal;
mod judge;
mod ledger;
mod observe;
mod open;
mod working;

use args::{Args, Call};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

impl Command for Args {
    const NAME: &'static str = "bridge-exec";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        match &self.call {
            Call::Once(_) => Some("once".into()),
            Call::Watch(_) => Some("watch".into()),
            Call::Approve { id } => Some(format!("approve {id}")),
            Call::Reject { id, .. } => Some(format!("reject {id}")),
            Call::Init { .. } => Some("init".into()),
            Call::Validate { .. } | Call::Held | Call::Verify { .. } | Call::Status => None,
        }
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        match &self.call {
            Call::Once(once) => calls::once::run(self, once, context),
            Call::Watch(watch) => calls::watch::run(self, watch, context),
            Call::Validate { file } => calls::validate::run(self, file, context),
            Call::Held => calls::held::list(self, context),
            Call::Approve { id } => calls::held::decide(self, id, None, context),
            Call::Reject { id, why } => calls::held::decide(self, id, Some(why), context),
            Call::Verify { id } => calls::verify::run(self, id.as_deref(), context),
            Call::Status => calls::status::run(self, context),
            Call::Init { reset_clock } => calls::init::run(self, *reset_clock, context),
        }
    }
}
