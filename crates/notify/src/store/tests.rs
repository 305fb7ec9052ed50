//! Stories of messages, on a real database.

use std::time::Duration;

use Kind::{Event, Recovery};
use Severity::{Emergency, High, Info, Warn};
use ops_core::alert::{Alert, Kind, Severity, Spooled};
use ops_core::time::{SignedDuration, rfc3339};
use proptest::prelude::*;
use tempfile::TempDir;
use twilio::message::State as Sms;

use super::*;
use crate::decide::admit::deferred_until;
use crate::decide::conclude::{Conclusion, Setback};
use crate::decide::text::compose;
use crate::model::{Block, Channel, Health, Message, Quota, Stage, State, Text};

const WINDOW: SignedDuration = SignedDuration::from_mins(30);

/// A store whose clock the test moves.
struct Desk {
    dir: TempDir,
    store: Store,
    now: Timestamp,
    raised: u64,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Host::real(), dir.path()).unwrap();
        Self { dir, store, now: Timestamp::from_second(1_800_000_000).unwrap(), raised: 0 }
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    /// Raises one message and takes it; returns its id.
    fn raise(&mut self, check: Option<&str>, severity: Severity, kind: Kind) -> String {
        self.raised += 1;
        let id = format!("{:016x}-{:016x}", self.now.as_microsecond(), self.raised);
        let spooled = Spooled {
            schema: ops_core::alert::SCHEMA.into(),
            id: id.clone(),
            raised_at: rfc3339(self.now),
            raised_by: "test".into(),
            alert: Alert {
                title: format!("title {}", self.raised),
                message: String::new(),
                check: check.map(str::to_owned),
                severity,
                kind,
                channel: None,
            },
        };
        let batch = [(self.now, spooled.clone()), (self.now, spooled)];
        assert_eq!(self.store.ingest(&batch, self.now, WINDOW).unwrap().taken, 1);
        id
    }

    fn message(&self, id: &str) -> Message {
        self.store.message(id).unwrap().unwrap()
    }

    fn state(&self, id: &str) -> State {
        self.message(id).state
    }

    fn begin(&mut self, id: &str, channel: Channel, to: &str) -> Text {
        let message = self.message(id);
        let check = message.check.as_deref().map(|check| self.store.check(check).unwrap());
        let dropped = self.store.dropped().unwrap();
        let text = compose(&message, &check.unwrap_or_default(), dropped, None, self.now);
        self.store.begin((id, channel, to), &text, self.now).unwrap();
        text
    }

    /// Tells a message by a channel; returns its text.
    fn tell(&mut self, id: &str, channel: Channel, to: &str, what: &Conclusion) -> String {
        let text = self.begin(id, channel, to);
        let message = self.message(id);
        self.store.conclude((&message, channel, to), what, None, None, self.now).unwrap();
        text.body
    }

    fn accept(&mut self, id: &str) -> String {
        let accepted = Conclusion::Accepted { id: Some(format!("id of {id}")), receipt: None };
        self.tell(id, Channel::Pushover, "", &accepted)
    }
}

#[test]
fn a_thousand_of_one_check_are_one_told_and_the_rest_counted() {
    let mut desk = Desk::new();
    let first = desk.raise(Some("disk.free"), High, Event);
    for _ in 0..500 {
        desk.raise(Some("disk.free"), High, Event);
    }
    assert_eq!(desk.store.open_messages().unwrap().len(), 1);
    let text = desk.accept(&first);
    assert!(text.starts_with("(500 more held back since "), "{text}");
    for _ in 0..499 {
        desk.raise(Some("disk.free"), Warn, Event);
    }
    let counts = desk.store.counts().unwrap();
    assert_eq!(counts[&State::Delivered] + counts[&State::Queued], 1);
    assert_eq!(counts[&State::Superseded] + counts[&State::Held], 999);
    assert_eq!(desk.store.check("disk.free").unwrap().held, 499);
    desk.wait(1800);
    let next = desk.raise(Some("disk.free"), High, Event);
    assert!(desk.accept(&next).starts_with("(499 more held back since "));
    let check = desk.store.check("disk.free").unwrap();
    assert_eq!((check.held, check.held_since), (0, None));
}

