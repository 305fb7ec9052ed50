//! What a message says on a phone: plain, short, with what was held back and dropped.

use ops_core::time::{SignedDuration, Timestamp};

use crate::model::{Check, Message, Text};

/// Longest title, characters.
pub const TITLE: usize = 250;

/// Longest message, characters.
pub const BODY: usize = 1024;

/// A message told later than this says when it was raised.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// Composes what is sent of a message: `check` is what is remembered of its check, `dropped` how
/// many older messages nobody was told of, `host` the machine's name where titles begin with it.
pub fn compose(
    message: &Message,
    check: &Check,
    dropped: u64,
    host: Option<&str>,
    now: Timestamp,
) -> Text {
    let title = plain(&message.title).replace('\n', " ");
    let title = match host {
        Some(host) if !title.contains(host) => format!("{host}: {title}"),
        _ => title,
    };
    let mut notes = Vec::new();
    if now.duration_since(message.raised_at) >= LATE {
        notes.push(format!("(raised {})", clock(message.raised_at, now)));
    }
    if check.held > 0 {
        let since = check.held_since.map(|at| format!(" since {}", clock(at, now)));
        notes.push(format!("({} more held back{})", check.held, since.unwrap_or_default()));
    }
    if dropped > 0 {
        let s = if dropped == 1 { " was" } else { "s were" };
        notes.push(format!("({dropped} older message{s} dropped)"));
    }
    let body = with_notes(&plain(&message.message), &notes.join(" "));
    Text { title: cut(&title, TITLE), body, held: check.held, dropped }
}

/// The text and the notes below it, the text cut so that the notes stay whole.
fn with_notes(text: &str, notes: &str) -> String {
    if notes.is_empty() {
        return cut(text, BODY);
    }
    if text.is_empty() {
        return cut(notes, BODY);
    }
    let room = BODY.saturating_sub(notes.chars().count() + 1);
    format!("{}\n{notes}", cut(text, room))
}

/// A time of day, with the date when it is not today.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    let form = if day(at) == day(now) { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    at.strftime(form).to_string()
}

/// The text without escape sequences, control characters and white space around it. Line ends stay.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A terminal's escape sequence: ESC [ … up to a letter, or ESC and one character.
            '\u{1b}' => {
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
                } else {
                    chars.next();
                }
            }
            '\n' => out.push('\n'),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

/// The first `most` characters; `…` is the last of them where something was cut off.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    if most > 0 {
        short.push('…');
    }
    short
}

/// Title and body as one text, for services that know no titles.
pub fn joined(text: &Text) -> String {
    match (text.title.as_str(), text.body.as_str()) {
        (title, "") => title.to_owned(),
        ("", body) => body.to_owned(),
        (title, body) => format!("{title}\n{body}"),
    }
}

#[cfg(test)]
mod tests {
    use ops_core::alert::{Kind, Severity};
    use ops_core::time::parse;
    use proptest::prelude::*;

    use super::*;
    use crate::model::State;

    fn message(title: &str, text: &str) -> Message {
        let raised_at = parse("2026-11-21T10:00:00Z").unwrap();
        Message {
            id: "m".into(),
            raised_at,
            raised_by: "guard".into(),
            title: title.into(),
            message: text.into(),
            check: Some("disk.free".into()),
            severity: Severity::Warn,
            kind: Kind::Event,
            channel: None,
            recipient: None,
            renewed_at: raised_at,
            state: State::Queued,
            why: String::new(),
            text: None,
        }
    }

    fn held(count: u64, since: &str) -> Check {
        Check { held: count, held_since: parse(since).ok(), ..Check::default() }
    }

