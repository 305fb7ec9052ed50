//! What an error means for the next try.

/// What a refusal settles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// This message will never be taken as it is.
    Message,
    /// Nothing can reach this recipient until somebody acts.
    Recipient,
    /// Nothing can be sent from here until somebody acts: credentials, account, sender's number.
    Sender,
    /// The same request may succeed later.
    Later,
}

/// Codes, what they settle, and what they say (facts/twilio.md, facts/console-notify-key.md 4.2).
pub const CODES: &[(u32, Verdict, &str)] = &[
    (20_003, Verdict::Sender, "bad credentials"),
    (20_404, Verdict::Sender, "no such account or address"),
    (20_429, Verdict::Later, "too many requests"),
    (21_211, Verdict::Recipient, "the number is not valid"),
    (21_212, Verdict::Sender, "the sender's number is not valid"),
    (21_408, Verdict::Recipient, "the region is not enabled"),
    (21_602, Verdict::Message, "the text is missing"),
    (21_604, Verdict::Message, "the recipient is missing"),
    (21_606, Verdict::Sender, "the sender's number cannot send SMS or is not ours"),
    (21_608, Verdict::Recipient, "a trial account may not send to this number"),
    (21_610, Verdict::Recipient, "the recipient asked for silence (STOP)"),
    (21_611, Verdict::Later, "the sender's queue is full"),
    (21_614, Verdict::Recipient, "the number is not a mobile one"),
    (21_617, Verdict::Message, "the text is too long"),
    (21_659, Verdict::Sender, "the sender's number is not ours"),
    (21_730, Verdict::Later, "maintenance"),
    (30_003, Verdict::Message, "the handset could not be reached"),
    (30_005, Verdict::Recipient, "the number does not exist"),
    (30_006, Verdict::Recipient, "a landline, or a carrier that cannot be reached"),
    (30_007, Verdict::Message, "filtered by the carrier"),
    (30_008, Verdict::Message, "the carrier does not say why"),
    (30_034, Verdict::Sender, "the sender is not registered (US A2P 10DLC)"),
];

/// Judges a refusal by its code, and without a known one by the HTTP status.
pub fn verdict(status: u16, code: Option<u32>) -> Verdict {
    let known = CODES.iter().find(|(it, ..)| Some(*it) == code);
    match (known, status) {
        (Some((_, verdict, _)), _) => *verdict,
        (None, 429 | 500..) => Verdict::Later,
        (None, 401 | 403 | 404) => Verdict::Sender,
        (None, _) => Verdict::Message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_before_statuses() {
        for (status, code, expected) in [
            (400, Some(21_610), Verdict::Recipient),
            (400, Some(21_611), Verdict::Later),
            (429, Some(20_429), Verdict::Later),
            (401, Some(20_003), Verdict::Sender),
            (400, Some(99_999), Verdict::Message),
            (400, None, Verdict::Message),
            (403, None, Verdict::Sender),
            (429, None, Verdict::Later),
            (500, None, Verdict::Later),
            (503, Some(99_999), Verdict::Later),
        ] {
            assert_eq!(verdict(status, code), expected, "{status} {code:?}");
        }
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, each code once");
    }
}
