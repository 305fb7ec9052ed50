//! Time as the contract writes it: RFC 3339 UTC with `Z`, stamps and run ids.

use std::str::FromStr;

use jiff::tz::TimeZone;
pub use jiff::{SignedDuration, Timestamp};

/// Reads an RFC 3339 time in UTC that ends in `Z`.
///
/// # Errors
/// Says what is wrong when the text is not such a time.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    if !text.ends_with('Z') || text.as_bytes().get(10) != Some(&b'T') {
        return Err(format!("{text:?} is not an RFC 3339 time in UTC (2025-08-09T06:24:51Z)"));
    }
    text.parse().map_err(|err| format!("{text:?}: {err}"))
}

/// Writes a time to the millisecond, as records and logs hold it.
pub fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Writes a time to the second, as command documents hold it.
pub fn rfc3339_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes `<ts>`: `YYYYMMDDTHHMMSSZ`.
pub fn stamp(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Writes `<run_id>`: `<ts>-<6 hex>`.
pub fn run_id(time: Timestamp, random: [u8; 3]) -> String {
    let [a, b, c] = random;
    format!("{}-{a:02x}{b:02x}{c:02x}", stamp(time))
}

/// A time on a command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// So long before now.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ago(text).map(Self::Ago).map_or_else(|| parse(text).map(Self::At), Ok).map_err(|_| {
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

impl Moment {
    /// The time it means; what lies before all time is its beginning.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(length) => now.checked_sub(length).unwrap_or(Timestamp::MIN),
            Self::At(time) => time,
        }
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
    fn only_utc_with_z_is_read() {
        assert_eq!(parse("2025-08-09T06:24:51Z").unwrap().as_second(), 1_754_720_691);
        assert!(parse("2025-08-09T06:24:51.123456Z").is_ok());
        for wrong in [
            "2025-08-09T06:24:51+00:00",
            "2025-08-09 06:24:51Z",
            "2025-08-09T06:24:51",
            "2025-13-09T06:24:51Z",
            "Z",
            "",
            "ééééééTé:Z",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn stamps_and_run_ids_have_the_documented_shape() {
        let time = parse("2025-08-09T06:24:51.5Z").unwrap();
        assert_eq!(stamp(time), "20250809T062451Z");
        assert_eq!(run_id(time, [1, 0xab, 0xff]), "20250809T062451Z-01abff");
        assert_eq!(rfc3339(time), "2025-08-09T06:24:51.500Z");
        assert_eq!(rfc3339_seconds(time), "2025-08-09T06:24:51Z");
    }
}
