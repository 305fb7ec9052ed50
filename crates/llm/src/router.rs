//! Asks a question under the rules: [`crate::decide`] says what comes next, this does it.

mod book;
mod call;
mod fail;
mod judge;
mod lend;
mod target;
mod told;

use std::path::Path;
use std::time::Duration;

use llm_wire::Class;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use outbound::{Client, Limits, Proxy};

use crate::answer_form::Form;
use crate::budget::Ledger;
use crate::decide::{Event, Fallback, Rules, State, Step, next};
use crate::health;
use crate::keys::Keys;
use crate::models::Models;
use crate::money::Money;
use crate::question::{Answer, Question, ReviewRun};
use crate::settings::{Purpose, Settings};

use call::{Attempt, Ended};
pub use fail::FailClosed;
pub use lend::{Lent, Made, Most};
pub use target::{OVERRIDES, Target};

/// The largest answer that is read, bytes: far more than any cap on tokens lets through.
const LARGEST_ANSWER: u64 = 8 << 20;

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Setup {
    /// configs/llm.json.
    pub settings: Settings,
    /// configs/models.json.
    pub models: Models,
}

impl Setup {
    /// From the configuration folder.
    ///
    /// # Errors
    /// Exit 78 with every violation of either file.
    pub fn load(context: &Context) -> Result<Self, Failure> {
        let settings = config::load(&context.host, &context.configs);
        let models = config::load(&context.host, &context.configs);
        Self::both(settings, models)
    }

    /// From the bytes of llm.json and models.json, wherever they come from; the names are for
    /// messages.
    ///
    /// # Errors
    /// Exit 78 with every violation of either file.
    pub fn from_bytes(settings: (&str, &[u8]), models: (&str, &[u8])) -> Result<Self, Failure> {
        Self::both(config::parse(settings.0, settings.1), config::parse(models.0, models.1))
    }

    fn both(
        settings: Result<Settings, Failure>,
        models: Result<Models, Failure>,
    ) -> Result<Self, Failure> {
        match (settings, models) {
            (Ok(settings), Ok(models)) => Ok(Self { settings, models }),
            (Err(one), Err(other)) => Err(one.and(&other)),
            (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
        }
    }
}

/// Asks questions, one at a time. All routers of a process are one run, with that budget.
#[derive(Debug)]
pub struct Router<'a> {
    context: &'a Context,
    setup: Setup,
    keys: Keys<'a>,
    client: Client,
    ledger: Option<Ledger>,
    forms: Vec<Form>,
}

impl<'a> Router<'a> {
    /// A router in the run that this process is. `secrets_dir` is what its command line named.
    ///
    /// # Errors
    /// Exit 78 when the registry of secrets or the proxy variables are unusable.
    pub fn new(
        context: &'a Context,
        setup: Setup,
        secrets_dir: Option<&Path>,
    ) -> Result<Self, Failure> {
        let host = &context.host;
        let proxy = Proxy::from_environment(host).or_fail(Exit::Config, "use the proxy")?;
        let total = seconds(setup.settings.limits.call_seconds);
        let connect = total.min(Limits::default().connect);
        let client = Client::through(Limits { connect, total, body: LARGEST_ANSWER }, proxy);
        let keys = Keys::load(context, secrets_dir)?;
        Ok(Self { context, setup, keys, client, ledger: None, forms: Vec::new() })
    }

    /// The configuration in force.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Whether a question would be asked at all: its model may be, and the key is there. Nothing is
    /// sent, and no budget is looked at.
    ///
    /// # Errors
    /// As [`Router::ask`] where nothing was sent.
    pub fn check(&mut self, question: &Question<'_>) -> Result<(), Failure> {
        self.ready(question).map(drop)
    }

    fn ready(&mut self, question: &Question<'_>) -> Result<Target, Failure> {
        let primary = self.primary(question)?;
        self.keys.need(primary.provider())?;
        Ok(primary)
    }

