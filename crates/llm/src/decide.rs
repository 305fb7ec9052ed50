//! What comes next while a question is being asked: a machine over events, without a clock, a
//! network or money of its own.

use std::time::Duration;

use llm_wire::Class;

/// How far an asking may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Whether the fallback may be asked at all, and if not, why.
    pub fallback: Fallback,
    /// The longest `Retry-After` that is waited for.
    pub longest_wait: Duration,
    /// The wait before a retry where the provider names none.
    pub pause: Duration,
}

/// Whether there is a fallback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// Not for this purpose, or none is configured.
    None,
    /// Configured, but it cannot be asked.
    Unready,
    /// It can be asked.
    Ready,
}

/// Where an asking is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Nothing was sent.
    Start,
    /// The primary is being asked, this time for the nth.
    Primary(u8),
    /// Waiting to ask the primary once more.
    Waiting,
    /// The fallback is being asked.
    Fallback,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// The question is there; so much time is left.
    Asked,
    /// An answer that holds.
    Held,
    /// The call failed.
    Failed {
        /// How it counts.
        class: Class,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
        /// What is left of the deadline.
        left: Duration,
    },
    /// No call was made: the budget has no room, or the question cannot be asked of this model.
    Refused {
        /// What is left of the deadline.
        left: Duration,
    },
    /// The wait is over.
    Waited {
        /// What is left of the deadline.
        left: Duration,
    },
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Ask the primary.
    AskPrimary,
    /// Wait so long, then say that it is over.
    Wait(Duration),
    /// Ask the fallback, once.
    AskFallback,
    /// Done: the answer holds.
    Answer,
    /// Done: no answer.
    Fail,
}

/// The least time in which a call can be expected to do anything.
pub const LEAST_TIME: Duration = Duration::from_millis(50);

/// What comes next.
pub fn next(state: State, event: Event, rules: &Rules) -> (State, Step) {
    match (state, event) {
        (_, Event::Held) => (state, Step::Answer),
        (State::Start, Event::Asked) => (State::Primary(1), Step::AskPrimary),
        (State::Primary(tries), Event::Failed { class, retry_after, left }) => match class {
            Class::NonTransient(_) => (state, Step::Fail),
            // Waiting does not bring money.
            Class::TransientQuota { billing: true } => fall_back(state, left, rules),
            Class::TransientQuota { billing: false }
            | Class::TransientServer
            | Class::TransientNetwork => {
                let wait = retry_after.unwrap_or(rules.pause);
                let fits = wait <= rules.longest_wait && left >= wait.saturating_add(LEAST_TIME);
                if tries == 1 && fits {
                    (State::Waiting, Step::Wait(wait))
                } else {
                    fall_back(state, left, rules)
                }
            }
        },
        (State::Waiting, Event::Waited { left }) if left >= LEAST_TIME => {
            (State::Primary(2), Step::AskPrimary)
        }
        // Without time for the retry, the fallback has none either (its own rule says so); without room for it in the budget there
        // may be some for a cheaper fallback.
        (State::Waiting, Event::Waited { left }) | (State::Primary(2), Event::Refused { left }) => {
            fall_back(state, left, rules)
        }
        // Nothing else goes on: a refusal before anything was sent, a failing fallback, and what
        // cannot happen.
        _ => (state, Step::Fail),
    }
}

fn fall_back(state: State, left: Duration, rules: &Rules) -> (State, Step) {
    if rules.fallback == Fallback::Ready && left >= LEAST_TIME {
        (State::Fallback, Step::AskFallback)
    } else {
        (state, Step::Fail)
    }
}

#[cfg(test)]
mod tests;
