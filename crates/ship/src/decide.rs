//! What comes next, and what autoheal may touch. Pure.

use std::path::Path;

use review_rules::GatePaths;

/// What a call does, one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Hooks intact, nothing that goes round them.
    VerifyTree,
    /// The tests.
    Tests,
    /// The review of everything since the baseline.
    Review,
    /// One proposal to mend what blocks, applied and tested.
    Heal,
    /// The baseline moves.
    Finish,
    /// To the remote.
    Push,
}

impl Step {
    /// The name in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VerifyTree => "verify-tree",
            Self::Tests => "tests",
            Self::Review => "review",
            Self::Heal => "heal",
            Self::Finish => "finish",
            Self::Push => "push",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// With a yes.
    Yes,
    /// With a no that ends everything.
    No,
    /// With a BLOCKED that may be mended.
    Blocked,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// The step that ended; none before the first.
    pub(crate) last: Option<(Step, Ended)>,
    /// How often autoheal tried.
    pub(crate) rounds: u32,
    /// How often it may.
    pub(crate) most_rounds: u32,
    /// Whether HEAD is a baseline advance on an approved commit: only the push is left.
    pub(crate) is_finished: bool,
    /// Minutes since the start, and the most there may be.
    pub(crate) minutes: (u64, u64),
    /// US dollars that were spent, and the most there may be.
    pub(crate) usd: (f64, f64),
    /// The most that a review may cost.
    pub(crate) per_review: f64,
}

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// This.
    Do(Step),
    /// Nothing more: it is shipped.
    Done,
    /// Nothing more, and why.
    Stop(String),
}

/// Says what comes next.
pub(crate) fn next(it: &Standing) -> Next {
    let step = match it.last {
        None => Step::VerifyTree,
        Some((step, Ended::No)) => return Next::Stop(format!("{} says no", step.name())),
        Some((Step::VerifyTree, _)) if it.is_finished => Step::Push,
        Some((Step::VerifyTree, _)) => Step::Tests,
        Some((Step::Tests | Step::Heal, _)) => Step::Review,
        Some((Step::Review, Ended::Yes)) => Step::Finish,
        Some((Step::Review, Ended::Blocked)) if it.rounds < it.most_rounds => Step::Heal,
        Some((Step::Review, Ended::Blocked)) => {
            return Next::Stop(match it.most_rounds {
                0 => "the review blocks, and autoheal is off".to_owned(),
                most => format!("the review still blocks after {most} rounds of autoheal"),
            });
        }
        Some((Step::Finish, _)) => Step::Push,
        Some((Step::Push, _)) => return Next::Done,
    };
    if it.minutes.0 >= it.minutes.1 {
        return Next::Stop(format!("the time is over: {} minutes", it.minutes.1));
    }
    let (spent, most) = it.usd;
    if step == Step::Review && spent + it.per_review > most {
        let why = "another review could cost";
        return Next::Stop(format!(
            "the money is over: ${spent:.4} spent, {why} ${:.2}, maxUsd is ${most:.2}",
            it.per_review
        ));
    }
    Next::Do(step)
}

/// Why autoheal may not touch a path; `None`: it may. What belongs to the gate or builds and runs
/// the checks it never may, whatever is configured.
pub(crate) fn forbidden(path: &str, allowed: &[String], gate: &GatePaths) -> Option<String> {
    let lower = path.to_lowercase();
    let is_in = |rule: &str| match rule.strip_suffix('/') {
        Some(folder) => path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
        None => path == rule,
    };
    if confined_fs::RelPath::parse(path).is_err() {
        return Some("it is no plain relative path".to_owned());
    }
    if lower.split('/').any(|part| part.starts_with(".git")) {
        return Some("what git and CI read is never mended".to_owned());
    }
    // Some file systems know letters of one name that only Unicode's lower case makes the same.
    if let Some(told) = gate.of(Path::new(path)).or_else(|| gate.of(Path::new(&lower))) {
        return Some(format!("it is {}, which is never mended ({})", told.what, told.id));
    }
    if !allowed.iter().any(|rule| is_in(rule)) {
        return Some("heal.paths of ship.yaml does not name it".to_owned());
    }
    None
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
