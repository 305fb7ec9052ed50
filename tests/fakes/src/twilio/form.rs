//! How Twilio writes numbers, times and messages.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Sms;

/// Whether a text is a number in E.164.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The seconds that a date or a time stands for: from, and up to but without.
pub(super) fn span(text: &str) -> Option<(i64, i64)> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some((time.as_second(), time.as_second() + 1));
    }
    let date: Date = text.parse().ok()?;
    let from = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Some((from, from + 86_400))
}

/// A time as the service writes it.
pub(super) fn rfc_2822(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A message as the service shows it.
pub(super) fn shown(message: &Sms, account: &str) -> Value {
    let Sms { sid, to, from, body, direction, at, states, error, .. } = message;
    let status = states.first().copied().unwrap_or("received");
    let below = format!("/2010-04-01/Accounts/{account}/Messages/{sid}");
    let error = error.filter(|_| matches!(status, "failed" | "undelivered"));
    let is_sent = !matches!(status, "queued" | "accepted" | "scheduled");
    json!({
        "sid": sid, "account_sid": account, "messaging_service_sid": null,
        "to": to, "from": from, "body": body, "status": status,
        "num_segments": "1", "num_media": "0", "direction": direction,
        "api_version": "2010-04-01", "price": null, "price_unit": "USD",
        "error_code": error, "error_message": error.map(|_| "See the error code"),
        "uri": format!("{below}.json"),
        "date_created": rfc_2822(*at), "date_updated": rfc_2822(*at),
        "date_sent": is_sent.then(|| rfc_2822(*at)),
        "subresource_uris": {"media": format!("{below}/Media.json")},
    })
}
