//! `api`: its health endpoint answers 200.

use host_facts::Seen;
use host_facts::facts::Answer;

use super::Given;
use crate::finding::Judged;

pub(super) fn judge(given: &Given) -> Judged {
    answer(&given.facts.api)
}

/// Judges what a health endpoint answered; for `console` too.
pub(super) fn answer(seen: &Seen<Answer>) -> Judged {
    let mut judged = Judged::default();
    match seen.known() {
        Err(why) => judged.unknown("", why),
        Ok(Answer { url, status: Some(200) }) => judged.fine = format!("{url} answers 200"),
        Ok(Answer { url, status: Some(status) }) => {
            judged.fail(url, format!("it answers {status}, 200 is wanted"));
        }
        Ok(Answer { url, status: None }) => judged.fail(url, "nobody listens there"),
    }
    judged
}
