//! `ship`: verify-tree, tests, review, autoheal within bounds, finish, push. It stops at the first
//! thing it may not do.
//!
//! `decide` says what comes next and what may be touched; `steps` and `heal` do it; `journal` keeps
//! each step. No `GIT_*` variable and no registered secret reaches what it starts.

pub mod args;
mod decide;
pub mod documents;
mod heal;
mod journal;
pub mod settings;
mod steps;

use std::path::Path;

use ops_core::cli::Context;
use ops_core::config::{self, Settings as _};
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use ops_core::time;
use review_bundle::{Range, Repository};
use review_gate::args::RangeArgs;
use review_gate::basis::Basis;
use review_gate::commit::Checkout;
use review_gate::{approval, range};
use verdict::in_force::{self, Fallback};
use verdict::objects::Objects;

use args::{Args, Verb};
use decide::{Ended, Next, Standing, Step};
use documents::{Plan, Status, Taken};
use journal::Journal;
use settings::Settings;

/// Carries out one call.
///
/// # Errors
/// When there is no answer.
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let checkout = Checkout::at(&context.host, Path::new("."))?;
    if let Some(Verb::Status) = args.verb {
        let last = journal::last(context, &checkout.top)?;
        return match last {
            Some(last) => Ok(Box::new(Status(last))),
            None => Err(Failure::new(Exit::No, "show how far it came: nothing was shipped here")
                .hint("ship --dry-run shows what would be done")),
        };
    }
    let ship = Ship::prepare(context, checkout, args.no_heal)?;
    if args.dry_run {
        return Ok(Box::new(ship.plan()));
    }
    let lock = context.host.lock(&journal::lock(context, &ship.checkout.top))?;
    let _lock = lock.map_err(|busy| busy.failure("ship of this repository"))?;
    Ok(Box::new(ship.go()?))
}

/// A repository that is to be shipped, and the rules for it.
#[derive(Debug)]
pub(crate) struct Ship<'a> {
    pub(crate) context: &'a Context,
    pub(crate) checkout: Checkout<'a>,
    pub(crate) settings: Settings,
    pub(crate) basis: Basis,
    range: Range,
    /// Whether HEAD is a baseline advance on an approved commit.
    is_finished: bool,
}

impl<'a> Ship<'a> {
    fn prepare(
        context: &'a Context,
        checkout: Checkout<'a>,
        no_heal: bool,
    ) -> Result<Self, Failure> {
        let host = &context.host;
        let repository = Repository::discover(&checkout.top)?;
        let head = repository.commit("HEAD")?;
        let advanced = approval::advanced(&repository, head)?;
        let is_finished = match advanced {
            Some(to) => approval::of(host, &repository, to)?.is_ok(),
            None => false,
        };
        let range = range::resolve(&repository, &RangeArgs { since: None, to: "HEAD".into() })?;
        let basis = Basis::at(host, &repository, range.since)?;
        let compiled_in = [(Settings::FILE, Settings::SHIPPED)];
        let objects = Objects::of(repository.git());
        let fallback = Fallback::production(&compiled_in);
        let bytes = in_force::file(host, &objects, range.since, Settings::FILE, &fallback)?;
        let name = format!("configs/{} as of {:.12}", Settings::FILE, range.since);
        let mut settings: Settings = config::parse(&name, &bytes)?;
        if no_heal {
            settings.heal.rounds = 0;
        }
        Ok(Self { context, checkout, settings, basis, range, is_finished })
    }

    fn plan(&self) -> Plan {
        let Settings { tests, heal, remote, branch, .. } = &self.settings;
        let mut steps = vec!["verify-tree: hooks intact, nothing goes round them".to_owned()];
        if self.is_finished {
            steps.push(format!("push HEAD to {branch} of {remote}: it is approved and finished"));
        } else {
            steps.extend(tests.iter().map(|argv| format!("run {}", argv.join(" "))));
            steps.push(format!("review everything since {:.12}", self.range.since));
            if heal.rounds > 0 {
                steps.push(format!(
                    "if it is BLOCKED: mend within {}, test and review again, {} times at most",
                    heal.paths.join(" "),
                    heal.rounds
                ));
            }
            steps.push("finish: move the baseline, in a commit of its own".to_owned());
            steps.push(format!("push HEAD to {branch} of {remote}"));
        }
        Plan {
            schema: "aiops.ship.plan/1".into(),
            since: self.range.since.to_string(),
            to: self.range.to.to_string(),
            steps,
            heal_paths: heal.paths.clone(),
            minutes: self.settings.minutes,
            max_usd: self.settings.max_usd,
        }
    }

    fn go(&self) -> Result<documents::Shipping, Failure> {
        let host = &self.context.host;
        let began = host.ticks();
        let mut journal = Journal::begin(self.context, &self.checkout.top)?;
        let mut memory = heal::Memory::default();
        let mut standing = Standing {
            last: None,
            rounds: 0,
            most_rounds: self.settings.heal.rounds,
            is_finished: self.is_finished,
            minutes: (0, self.settings.minutes),
            usd: (0.0, self.settings.max_usd),
            per_review: self.basis.setup.settings.budget.max_usd_per_review,
        };
        loop {
            standing.minutes.0 = host.ticks().saturating_sub(began).as_secs() / 60;
            standing.usd.0 = journal.shipping.spent_usd;
            let step = match decide::next(&standing) {
                Next::Do(step) => step,
                Next::Done => {
                    journal.end(None)?;
                    return Ok(journal.shipping);
                }
                Next::Stop(why) => {
                    journal.end(Some(why))?;
                    return Ok(journal.shipping);
                }
            };
            self.context.say(step.name());
            let (since, ticks) = (time::rfc3339(host.now()), host.ticks());
            let left = self.settings.max_usd - journal.shipping.spent_usd;
            let paid = self.context.cost_usd();
            let outcome = self.take(step, &mut memory, left);
            journal.spent(self.context.cost_usd() - paid);
            let taken = host.ticks().saturating_sub(ticks).as_millis();
            let mut note = Taken {
                step: step.name().to_owned(),
                round: standing.rounds,
                started_at: since,
                duration_ms: u64::try_from(taken).unwrap_or(u64::MAX),
                ok: false,
                said: vec![],
            };
            match outcome {
                Ok(said) => {
                    note.ok = said.ended == Ended::Yes;
                    note.said = said.lines;
                    journal.shipping.head = self.checkout.commit("HEAD")?;
                    journal.took(note)?;
                    standing.rounds += u32::from(step == Step::Heal);
                    standing.last = Some((step, said.ended));
                }
                Err(failure) => {
                    note.said = failure.lines();
                    journal.took(note)?;
                    journal.end(Some(format!("{} gave no answer", step.name())))?;
                    return Err(failure);
                }
            }
        }
    }
}