#[test]
fn the_window_begins_with_acceptance_and_survives_a_restart() {
    let mut desk = Desk::new();
    let first = desk.raise(Some("a"), Warn, Event);
    let later = desk.now + Duration::from_mins(1);
    desk.tell(&first, Channel::Pushover, "", &Conclusion::Retry(later, "down".into()));
    assert_eq!(desk.store.check("a").unwrap().told, None);
    desk.wait(600).accept(&first);
    desk.store = Store::open(&Host::real(), desk.dir.path()).unwrap();
    desk.wait(1799);
    let held = desk.raise(Some("a"), Warn, Event);
    assert_eq!(desk.state(&held), State::Held);
    let worse = desk.raise(Some("a"), High, Event);
    assert_eq!(desk.state(&worse), State::Queued);
    let other = desk.raise(Some("b"), Info, Event);
    let without = desk.raise(None, Info, Event);
    let again = desk.raise(None, Info, Event);
    for id in [other, without, again] {
        assert_eq!(desk.state(&id), State::Queued);
    }
}

#[test]
fn a_recovery_is_told_once_after_a_told_failure_and_a_flapping_check_waits_for_the_window() {
    let mut desk = Desk::new();
    let needless = desk.raise(Some("a"), Info, Recovery);
    assert_eq!(desk.state(&needless), State::Needless);
    let failure = desk.raise(Some("a"), High, Event);
    desk.accept(&failure);
    let held = desk.raise(Some("a"), High, Event);
    let recovery = desk.raise(Some("a"), Info, Recovery);
    assert_eq!([desk.state(&held), desk.state(&recovery)], [State::Held, State::Queued]);
    assert!(desk.accept(&recovery).contains("1 more held back"));
    let again = desk.raise(Some("a"), Info, Recovery);
    assert_eq!(desk.state(&again), State::Needless);
    // It flaps: each further failure goes with its recovery, untold and counted.
    for _ in 0..10 {
        let fails_again = desk.wait(60).raise(Some("a"), High, Event);
        assert_eq!(desk.state(&fails_again), State::Queued);
        let deferred = desk.store.check("a").unwrap();
        assert!(deferred_until((High, Event), &deferred, desk.now, WINDOW).is_some());
        let over = desk.wait(1).raise(Some("a"), Info, Recovery);
        let states = [desk.state(&fails_again), desk.state(&over)];
        assert_eq!(states, [State::Superseded, State::Needless]);
    }
    assert!(desk.store.open_messages().unwrap().is_empty());
    // What still fails when the window ends is told then.
    let fails_on = desk.raise(Some("a"), High, Event);
    let check = desk.wait(1800 - 610).store.check("a").unwrap();
    assert_eq!(deferred_until((High, Event), &check, desk.now, WINDOW), None);
    assert!(desk.accept(&fails_on).contains("10 more held back"));
    assert!(desk.store.check("a").unwrap().is_failing);
}

#[test]
fn a_failure_that_ends_before_it_was_told_is_not_told_but_counted() {
    let mut desk = Desk::new();
    let failure = desk.raise(Some("a"), High, Event);
    let recovery = desk.raise(Some("a"), Info, Recovery);
    assert_eq!([desk.state(&failure), desk.state(&recovery)], [State::Superseded, State::Needless]);
    assert!(desk.store.open_messages().unwrap().is_empty());
    let next = desk.raise(Some("a"), High, Event);
    assert!(desk.accept(&next).contains("(1 more held back since "));
}

#[test]
fn while_one_waits_a_worse_one_takes_its_place_and_a_later_one_keeps_it_young() {
    let mut desk = Desk::new();
    let first = desk.raise(Some("a"), Warn, Event);
    let begun = desk.now;
    desk.tell(&first, Channel::Ntfy, "", &Conclusion::Retry(begun, "down".into()));
    desk.wait(60);
    desk.raise(Some("a"), Warn, Event);
    assert_eq!(desk.message(&first).renewed_at, desk.now);
    assert_eq!(desk.message(&first).raised_at, begun);
    let worse = desk.raise(Some("a"), Emergency, Event);
    assert_eq!(desk.state(&first), State::Superseded);
    assert_eq!(desk.store.deliveries(&first).unwrap()[0].stage, Stage::Refused);
    let open: Vec<String> =
        desk.store.open_messages().unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(open, std::slice::from_ref(&worse));
    assert!(desk.accept(&worse).contains("(2 more held back since "));
}

