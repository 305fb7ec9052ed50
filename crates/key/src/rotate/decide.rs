//! What a step of a rotation may do. Pure.

use ops_core::time::{self, Timestamp};
use secrets::Source;
use secrets::rotation::Phase;

use crate::args::Step;

/// What is known before a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Facts {
    /// How far the rotation is.
    pub(crate) phase: Phase,
    /// Where the secret itself is found.
    pub(crate) current: Option<Source>,
    /// Where its second slot is found.
    pub(crate) next: Option<Source>,
    /// Whether both hold the same value.
    pub(crate) is_same: bool,
    /// When the window ends, while there is one.
    pub(crate) ends: Option<Timestamp>,
}

/// What is to be tidied up before any step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Settle {
    /// Nothing.
    Nothing,
    /// A retirement was cut off after its record went: the second slot is in the way.
    Leftover,
    /// The window ended before a promotion: the second secret goes.
    Lapsed,
    /// The window ended after the promotion: the second secret becomes the only one.
    Over,
    /// The same, but a person has to do it. What.
    ByHand(String),
}

/// What a step comes down to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Plan {
    /// It was looked at, or is so already.
    Nothing,
    /// What is asked for was done a moment ago, by settling.
    WasRetired,
    /// Not now, or not here; why.
    Refuse(String),
    /// Accept a second secret: the one that lies there, or a new one.
    Begin,
    /// Sign with it.
    Promote,
    /// Make it the only one.
    Retire,
}

/// What is to be settled first.
pub(crate) fn settle(facts: &Facts) -> Settle {
    let settle = match facts.phase {
        Phase::Idle if facts.is_same && by_hand(facts).is_none() => return Settle::Leftover,
        Phase::Idle | Phase::Begun | Phase::Promoted => return Settle::Nothing,
        Phase::Lapsed => Settle::Lapsed,
        Phase::Over => Settle::Over,
    };
    by_hand(facts).map_or(settle, Settle::ByHand)
}

/// What a step comes down to once everything is settled.
pub(crate) fn plan(
    step: Step,
    facts: &Facts,
    now: bool,
    settled: Option<Phase>,
    was_leftover: bool,
) -> Plan {
    let refuse = |why: &str| Plan::Refuse(why.to_owned());
    match (step, facts.phase) {
        (Step::Status, _) | (Step::Promote, Phase::Promoted) => Plan::Nothing,
        (_, Phase::Lapsed | Phase::Over) => refuse("the window ended just now; try again"),
        (Step::Begin, Phase::Idle) => by_hand(facts).map_or(Plan::Begin, Plan::Refuse),
        (Step::Begin, Phase::Begun | Phase::Promoted) => refuse("a rotation is under way"),
        (Step::Promote, Phase::Begun) => Plan::Promote,
        (Step::Promote, Phase::Idle) if settled == Some(Phase::Lapsed) => {
            refuse("the window ended before it: begin again")
        }
        (Step::Retire, Phase::Idle) if settled == Some(Phase::Over) || was_leftover => {
            Plan::WasRetired
        }
        (Step::Promote | Step::Retire, Phase::Idle) => refuse("no rotation is under way"),
        (Step::Retire, Phase::Begun) => {
            refuse("writers use the first secret still: promote the second one first")
        }
        (Step::Retire, Phase::Promoted) => match (now, by_hand(facts), facts.ends) {
            (_, Some(why), _) => Plan::Refuse(why),
            (false, None, Some(ends)) => Plan::Refuse(format!(
                "the first secret is accepted until {}; --now refuses it from now on",
                time::rfc3339(ends)
            )),
            (_, None, _) => Plan::Retire,
        },
    }
}

/// What a person has to do, since a slot lies where this program cannot write.
fn by_hand(facts: &Facts) -> Option<String> {
    let slots = [("the secret", facts.current), ("its second slot", facts.next)];
    slots.into_iter().find_map(|(what, source)| {
        let place = match source? {
            Source::Environment => "in the environment: unset the variable where it is set",
            Source::Credential => "a systemd credential: take it out of the unit",
            Source::Keychain | Source::File => return None,
        };
        Some(format!("{what} is {place}, store the value with key set, then try again"))
    })
}

