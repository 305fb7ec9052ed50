//! Asks whoever issued a key whether it works: one cheap, authorised request each, all at once.

mod ask;
mod judge;

use std::thread;
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use outbound::{Client, Limits, Outcome, Proxy};
use secrets::registry::{Check, Expect};
use secrets::{Key, Resolver};

use crate::desk::Desk;
use crate::documents::{Examination, Examined, Verdict};
use crate::{decide, make};
use ask::{Probe, Role};

/// No answer that is looked at here is longer, bytes.
const LARGEST: u64 = 1 << 20;

/// What is known of one key before anybody outside is asked.
enum Known {
    /// Enough.
    Judged(Verdict, String),
    /// The answer to this probe tells, for a key of this role.
    Asks(usize, Role),
}

/// Examines one key, or all.
///
/// # Errors
/// Exit 2 for a name that is not registered, 78 for an address that may not be used.
pub(crate) fn examine(
    desk: &Desk<'_>,
    name: Option<&str>,
    timeout: Duration,
) -> Result<Examination, Failure> {
    let chosen: Vec<&Key> = match name {
        Some(name) => vec![desk.registry.key(name)?],
        None => desk.registry.keys.iter().collect(),
    };
    let resolver = desk.resolver();
    let mut probes = Vec::new();
    let known: Vec<Known> = chosen
        .iter()
        .map(|key| look(desk, &resolver, key, &mut probes))
        .collect::<Result<_, _>>()?;
    let outcomes = ask_all(desk, &probes, timeout)?;
    let keys = chosen.into_iter().zip(known).map(|(key, known)| {
        let (verdict, why) = match known {
            Known::Judged(verdict, why) => (verdict, why),
            Known::Asks(at, role) => match outcomes.get(at) {
                Some(outcome) => judge::judge(role, outcome),
                None => (Verdict::Unknown, "it was not asked".to_owned()),
            },
        };
        Examined { name: key.name.clone(), required: key.required, verdict, why }
    });
    Ok(Examination::new(name.is_some(), keys.collect()))
}

/// Judges what can be judged here, and notes whom to ask about the rest. A pair that is checked
/// together is asked about once.
fn look(
    desk: &Desk<'_>,
    resolver: &Resolver<'_>,
    key: &Key,
    probes: &mut Vec<Probe>,
) -> Result<Known, Failure> {
    let secret = match resolver.find(key).map(|found| desk.learn(found)) {
        Err(failure) => return Ok(Known::Judged(Verdict::Unusable, failure.to_string())),
        Ok(None) => return Ok(Known::Judged(Verdict::Missing, key.hint.clone())),
        Ok(Some(secret)) => secret,
    };
    let (role, partner) = match &key.check {
        Check::Local { expect } => {
            let (verdict, why) = local(*expect, secret.expose());
            return Ok(Known::Judged(verdict, why));
        }
        Check::Imap { .. } => {
            let why = "it is there; a login by IMAP comes with soma and is not made here";
            return Ok(Known::Judged(Verdict::Unknown, why.into()));
        }
        check => ask::role(&key.name, check),
    };
    let partner = match partner {
        None => None,
        Some(name) => match resolver.find(desk.registry.key(name)?).map(|it| desk.learn(it)) {
            Ok(Some(partner)) => Some(partner),
            Ok(None) => {
                let why =
                    format!("it can only be asked about together with {name}, which is missing");
                return Ok(Known::Judged(Verdict::Unknown, why));
            }
            Err(failure) => {
                let why = format!("it can only be asked about together with {name}: {failure}");
                return Ok(Known::Judged(Verdict::Unknown, why));
            }
        },
    };
    let probe = Probe::new(&key.check, role, secret, partner)
        .or_fail(Exit::Config, format!("use the check of {} in keys.yaml", key.name))?;
    let at = probes.iter().position(|other| other.is_same(&probe)).unwrap_or(probes.len());
    if at == probes.len() {
        probes.push(probe);
    }
    Ok(Known::Asks(at, role))
}

/// What the text alone tells.
fn local(expect: Expect, text: &str) -> (Verdict, String) {
    let judged = match expect {
        Expect::Anything => {
            let why = "it is there; whether it works can only be told by using it";
            return (Verdict::Unknown, why.to_owned());
        }
        Expect::Random if decide::is_random_enough(text) => Ok("too long to be guessed"),
        Expect::Random => Err("it has fewer than 128 bits: key generate makes one that has 256"),
        Expect::SshKey => make::is_ssh_key(text).map(|()| "an OpenSSH private key"),
        Expect::Number if decide::is_number(text) => Ok("a number as E.164 writes it"),
        Expect::Numbers if text.split(',').all(decide::is_number) => {
            Ok("numbers as E.164 writes them")
        }
        Expect::Number => Err("no number as E.164 writes it: +14155550100"),
        Expect::Numbers => Err("no numbers as E.164 writes them: +14155550100,+14155550101"),
    };
    match judged {
        Ok(why) => (Verdict::Pass, why.to_owned()),
        Err(why) => (Verdict::Fail, why.to_owned()),
    }
}

/// Asks about all at once, so that all of them take as long as the slowest.
fn ask_all(desk: &Desk<'_>, probes: &[Probe], timeout: Duration) -> Result<Vec<Outcome>, Failure> {
    if probes.is_empty() {
        return Ok(vec![]);
    }
    let proxy = Proxy::from_environment(&desk.context.host)
        .or_fail(Exit::Config, "find the proxy for requests")?;
    let connect = timeout.min(Limits::default().connect);
    let limits = Limits { connect, total: timeout, body: LARGEST };
    Ok(thread::scope(|scope| {
        let asked: Vec<_> = probes
            .iter()
            .map(|probe| {
                let proxy = proxy.clone();
                scope.spawn(move || probe.ask(&mut Client::through(limits, proxy)))
            })
            .collect();
        let panicked = |_| Outcome::Ambiguous("the request ended in a bug".to_owned());
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_alone_tells() {
        use Verdict::{Fail, Pass, Unknown};
        let long = "0123456789abcdef".repeat(4);
        for (expect, text, want) in [
            (Expect::Anything, "x", Unknown),
            (Expect::Random, long.as_str(), Pass),
            (Expect::Random, "short", Fail),
            (Expect::SshKey, "-----BEGIN NONSENSE-----", Fail),
            (Expect::Number, "+14155550100", Pass),
            (Expect::Number, "+14155550100,+14155550101", Fail),
            (Expect::Numbers, "+14155550100,+14155550101", Pass),
            (Expect::Numbers, "+14155550100, +14155550101", Fail),
            (Expect::Numbers, "+14155550100,", Fail),
        ] {
            assert_eq!(local(expect, text).0, want, "{expect:?} {text}");
        }
    }
}