#[test]
fn what_a_dead_process_was_sending_is_unknown_and_only_an_idempotent_channel_repeats_it() {
    let mut desk = Desk::new();
    let [one, two] = [desk.raise(None, High, Event), desk.raise(None, High, Event)];
    desk.begin(&one, Channel::Twilio, "+15550100");
    desk.begin(&two, Channel::Webhook, "");
    desk.store = Store::open(&Host::real(), desk.dir.path()).unwrap();
    assert_eq!(desk.store.recover(&[Channel::Webhook]).unwrap(), 2);
    assert_eq!(desk.store.recover(&[Channel::Webhook]).unwrap(), 0);
    let stage = |id: &str| desk.store.deliveries(id).unwrap()[0].stage;
    assert_eq!([stage(&one), stage(&two)], [Stage::Ambiguous, Stage::Retry]);
    assert_eq!(desk.store.deliveries(&two).unwrap()[0].attempts, 1);
}

#[test]
fn dropped_messages_are_counted_until_a_delivered_one_told_of_them() {
    let mut desk = Desk::new();
    for _ in 0..3 {
        let id = desk.raise(None, Info, Event);
        let message = desk.message(&id);
        desk.store.settle(&message, State::Expired, "too old", desk.now).unwrap();
    }
    let next = desk.raise(None, Info, Event);
    let later = desk.now;
    let told = desk.tell(&next, Channel::Ntfy, "", &Conclusion::Retry(later, "down".into()));
    assert_eq!(told, "(3 older messages were dropped)");
    assert_eq!(desk.store.dropped().unwrap(), 3);
    desk.accept(&next);
    assert_eq!(desk.store.dropped().unwrap(), 0);
}

#[test]
fn a_failure_that_may_be_known_is_worth_a_recovery() {
    let mut desk = Desk::new();
    let id = desk.raise(Some("a"), High, Event);
    desk.tell(&id, Channel::Pushover, "", &Conclusion::Ambiguous("cut".into()));
    let message = desk.message(&id);
    desk.store.settle(&message, State::Ambiguous, "cut", desk.now).unwrap();
    let next = desk.raise(Some("a"), High, Event);
    assert_eq!(desk.state(&next), State::Queued, "no window without acceptance");
    let recovery = desk.raise(Some("a"), Info, Recovery);
    assert_eq!([desk.state(&next), desk.state(&recovery)], [State::Superseded, State::Queued]);
}

#[test]
fn a_channel_remembers_its_failures_its_quota_and_its_success() {
    let mut desk = Desk::new();
    let id = desk.raise(None, High, Event);
    let message = desk.message(&id);
    let until = desk.now + Duration::from_secs(5);
    let quota = Quota { limit: 10_000, remaining: 7, resets_at: until };
    let setback = Setback { block: Block::Outage, until, why: "no route".into() };
    let blocked = Some((Block::Outage, until, "no route".to_owned()));
    for failures in 1..=2 {
        desk.begin(&id, Channel::Pushover, "");
        let retry = Conclusion::Retry(until, "no route".into());
        let delivery = (&message, Channel::Pushover, "");
        desk.store.conclude(delivery, &retry, Some(&setback), None, desk.now).unwrap();
        let health = desk.store.health(Channel::Pushover).unwrap();
        assert_eq!((health.failures, health.blocked), (failures, blocked.clone()));
    }
    desk.begin(&id, Channel::Pushover, "");
    let accepted = Conclusion::Accepted { id: None, receipt: None };
    let delivery = (&message, Channel::Pushover, "");
    desk.store.conclude(delivery, &accepted, None, Some(quota), desk.now).unwrap();
    let health = desk.store.health(Channel::Pushover).unwrap();
    let want =
        Health { blocked: None, failures: 0, accepted_at: Some(desk.now), quota: Some(quota) };
    assert_eq!(health, want);
    assert_eq!(desk.store.health(Channel::Ntfy).unwrap(), Health::default());
}