/// What a person does next.
pub(crate) fn then(name: &str, next: &str, phase: Phase) -> String {
    match phase {
        Phase::Idle => format!("key rotate {name} begin"),
        Phase::Begun => format!(
            "give every reader and writer the same {next}, then key rotate {name} promote (or \
             key delete {next} to give it up)"
        ),
        Phase::Promoted => format!("key rotate {name} retire, once the window ended"),
        Phase::Lapsed | Phase::Over => format!("key rotate {name} status settles it"),
    }
}

/// A phase's name in documents and audit lines.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Begun => "begun",
        Phase::Promoted => "promoted",
        Phase::Lapsed => "lapsed",
        Phase::Over => "over",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{Begun, Idle, Lapsed, Over, Promoted};
    use Step::{Begin, Promote, Retire, Status};

    fn facts(phase: Phase) -> Facts {
        Facts {
            phase,
            current: Some(Source::File),
            next: (phase != Idle).then_some(Source::File),
            is_same: false,
            ends: (phase != Idle).then_some(Timestamp::UNIX_EPOCH),
        }
    }

    /// The plan without the words of a refusal.
    fn kind(plan: &Plan) -> &'static str {
        match plan {
            Plan::Nothing => "nothing",
            Plan::WasRetired => "was retired",
            Plan::Refuse(_) => "refuse",
            Plan::Begin => "begin",
            Plan::Promote => "promote",
            Plan::Retire => "retire",
        }
    }

    #[test]
    fn each_step_in_each_phase() {
        for (step, phase, now, settled, want) in [
            (Begin, Idle, false, None, "begin"),
            (Begin, Idle, false, Some(Lapsed), "begin"),
            (Begin, Idle, false, Some(Over), "begin"),
            (Begin, Begun, false, None, "refuse"),
            (Begin, Promoted, false, None, "refuse"),
            (Promote, Idle, false, None, "refuse"),
            (Promote, Idle, false, Some(Lapsed), "refuse"),
            (Promote, Begun, false, None, "promote"),
            (Promote, Promoted, false, None, "nothing"),
            (Retire, Idle, false, None, "refuse"),
            (Retire, Idle, true, None, "refuse"),
            (Retire, Idle, false, Some(Over), "was retired"),
            (Retire, Begun, false, None, "refuse"),
            (Retire, Begun, true, None, "refuse"),
            (Retire, Promoted, false, None, "refuse"),
            (Retire, Promoted, true, None, "retire"),
            (Retire, Over, true, None, "refuse"),
            (Status, Idle, false, None, "nothing"),
            (Status, Begun, false, None, "nothing"),
            (Status, Promoted, true, None, "nothing"),
            (Status, Over, false, None, "nothing"),
        ] {
            let plan = plan(step, &facts(phase), now, settled, false);
            assert_eq!(kind(&plan), want, "{step:?} in {phase:?}: {plan:?}");
        }
        assert_eq!(plan(Retire, &facts(Idle), false, None, true), Plan::WasRetired);
    }

    #[test]
    fn an_early_retirement_says_when_it_may() {
        let Plan::Refuse(why) = plan(Retire, &facts(Promoted), false, None, false) else {
            panic!()
        };
        assert!(why.contains("until 1970-01-01T00:00:00.000Z"), "{why}");
    }

    #[test]
    fn what_ended_is_settled_and_a_cut_off_retirement_is_tidied_up() {
        for (phase, is_same, want) in [
            (Idle, false, Settle::Nothing),
            (Idle, true, Settle::Leftover),
            (Begun, true, Settle::Nothing),
            (Promoted, true, Settle::Nothing),
            (Lapsed, false, Settle::Lapsed),
            (Over, false, Settle::Over),
            (Over, true, Settle::Over),
        ] {
            let facts = Facts { is_same, ..facts(phase) };
            assert_eq!(settle(&facts), want, "{facts:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_left_to_a_person() {
        for source in [Source::Environment, Source::Credential] {
            for (current, next) in [(Some(source), None), (Some(Source::File), Some(source))] {
                let at = |phase| Facts { current, next, ..facts(phase) };
                assert_eq!(kind(&plan(Begin, &at(Idle), false, None, false)), "refuse");
                assert_eq!(kind(&plan(Retire, &at(Promoted), true, None, false)), "refuse");
                assert_eq!(kind(&plan(Promote, &at(Begun), false, None, false)), "promote");
                assert!(matches!(settle(&at(Over)), Settle::ByHand(_)));
                assert!(matches!(settle(&at(Lapsed)), Settle::ByHand(_)));
            }
        }
    }
}