    /// Asks one question and waits for the answer, at most until the deadline.
    ///
    /// # Errors
    /// Nothing was sent: exit 1 when a budget has no room or no price is known, 65 when the
    /// question cannot be asked of any model so, 77 when a key is missing, 78 when the model may
    /// not be used. Else 69: no answer that holds.
    pub fn ask(&mut self, question: &Question<'_>) -> Result<Answer, Failure> {
        let own = ReviewRun::new(&self.context.host);
        let review = match question.purpose {
            Purpose::Review => Some(question.review.unwrap_or(&own)),
            _ => question.review,
        };
        let primary = self.ready(question)?;
        let form = question.schema.map(|schema| self.form(schema)).transpose()?;
        let mut asking = Asking {
            question: *question,
            review: review.cloned(),
            form,
            deadline: self.context.host.ticks()
                + seconds(self.setup.settings.limits.deadline_seconds),
            fallback: None,
            failures: Failures::default(),
            spent: Money::ZERO,
            warnings: primary.warnings(),
        };
        let (mut state, mut event) = (State::Start, Event::Asked);
        loop {
            let rules = self.rules(&mut asking, event);
            let (after, step) = next(state, event, &rules);
            state = after;
            event = match step {
                Step::Wait(wait) => {
                    let why = asking.failures.primary.as_ref().map_or("", |it| it.name);
                    let told =
                        format!("{primary}: {why}; once more in {:.1} s", wait.as_secs_f64());
                    self.context.say(&told);
                    self.context.host.pause(wait);
                    Event::Waited { left: self.left(&asking) }
                }
                Step::AskPrimary => match self.attempt(&mut asking, &primary, false)? {
                    Ended::Held(answer) => return Ok(*answer),
                    Ended::Not(event) => event,
                },
                Step::AskFallback => {
                    let Some(Ok(fallback)) = asking.fallback.take() else {
                        return Err(self.failed(&asking, &primary));
                    };
                    let why = asking.failures.primary.as_ref().map_or("", |it| it.name);
                    self.context.say(&format!("{primary}: {why}; asking {fallback} instead"));
                    asking.warnings.extend(fallback.warnings());
                    match self.attempt(&mut asking, &fallback, true)? {
                        Ended::Held(answer) => return Ok(*answer),
                        Ended::Not(event) => event,
                    }
                }
                Step::Answer | Step::Fail => return Err(self.failed(&asking, &primary)),
            };
        }
    }

    /// The rules as they are for this event: whether there is a fallback is looked into only when
    /// the primary failed for a while.
    fn rules(&mut self, asking: &mut Asking<'_>, event: Event) -> Rules {
        let is_transient = match event {
            Event::Failed { class, .. } => class.is_transient(),
            Event::Refused { .. } | Event::Waited { .. } => asking.failures.primary.is_some(),
            Event::Asked | Event::Held => false,
        };
        if is_transient && asking.fallback.is_none() && asking.failures.fallback.is_none() {
            asking.fallback = self.fallback(&asking.question);
            if let Some(Err(why)) = &asking.fallback {
                asking.failures.fallback = Some(told::Failed::not_asked(why.clone()));
            }
        }
        let limits = self.setup.settings.limits;
        Rules {
            fallback: match &asking.fallback {
                None => Fallback::None,
                Some(Err(_)) => Fallback::Unready,
                Some(Ok(_)) => Fallback::Ready,
            },
            longest_wait: seconds(limits.longest_retry_after_seconds),
            pause: seconds(limits.retry_pause_seconds),
        }
    }

    fn left(&self, asking: &Asking<'_>) -> Duration {
        asking.deadline.saturating_sub(self.context.host.ticks())
    }

    fn attempt(
        &mut self,
        asking: &mut Asking<'_>,
        target: &Target,
        is_fallback: bool,
    ) -> Result<Ended, Failure> {
        let attempt = Attempt { target, is_fallback };
        let ended = self.call(asking, &attempt)?;
        if let Ended::Not(Event::Failed { class, .. }) = &ended {
            self.note(target, Some(*class));
        } else if matches!(ended, Ended::Held(_)) {
            self.note(target, None);
        }
        Ok(ended)
    }

    /// Remembers how a provider did, for the doctor. Not worth an answer.
    fn note(&self, target: &Target, failed: Option<Class>) {
        let Context { host, home, .. } = self.context;
        if let Err(failure) = health::remember(host, home, target.provider(), failed) {
            self.context.say(&failure.to_string());
        }
    }
}

/// A question on its way.
#[derive(Debug)]
struct Asking<'a> {
    question: Question<'a>,
    review: Option<ReviewRun>,
    /// Which of the router's forms the answer must have.
    form: Option<usize>,
    /// On the host's stopwatch.
    deadline: Duration,
    /// Once it was looked into: the fallback, or why it cannot be asked.
    fallback: Option<Result<Target, String>>,
    failures: Failures,
    spent: Money,
    warnings: Vec<String>,
}

/// What went wrong on the way.
#[derive(Debug, Default)]
struct Failures {
    primary: Option<told::Failed>,
    fallback: Option<told::Failed>,
    /// Whether anything was sent.
    was_sent: bool,
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
}
