//! Judges: which place a secret goes to, what hides it, how long a window is. Pure.

use std::time::Duration;

use secrets::Source;

use crate::args::To;

/// What one place is known to hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Holds {
    /// Nothing, or an empty value.
    Nothing,
    /// A secret that can be used.
    Usable,
    /// One that must not be used, or nobody can tell; why.
    Unusable(String),
}

/// What the places hold, in the order in which they are asked.
pub(crate) type Places = [(Source, Holds)];

/// Where a new value goes: where it was asked for, where the secret is, else the file. A keychain
/// that does not answer may hold it; then a person has to choose.
pub(crate) fn target(asked: Option<To>, places: &Places) -> Result<To, String> {
    let holds = |source: Source| places.iter().find(|(it, _)| *it == source).map(|(_, it)| it);
    match (asked, holds(Source::Keychain)) {
        (Some(to), _) => Ok(to),
        (None, Some(Holds::Usable)) => Ok(To::Keychain),
        (None, Some(Holds::Unusable(why))) => Err(why.clone()),
        (None, _) => Ok(To::File),
    }
}

/// The places that are asked before the one a value was stored in, and hold something: they hide
/// it.
pub(crate) fn hidden_by(stored: To, places: &Places) -> Vec<Source> {
    let stored = source(stored);
    let before = places.iter().take_while(|(source, _)| *source != stored);
    before.filter(|(_, holds)| *holds != Holds::Nothing).map(|(source, _)| *source).collect()
}

/// The source that reads what was stored there.
pub(crate) fn source(to: To) -> Source {
    match to {
        To::Keychain => Source::Keychain,
        To::File => Source::File,
    }
}

/// A span of time: a number and s, m, h or d. At least a second, at most 90 days.
pub(crate) fn window(text: &str) -> Result<Duration, String> {
    const LONGEST: u64 = 90 * 24 * 3600;
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => return Err("a number and s, m, h or d is wanted: 90s, 30m, 24h, 7d".into()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_plain);
    match number.and_then(|number| number.checked_mul(unit)) {
        Some(seconds @ 1..=LONGEST) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("between one second and 90 days is wanted".into()),
        None => Err("a whole number stands before the unit".into()),
    }
}

/// Whether a text is too long to be guessed: 128 bits, counting what its alphabet can hold at most.
pub(crate) fn is_random_enough(text: &str) -> bool {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let distinct = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    let bits = text.chars().count() * if is_hex { 4 } else { 6 };
    // A repeated character is long, and guessed at once.
    bits >= 128 && distinct >= 8
}

/// Whether a text is a telephone number as E.164 writes it: `+`, up to 15 digits, the first not 0.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(holds: [Holds; 4]) -> Vec<(Source, Holds)> {
        Source::ORDER.into_iter().zip(holds).collect()
    }

    #[test]
    fn a_value_goes_where_it_was_asked_for_or_is_else_to_the_file() {
        use Holds::{Nothing, Unusable, Usable};
        let locked = || Unusable("locked".into());
        for (asked, holds, want) in [
            (None, [Nothing, Nothing, Nothing, Nothing], Ok(To::File)),
            (None, [Nothing, Nothing, Nothing, Usable], Ok(To::File)),
            (None, [Nothing, Nothing, Nothing, locked()], Ok(To::File)),
            (None, [Nothing, Nothing, Usable, Nothing], Ok(To::Keychain)),
            (None, [Nothing, Nothing, Usable, Usable], Ok(To::Keychain)),
            (None, [Usable, Usable, Nothing, Nothing], Ok(To::File)),
            (None, [Nothing, Nothing, locked(), Usable], Err("locked".to_owned())),
            (Some(To::File), [Nothing, Nothing, locked(), Nothing], Ok(To::File)),
            (Some(To::Keychain), [Nothing, Nothing, Nothing, Usable], Ok(To::Keychain)),
        ] {
            let places = places(holds);
            assert_eq!(target(asked, &places), want, "{asked:?} {places:?}");
        }
    }

    #[test]
    fn what_is_asked_earlier_and_holds_something_hides_it() {
        use Holds::{Nothing, Unusable, Usable};
        for (stored, holds, want) in [
            (To::File, [Nothing, Nothing, Nothing, Usable], vec![]),
            (To::File, [Usable, Nothing, Nothing, Usable], vec![Source::Environment]),
            (
                To::File,
                [Nothing, Usable, Unusable("x".into()), Usable],
                vec![Source::Credential, Source::Keychain],
            ),
            (To::Keychain, [Nothing, Nothing, Usable, Usable], vec![]),
            (To::Keychain, [Usable, Nothing, Usable, Usable], vec![Source::Environment]),
        ] {
            assert_eq!(hidden_by(stored, &places(holds.clone())), want, "{holds:?}");
        }
    }

    #[test]
    fn windows_are_a_number_and_a_unit() {
        for (text, want) in [
            ("1s", Some(1)),
            ("30m", Some(1800)),
            ("24h", Some(86_400)),
            ("90d", Some(7_776_000)),
            ("91d", None),
            ("0h", None),
            ("", None),
            ("h", None),
            ("-1h", None),
            ("+1h", None),
            ("1.5h", None),
            ("24", None),
            ("24 h", None),
            ("99999999999999999999d", None),
            ("1ü", None),
        ] {
            assert_eq!(window(text).ok(), want.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn short_or_repeated_texts_can_be_guessed() {
        let hex = "0123456789abcdef".repeat(2);
        for (text, want) in [
            (hex.as_str(), true),
            (&hex[1..], false),
            ("0123456789abcdefghijkl", true),
            ("0123456789abcdefghijk", false),
            (&"a".repeat(64), false),
            ("", false),
        ] {
            assert_eq!(is_random_enough(text), want, "{text}");
        }
    }

    #[test]
    fn numbers_are_e164() {
        for (text, want) in [
            ("+14155550100", true),
            ("+442079460000", true),
            ("14155550100", false),
            ("+04155550100", false),
            ("+1 415 555 0100", false),
            ("+1234567890123456", false),
            ("+123", false),
            ("+", false),
            ("", false),
        ] {
            assert_eq!(is_number(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in ".*") {
            drop(window(&text));
            is_random_enough(&text);
            is_number(&text);
        }
    }
}
