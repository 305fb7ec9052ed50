//! The time a report is about.

use std::str::FromStr;

use ops_core::time::{self, SignedDuration, Timestamp};

/// A time on a command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// So long before now.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

/// From a time to a time, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Period {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ago(text).map(Self::Ago).map_or_else(|| time::parse(text).map(Self::At), Ok).map_err(|_| {
            "neither a length of time (90s, 30m, 24h, 7d, 2w) nor a time (2025-08-09T06:24:51Z)"
                .to_owned()
        })
    }
}

fn ago(text: &str) -> Option<SignedDuration> {
    let (at, unit) = text.char_indices().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count: u32 = text.get(..at)?.parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(count) * seconds))
}

impl Period {
    /// Resolves a command line's wish; says what is wrong with a period that ends before it begins.
    pub(crate) fn new(
        since: Moment,
        until: Option<Moment>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let at = |moment: Moment| match moment {
            Moment::Ago(length) => now.checked_sub(length).unwrap_or(Timestamp::MIN),
            Moment::At(time) => time,
        };
        let (since, until) = (at(since), until.map_or(now, at));
        if since < until {
            return Ok(Self { since, until });
        }
        let [since, until] = [since, until].map(time::rfc3339_seconds);
        Err(format!("it begins at {since}, which is not before its end {until}"))
    }

    pub(crate) fn holds(&self, time: Timestamp) -> bool {
        self.since <= time && time <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_times_are_read_and_nothing_else() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("24h", 86_400),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Moment::Ago(SignedDuration::from_secs(seconds))), "{text}");
        }
        let time = Timestamp::from_second(1_754_720_691).unwrap();
        assert_eq!("2025-08-09T06:24:51Z".parse(), Ok(Moment::At(time)));
        for text in ["", "h", "24", "-1h", "1y", "24 h", "1.5h", "99999999999w", "2025-08-09", "é"]
        {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_period_ends_after_it_begins() {
        let now = Timestamp::from_second(1_754_720_691).unwrap();
        let day = |days: i64| Moment::Ago(SignedDuration::from_hours(24 * days));
        assert_eq!(Period::new(day(1), None, now).unwrap().until, now);
        assert!(Period::new(day(2), Some(day(1)), now).is_ok());
        assert!(Period::new(day(1), Some(day(2)), now).is_err());
        assert!(Period::new(day(0), None, now).is_err());
        assert!(Period::new(day(99_999_999), None, now).is_ok());
    }
}
