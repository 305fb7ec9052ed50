//! What came back.

use std::time::{Duration, SystemTime};

use ops_host::time::Timestamp;

/// The longest wait that a `Retry-After` can ask for.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// An answer whose status line and headers arrived whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status code, 100 to 999. Redirects are answers like any other.
    pub status: u16,
    /// Names in lower case, values as they came, in order of arrival.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, or as much of it as came within the limits.
    pub body: Vec<u8>,
    /// Whether `body` is all of it. False when it broke off, timed out or passed the cap.
    pub complete: bool,
}

impl Answer {
    /// The first header of that name, in any letter case, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as JSON; `None` when it is incomplete or something else.
    pub fn json(&self) -> Option<serde_json::Value> {
        self.complete.then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

/// How long the service asks to wait (RFC 9110, 10.2.3: seconds or a date), at most
/// [`LONGEST_WAIT`]; a date that is past asks for no wait. `None` without a readable header.
pub fn retry_after(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let text = answer.header("retry-after")?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let then = httpdate::parse_http_date(text).ok()?;
        then.duration_since(SystemTime::from(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(value: &[u8]) -> Answer {
        let headers = vec![("Retry-After".to_owned(), value.to_vec())];
        Answer { status: 429, headers, body: Vec::new(), complete: true }
    }

    #[test]
    fn waits_are_read_in_both_forms_and_bounded() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("86401", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Sat, 21 Nov 2026 08:01:00 GMT", Some(60)),
            ("Saturday, 21-Nov-26 08:00:30 GMT", Some(30)),
            ("Sat Nov 21 08:00:05 2026", Some(5)),
            ("Sat, 21 Nov 2026 07:00:00 GMT", Some(0)),
            ("Sat, 21 Nov 2099 07:00:00 GMT", Some(86_400)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            let wait = retry_after(&answer(text.as_bytes()), now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{text:?}");
        }
        let without = Answer { headers: Vec::new(), ..answer(b"") };
        assert_eq!(retry_after(&without, now), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let wait = retry_after(&answer(&value), Timestamp::UNIX_EPOCH);
            prop_assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT));
        }
    }
}