    #[test]
    fn counts_and_late_messages_are_told_below_the_text() {
        let soon = "2026-11-21T10:04:59Z";
        for (text, check, dropped, at, want) in [
            ("full", Check::default(), 0, soon, "full"),
            ("", Check::default(), 0, soon, ""),
            (
                "full",
                held(3, "2026-11-21T09:40:00Z"),
                0,
                soon,
                "full\n(3 more held back since 09:40 UTC)",
            ),
            (
                "full",
                held(3, "2026-11-20T23:40:00Z"),
                0,
                soon,
                "full\n(3 more held back since 2026-11-20 23:40 UTC)",
            ),
            ("full", held(2, ""), 0, soon, "full\n(2 more held back)"),
            ("", Check::default(), 1, soon, "(1 older message was dropped)"),
            (
                "full",
                held(1, "2026-11-21T09:40:00Z"),
                7,
                "2026-11-21T10:05:00Z",
                "full\n(raised 10:00 UTC) (1 more held back since 09:40 UTC) (7 older messages were dropped)",
            ),
            (
                "full",
                Check::default(),
                0,
                "2026-11-22T01:00:00Z",
                "full\n(raised 2026-11-21 10:00 UTC)",
            ),
        ] {
            let told = compose(&message("t", text), &check, dropped, None, parse(at).unwrap());
            assert_eq!(told.body, want);
            assert_eq!((told.held, told.dropped), (check.held, dropped));
        }
    }

    #[test]
    fn texts_are_plain_and_cut_on_character_boundaries() {
        let now = parse("2026-11-21T10:00:00Z").unwrap();
        let told = |title: &str, text: &str, host| {
            let told = compose(&message(title, text), &Check::default(), 0, host, now);
            (told.title, told.body)
        };
        for (given, want) in [
            ("a\u{1b}[1;31mred\u{1b}[0m b", "ared b"),
            ("a\u{1b}", "a"),
            ("a\u{1b}[31", "a"),
            ("a\r\nb\rc\td\u{7}e\u{0}", "a\nb\nc de"),
            ("  x \n", "x"),
            ("**kept** _as it is_ <b>&amp;", "**kept** _as it is_ <b>&amp;"),
        ] {
            assert_eq!(told("t", given, None).1, want, "{given:?}");
        }
        assert_eq!(told("two\nlines", "", None).0, "two lines");
        assert_eq!(told("disk full", "", Some("host-a")).0, "host-a: disk full");
        assert_eq!(told("host-a disk full", "", Some("host-a")).0, "host-a disk full");
        let (title, body) = told(&"é".repeat(251), &"🦀".repeat(1025), None);
        assert_eq!((title.chars().count(), body.chars().count()), (250, 1024));
        assert!(title.ends_with("é…") && body.ends_with("🦀…"));
        let (title, body) = told(&"é".repeat(250), &"🦀".repeat(1024), None);
        assert!(title.ends_with('é') && body.ends_with('🦀'));
        assert_eq!([cut("ab", 0), cut("ab", 1), cut("", 0)], ["", "…", ""]);
    }

    #[test]
    fn title_and_body_become_one_text_without_empty_lines() {
        for (title, body, want) in
            [("t", "b", "t\nb"), ("t", "", "t"), ("", "b", "b"), ("", "", "")]
        {
            let text = Text { title: title.into(), body: body.into(), ..Text::default() };
            assert_eq!(joined(&text), want);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_longer_than_allowed_and_the_counts_are_never_cut_off(
            title in any::<String>(),
            text in "\\PC{0,1100}|.{0,1100}",
            held in any::<u64>(),
            dropped in any::<u64>(),
        ) {
            let check = Check { held, ..Check::default() };
            let told = compose(&message(&title, &text), &check, dropped, None, Timestamp::MAX);
            prop_assert!(told.title.chars().count() <= TITLE);
            prop_assert!(told.body.chars().count() <= BODY);
            let (of_check, of_all) = (format!("({held} more held back"), format!("({dropped} older"));
            prop_assert!(held == 0 || told.body.contains(&of_check));
            prop_assert!(dropped == 0 || told.body.contains(&of_all));
            prop_assert!(!told.body.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
