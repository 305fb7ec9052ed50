//! `console`: HQ answers, and what listens on its port listens on loopback only.

use listeners::Protocol;

use super::{Given, api};
use crate::finding::Judged;

pub(super) fn judge(given: &Given) -> Judged {
    let mut judged = api::answer(&given.facts.console);
    let port = given.policy.console.address.port();
    let sockets = match given.facts.sockets.known() {
        Err(why) => {
            judged.unknown("binding", format!("what it is bound to is not known: {why}"));
            return judged;
        }
        Ok(sockets) => sockets,
    };
    let bound = sockets.sockets.iter().filter(|it| it.protocol == Protocol::Tcp && it.port == port);
    let (private, public): (Vec<_>, Vec<_>) =
        bound.partition(|it| it.address.to_canonical().is_loopback());
    for socket in &public {
        judged.fail(socket.name(), "HQ's port is bound to more than loopback");
        judged.remedy("stop it, and start it on 127.0.0.1: `hq stop`, `hq start`");
    }
    let answers = given.facts.console.ok().is_some_and(|it| it.status.is_some());
    if answers && private.is_empty() && public.is_empty() {
        judged.unknown("binding", format!("it answers, but nothing was seen on port {port}"));
    }
    judged
}
