//! `sms poll`: reads what came in from the provider's list, and answers through the queue.

use audit_chain::GENESIS;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time::{Timestamp, rfc3339};
use outbound::{Answer, Outcome};
use serde::Serialize;
use twilio::message::{Message, Page, inbound_query, is_sid, page};

use super::Bench;
use crate::channels::Call;
use crate::decide::age;
use crate::decide::sms::{Incoming, LONGEST, Reading, read};
use crate::decide::text::{cut, plain};
use crate::documents::{PolledSms, SmsPoll};
use crate::flush::{Scope, flush};
use crate::lines::{Line, Twilio, last_digits};
use crate::store::{Inbound, Store, folder};

/// Messages on a page.
const PAGE: u16 = 50;

/// How many pages are read at most: what lies further back waits for the next look, and is
/// too old to be answered after a day.
const PAGES: usize = 20;

/// The fact that says that the list was looked at before.
const LOOKED: &str = "sms_looked";

/// The largest audit log that is carried on, bytes.
const LARGEST_LOG: u64 = 64 << 20;

/// How much of a text is remembered, characters.
const REMEMBERED: usize = 160;

/// A line of the audit log.
#[derive(Serialize)]
struct Audited<'a> {
    ts: String,
    sid: &'a str,
    sender: &'a str,
    why: &'a str,
}

/// Reads what is new and answers its commands.
pub(super) fn poll(bench: &Bench<'_>) -> Result<SmsPoll, Failure> {
    let context = bench.context;
    let lines = bench.lines(true)?;
    let twilio = match &lines.twilio {
        Line::Ready(twilio) => twilio,
        Line::Off => {
            return Err(Failure::new(Exit::Config, "poll for SMS: twilio is not enabled")
                .hint("in notify.yaml: channels.twilio.enabled: true, and twilio in order"));
        }
        Line::Unready(why) => {
            return Err(Failure::new(Exit::NotPermitted, "poll for SMS").because(why.clone()));
        }
    };
    let lock = context.host.lock(&folder(&context.home).join("flush.lock"))?;
    let lock = lock.map_err(|busy| busy.failure("notify flush"))?;
    let mut call = bench.client()?;
    let stop = bench.stop()?;
    let mut store = Store::open(&context.host, &context.home)?;
    let is_first_look = store.fact(LOOKED)?.is_none();
    let mut fresh = new_sms(bench, twilio, &store, &mut call)?;
    fresh.sort_by(|a, b| (a.1, &a.0.sid).cmp(&(b.1, &b.0.sid)));
    let mut seen = Vec::new();
    for (listed, sent_at) in fresh {
        seen.push(take(bench, twilio, &mut store, &listed, sent_at, is_first_look)?);
    }
    if is_first_look {
        store.set_fact(LOOKED, &rfc3339(context.host.now()))?;
    }
    drop(store);
    drop(lock);
    let mut polled = SmsPoll {
        schema: "aiops.notify.sms/1".into(),
        seen: seen.iter().cloned().map(PolledSms::from).collect(),
        left_to: None,
        unsent: 0,
        why: String::new(),
    };
    match flush(context, bench.settings, &lines, Scope::Tell, &mut call, &stop)? {
        Err(busy) => polled.left_to = Some(busy.holder().to_owned()),
        Ok(done) => {
            let answers = seen.iter().filter_map(|sms| sms.answer.as_ref());
            let left: Vec<_> = answers.filter_map(|id| done.left.get(id)).collect();
            polled.unsent = u64::try_from(left.len()).unwrap_or(u64::MAX);
            polled.why = left.first().map(|it| it.1.clone()).unwrap_or_default();
        }
    }
    Ok(polled)
}

/// Reads the list, newest first, until everything on a page is known or older than a day.
fn new_sms(
    bench: &Bench<'_>,
    twilio: &Twilio,
    store: &Store,
    call: &mut Call<'_>,
) -> Result<Vec<(Message, Timestamp)>, Failure> {
    let now = bench.context.host.now();
    let path = twilio.path();
    let since = age::after(now, -LONGEST);
    let query = inbound_query(twilio.from.expose(), since, PAGE);
    let mut query: Vec<_> = query.map(|(name, value)| (name.to_owned(), value)).into();
    let mut fresh: Vec<(Message, Timestamp)> = Vec::new();
    for _ in 0..PAGES {
        let Page { messages, next } = read_page(&path, twilio.list(&query, call))?;
        let mut is_news = false;
        for sms in messages {
            let at = sms.at.filter(|_| is_sid(&sms.sid));
            let at = at.ok_or_else(|| odd("a message without a readable SID or date"))?;
            // Pages shift when something comes in between two of them.
            let is_known = fresh.iter().any(|(other, _)| other.sid == sms.sid);
            let is_inbound = sms.direction == "inbound" && at > since && !is_known;
            if is_inbound && !store.has_seen(&sms.sid)? {
                is_news = true;
                fresh.push((sms, at));
            }
        }
        match next.filter(|_| is_news) {
            Some(next) => query = next,
            None => break,
        }
    }
    Ok(fresh)
}