#[test]
fn a_lost_sms_puts_its_message_back_unless_another_number_got_it() {
    let mut desk = Desk::new();
    let id = desk.raise(Some("a"), High, Event);
    let sms = |sid: &str| Conclusion::Accepted { id: Some(sid.to_owned()), receipt: None };
    desk.tell(&id, Channel::Twilio, "+15550100", &sms("SM1"));
    desk.tell(&id, Channel::Twilio, "+15550101", &sms("SM2"));
    let [one, two] = desk.store.sms_under_way(desk.now).unwrap().try_into().unwrap();
    assert!(!desk.store.put_sms_state(&one, "sent", &Sms::Moving("sent".into())).unwrap());
    assert!(
        !desk.store.put_sms_state(&one, "undelivered (30034)", &Sms::Lost(String::new())).unwrap()
    );
    assert_eq!(desk.state(&id), State::Delivered);
    assert_eq!(desk.store.sms_under_way(desk.now).unwrap(), std::slice::from_ref(&two));
    assert!(desk.store.put_sms_state(&two, "failed", &Sms::Lost(String::new())).unwrap());
    assert_eq!(desk.state(&id), State::Queued);
    assert_eq!(desk.store.deliveries(&id).unwrap()[0].why, "undelivered (30034)");
}

#[test]
fn emergencies_are_remembered_until_they_are_settled_and_a_recovery_wants_them_cancelled() {
    let mut desk = Desk::new();
    let id = desk.raise(Some("a"), Emergency, Event);
    let accepted = Conclusion::Accepted { id: None, receipt: Some("rcpt".into()) };
    desk.tell(&id, Channel::Pushover, "", &accepted);
    let [mut receipt] = desk.store.receipts(false).unwrap().try_into().unwrap();
    assert!(!receipt.is_cancel_wanted);
    desk.raise(Some("a"), Info, Recovery);
    assert!(desk.store.receipts(false).unwrap()[0].is_cancel_wanted);
    receipt.acknowledged = Some((desk.now, "phone".into()));
    receipt.polled_at = Some(desk.now);
    desk.store.put_receipt(&receipt).unwrap();
    assert!(desk.store.receipts(false).unwrap().is_empty());
    receipt.is_cancel_wanted = true;
    assert_eq!(desk.store.receipts(true).unwrap(), [receipt]);
}

#[test]
fn what_is_settled_is_forgotten_in_time_unless_its_file_is_still_there() {
    let mut desk = Desk::new();
    let [one, two, open] = [0; 3].map(|_| desk.raise(None, High, Event));
    desk.accept(&one);
    desk.accept(&two);
    desk.wait(100);
    let before = desk.now;
    assert_eq!(desk.store.forget(before, &[format!("{two}.json").into()]).unwrap(), 1);
    assert!(desk.store.message(&one).unwrap().is_none());
    assert!(desk.store.deliveries(&one).unwrap().is_empty());
    assert!(desk.store.message(&two).unwrap().is_some());
    assert_eq!(desk.state(&open), State::Queued);
}

#[test]
fn an_sms_is_seen_once() {
    let mut desk = Desk::new();
    let mut sms = Inbound {
        sid: "SM1".into(),
        sender: "+15550100".into(),
        sent_at: desk.now,
        body: "status".into(),
        command: "STATUS".into(),
        seen_at: desk.now,
        answer: Some("answer".into()),
    };
    assert!(!desk.store.has_seen("SM1").unwrap());
    desk.store.note_inbound(&sms, Some("all is well")).unwrap();
    sms.body = "other".into();
    desk.store.note_inbound(&sms, Some("all is well")).unwrap();
    assert!(desk.store.has_seen("SM1").unwrap());
    let [answer] = desk.store.open_messages().unwrap().try_into().unwrap();
    assert_eq!((answer.id.as_str(), answer.title.as_str()), ("answer", "all is well"));
    assert_eq!(answer.recipient.as_deref(), Some("+15550100"));
    assert_eq!(desk.store.inbound(9).unwrap()[0].body, "status");
    assert_eq!(desk.store.last_command("+15550100").unwrap(), Some(desk.now));
    assert_eq!(desk.store.last_command("+15550101").unwrap(), None);
}

