//! `ports`: the port audit. What a socket is worth is crate `listeners`' to say.

use listeners::{Class, Context, Flag, Verdict};

use super::Given;
use crate::finding::Judged;
use crate::report::Status;

/// How many sockets that may be public are named.
const MOST_NOTES: usize = 50;

pub(super) fn judge(given: &Given) -> Judged {
    if let Some(namespace) = given.facts.namespace.ok()
        && namespace.own != namespace.init
    {
        return Judged::is_unknown(format!(
            "the network namespace that was seen is {}, the host's is {}",
            namespace.own, namespace.init
        ));
    }
    let own_addresses = given.facts.tailscale.ok().map(|it| it.addresses.clone());
    let context = Context { own_addresses, sshd_ports: Vec::new() };
    let audit = listeners::audit(given.facts.sockets.known(), &given.policy.ports, &context);
    let mut judged = Judged { fine: audit.summary.clone(), ..Judged::default() };
    if audit.judged.is_empty() {
        judged.unknown("", audit.summary);
        return judged;
    }
    for socket in &audit.judged {
        let (name, why) = (socket.socket.name(), socket.why.as_str());
        let status = match socket.verdict {
            Verdict::Pass => {
                if socket.class == Class::Allowed && judged.notes.len() < MOST_NOTES {
                    judged.notes.push(format!("{name}: {why}"));
                }
                continue;
            }
            Verdict::Warn => Status::Warn,
            Verdict::Unknown => Status::Unknown,
            Verdict::Fail => Status::Fail,
        };
        judged.add(status, name, why);
        if socket.flag == Some(Flag::SshdPublic) {
            judged.remedy("bind sshd to the tailnet: `heal ssh --plan` shows what would change, `heal ssh` does it");
            judged.flags.push("SSHD_PUBLIC");
        }
    }
    // sshd in the open is the one that heal can mend: its remedy is told before others.
    judged.findings.sort_by_key(|it| it.remedy.is_none());
    let passed_over = given.facts.sockets.ok().map(|it| it.not_looked_at.as_slice());
    if let Some(kinds) = passed_over.filter(|it| !it.is_empty()) {
        judged.notes.push(format!("not looked at: {}", kinds.join(", ")));
    }
    judged
}
