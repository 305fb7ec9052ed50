//! What a message may be like.

use super::{Fields, Wrong};

/// Checks everything but token and user.
pub(super) fn check_message(fields: &Fields) -> Result<(), Wrong> {
    let get = |name: &str| fields.get(name).map_or("", String::as_str);
    let wrong = |field, what: &'static str| Err((field, what, format!("{field} {what}")));
    if get("message").is_empty() {
        return wrong("message", "cannot be blank");
    }
    for (field, most, what) in [
        ("message", 1024, "is too long (maximum is 1024 characters)"),
        ("title", 250, "is too long (maximum is 250 characters)"),
        ("url", 512, "is too long (maximum is 512 characters)"),
        ("url_title", 100, "is too long (maximum is 100 characters)"),
    ] {
        if get(field).chars().count() > most {
            return wrong(field, what);
        }
    }
    match get("priority") {
        "" | "-2" | "-1" | "0" | "1" => {}
        "2" => {
            for field in ["expire", "retry"] {
                if get(field).is_empty() {
                    return wrong(field, "must be supplied with priority=2");
                }
            }
            if get("retry").parse().map_or(true, |seconds: u32| seconds < 30) {
                return wrong("retry", "must be at least 30 seconds");
            }
            if get("expire").parse().map_or(true, |seconds: u32| seconds > 10_800) {
                return wrong("expire", "must be at most 10800 seconds");
            }
        }
        _ => {
            let sentence = "priority is invalid, see https://pushover.net/api#priority";
            return Err(("priority", "invalid", sentence.to_owned()));
        }
    }
    if !get("html").is_empty() && !get("monospace").is_empty() {
        return wrong("html", "cannot be used with monospace");
    }
    Ok(())
}