fn read_page(path: &str, heard: Outcome) -> Result<Page, Failure> {
    let doing = "read the list of SMS";
    let hint = "what came in is not lost: the next poll reads it";
    let answer = match heard {
        Outcome::Answered(answer) => answer,
        Outcome::NotSent(why) | Outcome::Ambiguous(why) => {
            return Err(Failure::new(Exit::Unavailable, doing).because(why).hint(hint));
        }
    };
    match answer {
        Answer { status: 200, complete: true, body, .. } => {
            page(path, &body).map_err(|why| odd(&format!("something that is {why}")))
        }
        Answer { status: status @ (401 | 403), .. } => Err(Failure::new(Exit::NotPermitted, doing)
            .because(format!("the service answered {status}"))
            .hint("key doctor twilio_auth_token tells more")),
        Answer { status, .. } => Err(Failure::new(Exit::Unavailable, doing)
            .because(format!("the service answered {status}"))
            .hint(hint)),
    }
}

fn odd(what: &str) -> Failure {
    Failure::new(Exit::Unavailable, "read the list of SMS")
        .because(format!("the service sent {what}"))
}

/// Judges one SMS, and remembers it together with its answer.
fn take(
    bench: &Bench<'_>,
    twilio: &Twilio,
    store: &mut Store,
    listed: &Message,
    sent_at: Timestamp,
    is_first_look: bool,
) -> Result<Inbound, Failure> {
    let context = bench.context;
    let now = context.host.now();
    let from = listed.from.as_str();
    let number = twilio.numbers.iter().find(|number| *number.number == from);
    let sender = number.map_or_else(|| last_digits(from), |number| number.name.clone());
    let body = plain(&listed.body);
    let incoming = Incoming {
        body: &body,
        sent_at,
        is_allowed: number.is_some(),
        last: store.last_command(&sender)?,
        is_first_look,
    };
    let Reading { command, answer, is_audited } = read(incoming, now);
    if is_audited {
        audit(
            bench,
            &Audited { ts: rfc3339(now), sid: &listed.sid, sender: &sender, why: command },
        )?;
    }
    let sms = Inbound {
        sid: listed.sid.clone(),
        sender,
        sent_at,
        body: context.clean(&cut(&body, REMEMBERED)),
        command: command.to_owned(),
        seen_at: now,
        // Of the SID alone: however often it is read, it is answered once.
        answer: answer
            .is_some()
            .then(|| format!("{:016x}-{}", sent_at.as_microsecond(), listed.sid)),
    };
    store.note_inbound(&sms, answer.as_deref())?;
    Ok(sms)
}

/// Adds a line to the audit log; what cannot be audited is not judged at all.
fn audit(bench: &Bench<'_>, line: &Audited<'_>) -> Result<(), Failure> {
    let host = &bench.context.host;
    let path = folder(&bench.context.home).join("sms-audit.jsonl");
    let doing = || format!("write the audit log {}", path.display());
    let mut log = match host.read(&path, LARGEST_LOG) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.or_fail(Exit::Unavailable, doing())?,
    };
    let text = String::from_utf8_lossy(&log);
    let prev = match text.lines().next_back() {
        None => GENESIS.to_owned(),
        Some(last) => {
            let hash = last.rsplit_once(",\"hash\":\"").and_then(|it| it.1.strip_suffix("\"}"));
            hash.filter(|_| text.ends_with('\n')).map(str::to_owned).ok_or_else(|| {
                Failure::new(Exit::Unavailable, doing())
                    .because("its last line is no line of a chain")
                    .hint("move it away, and keep it: somebody edited it")
            })?
        }
    };
    let line = audit_chain::line(line, &prev).or_fail(Exit::Internal, doing())?;
    log.extend_from_slice(line.text.as_bytes());
    host.replace_file(&path, &log, 0o640).or_fail(Exit::Unavailable, doing())
}