#[test]
fn the_database_is_for_its_owner_and_group_and_never_a_link_to_another() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::real();
    let (own, other) = (dir.path().join("own"), dir.path().join("other"));
    let mode = |name: &str| host.look(&folder(&own).join(name)).unwrap().unwrap().mode & 0o777;
    let mut store = Store::open(&host, &own).unwrap();
    store.set_fact("a", "b").unwrap();
    for name in ["notify.db", "notify.db-wal", "notify.db-shm"] {
        assert_eq!(mode(name) & 0o137, 0, "{name}: {:o}", mode(name));
    }
    host.make_dir(&folder(&other), 0o750).unwrap();
    std::os::unix::fs::symlink(folder(&own).join("notify.db"), folder(&other).join("notify.db"))
        .unwrap();
    assert_eq!(Store::open(&host, &other).unwrap_err().exit, Exit::Unavailable);
    assert_eq!(Store::look(&host, &other).unwrap_err().exit, Exit::Unavailable);
    // A home that is reached by a link is fine.
    std::os::unix::fs::symlink(&own, dir.path().join("link")).unwrap();
    let linked = Store::look(&host, &dir.path().join("link")).unwrap().unwrap();
    assert_eq!(linked.fact("a").unwrap().as_deref(), Some("b"));
}

#[test]
fn what_was_noted_is_there_after_closing_and_the_log_does_not_grow_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::real();
    let log = folder(dir.path()).join("notify.db-wal");
    for round in 0..200 {
        let mut store = Store::open(&host, dir.path()).unwrap();
        let last = round - 1;
        let want = (round > 0).then(|| last.to_string());
        assert_eq!(store.fact("round").unwrap(), want);
        store.set_fact("round", &round.to_string()).unwrap();
        drop(store);
        let size = host.look(&log).unwrap().unwrap().size;
        // The first round makes the tables in it.
        assert!(size <= LARGEST_LOG + 30 * 4120, "{size} bytes after {round}");
    }
}

#[test]
fn looking_makes_nothing_and_a_database_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::real();
    assert!(Store::look(&host, dir.path()).unwrap().is_none());
    assert!(host.names(dir.path()).unwrap().is_empty());
    let store = Store::open(&host, dir.path()).unwrap();
    assert!(Store::look(&host, dir.path()).unwrap().is_some());
    store.db.pragma_update(None, "user_version", 9).unwrap();
    drop(store);
    for refused in [Store::look(&host, dir.path()).err(), Store::open(&host, dir.path()).err()] {
        let told = refused.unwrap().to_string();
        assert!(told.contains("version 9"), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_every_message_is_in_one_state_and_the_counts_add_up(
        steps in prop::collection::vec((0..10_u8, 0..3_u8, 0..4_u8, 0..4_u8), 1..60),
    ) {
        let mut desk = Desk::new();
        for (what, check, severity, conclusion) in steps {
            desk.wait(u64::from(what) * 97);
            let check = ["a", "b"].get(usize::from(check)).copied();
            let severity = [Info, Warn, High, Emergency][usize::from(severity)];
            match what {
                0..=4 => { desk.raise(check, severity, Event); }
                5 => { desk.raise(Some("a"), Info, Recovery); }
                6 => { desk.store.recover(&[]).unwrap(); }
                _ => {
                    let Some(message) = desk.store.open_messages().unwrap().into_iter().next() else {
                        continue;
                    };
                    let conclusion = match conclusion {
                        0 => Conclusion::Accepted { id: None, receipt: None },
                        1 => Conclusion::Retry(desk.now, "later".into()),
                        2 => Conclusion::Refused("no".into()),
                        _ => Conclusion::Ambiguous("cut".into()),
                    };
                    desk.tell(&message.id, Channel::Ntfy, "", &conclusion);
                    let state = match conclusion {
                        Conclusion::Refused(_) => State::Failed,
                        Conclusion::Ambiguous(_) => State::Ambiguous,
                        _ => continue,
                    };
                    desk.store.settle(&message, state, "", desk.now).unwrap();
                }
            }
        }
        let counts = desk.store.counts().unwrap();
        prop_assert_eq!(counts.values().sum::<u64>(), desk.raised);
        // One message of a check at most is queued.
        for id in ["a", "b"] {
            let open = desk.store.open_messages().unwrap();
            let queued = open.iter().filter(|it| it.check.as_deref() == Some(id)).count();
            prop_assert!(queued <= 1, "{} of {}", queued, id);
            let check = desk.store.check(id).unwrap();
            prop_assert_eq!(check.held == 0, check.held_since.is_none());
        }
    }
}
