//! What an SMS that came in asks for, and whether it is answered.

use ops_core::time::{SignedDuration, Timestamp};

/// The commands, as the console serves them.
pub const COMMANDS: [&str; 6] =
    ["STATUS", "RUN_SNAPSHOT", "RUN_HARVEST", "RUN_MIRROR", "LAST_ERRORS", "HELP"];

/// What the provider itself answers: an answer of ours would not be delivered.
const OPT_OUT: [&str; 9] =
    ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE", "START"];

/// A sender has one command a minute.
const BETWEEN: SignedDuration = SignedDuration::from_mins(1);

/// Commands older than this are not answered at the very first look.
const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(10);

/// Commands older than this are never answered.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What an SMS is, and what answers it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// A command, `UNKNOWN`, or why it is not answered.
    pub command: &'static str,
    /// The answer.
    pub answer: Option<String>,
    /// Whether the attempt belongs into the audit log.
    pub is_audited: bool,
}

/// An SMS that came in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its text.
    pub body: &'a str,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Whether its sender may send commands.
    pub is_allowed: bool,
    /// When the sender's last command that was answered was sent.
    pub last: Option<Timestamp>,
    /// Whether nothing was ever looked at before.
    pub is_first_look: bool,
}

/// Reads an SMS.
pub fn read(sms: Incoming<'_>, now: Timestamp) -> Reading {
    let silent = |command, is_audited| Reading { command, answer: None, is_audited };
    if !sms.is_allowed {
        return silent("stranger", true);
    }
    let age = now.duration_since(sms.sent_at);
    if age >= LONGEST || (sms.is_first_look && age >= FIRST_LOOK) {
        return silent("too_old", false);
    }
    let word = word(sms.body);
    if OPT_OUT.contains(&word.as_str()) {
        return silent("opt_out", false);
    }
    if sms.last.is_some_and(|last| sms.sent_at.duration_since(last).abs() < BETWEEN) {
        return silent("too_soon", true);
    }
    let command = COMMANDS.into_iter().find(|command| *command == word).unwrap_or("UNKNOWN");
    let list = COMMANDS.join(" ");
    let answer = match command {
        "HELP" => format!("Commands: {list}"),
        "UNKNOWN" => format!("Not a command. Commands: {list}"),
        known => format!("{known}: received. This host does not serve it yet."),
    };
    Reading { command, answer: Some(answer), is_audited: false }
}

/// A text as a command's name: capitals, one `_` for what separates words.
fn word(body: &str) -> String {
    let parts: Vec<&str> = body
        .split(|c: char| c.is_whitespace() || "_-.!".contains(c))
        .filter(|it| !it.is_empty())
        .collect();
    parts.join("_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    /// An SMS of an allowed sender, sent so many seconds ago.
    fn sms(body: &str, seconds: i64) -> Incoming<'_> {
        Incoming {
            body,
            sent_at: now() - SignedDuration::from_secs(seconds),
            is_allowed: true,
            last: None,
            is_first_look: false,
        }
    }

    #[test]
    fn commands_are_known_in_every_spelling_and_anything_else_gets_the_list() {
        for (body, want) in [
            ("STATUS", "STATUS"),
            (" status \n", "STATUS"),
            ("Run snapshot", "RUN_SNAPSHOT"),
            ("run-harvest.", "RUN_HARVEST"),
            ("RUN_MIRROR", "RUN_MIRROR"),
            ("last  errors", "LAST_ERRORS"),
            ("help!", "HELP"),
            ("rm -rf /", "UNKNOWN"),
            ("", "UNKNOWN"),
            ("STATUS NOW", "UNKNOWN"),
        ] {
            let reading = read(sms(body, 5), now());
            assert_eq!(reading.command, want, "{body:?}");
            let answer = reading.answer.unwrap();
            assert_eq!(answer.contains("LAST_ERRORS HELP"), want == "HELP" || want == "UNKNOWN");
        }
    }

    #[test]
    fn strangers_old_ones_and_quick_ones_get_no_answer() {
        let ago = |seconds| Some(now() - SignedDuration::from_secs(seconds));
        for (case, incoming, command, audited) in [
            ("a stranger", Incoming { is_allowed: false, ..sms("STATUS", 5) }, "stranger", true),
            ("a day old", sms("STATUS", 86_400), "too_old", false),
            (
                "ten minutes old at the first look",
                Incoming { is_first_look: true, ..sms("STATUS", 600) },
                "too_old",
                false,
            ),
            ("within a minute", Incoming { last: ago(64), ..sms("STATUS", 5) }, "too_soon", true),
            ("out of order", Incoming { last: ago(0), ..sms("STATUS", 5) }, "too_soon", true),
            ("opted out", sms("Stop", 5), "opt_out", false),
        ] {
            let reading = read(incoming, now());
            let found = (reading.command, reading.answer, reading.is_audited);
            assert_eq!(found, (command, None, audited), "{case}");
        }
        for incoming in [
            Incoming { is_first_look: true, ..sms("STATUS", 599) },
            Incoming { last: ago(65), ..sms("STATUS", 5) },
            sms("STATUS", 86_399),
            sms("STATUS", -5),
        ] {
            assert!(read(incoming, now()).answer.is_some(), "{incoming:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(body in any::<String>(), seconds in any::<i32>()) {
            let reading = read(sms(&body, seconds.into()), now());
            prop_assert!(!reading.command.is_empty());
        }
    }
}
