//! How long a provider asks to be left alone.

use std::time::{Duration, SystemTime};

/// The longest wait that is told; whoever waits has a cap of its own.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// `retry-after-ms`, else `retry-after` in seconds (a fraction is allowed, as `OpenAI` sends) or
/// as a date; at most [`LONGEST_WAIT`]. A date that is past asks for no wait.
pub(crate) fn retry_after(headers: &[(String, Vec<u8>)], now: SystemTime) -> Option<Duration> {
    let text = |name: &str| {
        let (_, value) = headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    };
    let milliseconds = text("retry-after-ms").and_then(number).map(|it| it / 1000.0);
    let wait = match (milliseconds, text("retry-after")) {
        (Some(seconds), _) => duration(seconds),
        (None, Some(text)) => match number(text) {
            Some(seconds) => duration(seconds),
            None => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
        },
        (None, None) => return None,
    };
    Some(wait.min(LONGEST_WAIT))
}

/// Digits with at most one point between them: no sign, no exponent, no `inf`.
fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && text.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn waits_are_read_in_every_form_and_bounded() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 08:00:00 GMT").unwrap();
        for (pairs, milliseconds) in [
            (vec![("Retry-After", "3")], Some(3000)),
            (vec![("retry-after", " 0.25 ")], Some(250)),
            (vec![("retry-after", "1.5"), ("retry-after-ms", "700")], Some(700)),
            (vec![("retry-after", "2"), ("retry-after-ms", "soon")], Some(2000)),
            (vec![("retry-after", "Sat, 21 Nov 2026 08:01:00 GMT")], Some(60_000)),
            (vec![("retry-after", "Sat, 21 Nov 2026 07:00:00 GMT")], Some(0)),
            (vec![("retry-after", "Sat, 21 Nov 2099 07:00:00 GMT")], Some(86_400_000)),
            (vec![("retry-after", "99999999999999999999999999")], Some(86_400_000)),
            (vec![("retry-after", &"9".repeat(400))], Some(86_400_000)),
            (vec![("retry-after", "-1")], None),
            (vec![("retry-after", "1e3")], None),
            (vec![("retry-after", "inf")], None),
            (vec![("retry-after", "1.2.3")], None),
            (vec![("retry-after", ".5")], None),
            (vec![("retry-after", "")], None),
            (vec![("retry-after", "soon")], None),
            (vec![], None),
        ] {
            let wait = retry_after(&headers(&pairs), now);
            assert_eq!(wait, milliseconds.map(Duration::from_millis), "{pairs:?}");
        }
        assert_eq!(retry_after(&[("retry-after".into(), vec![0xff])], now), None);
    }
}
