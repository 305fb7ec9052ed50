//! The time a report is about.

use ops_core::time::{self, Moment, Timestamp};

/// From a time to a time, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Period {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl Period {
    /// Resolves a command line's wish; says what is wrong with a period that ends before it begins.
    pub(crate) fn new(
        since: Moment,
        until: Option<Moment>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let at = |moment: Moment| moment.at(now);
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
    use ops_core::time::SignedDuration;

    use super::*;

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
