//! `send`, `resolve`, `test`: into the spool first, then a flush.

use ops_core::alert::{Alert, Kind, Severity, is_check_id, spool_alert};
use ops_core::failure::{Exit, Failure};

use twilio::segments::fit;

use super::Bench;
use crate::args::{ResolveArgs, SendArgs, TestArgs};
use crate::channels::SEGMENTS;
use crate::decide::admit::{Admission, deferred_until, limited_until};
use crate::decide::lanes;
use crate::decide::route::{Cargo, Lane, LaneState, route};
use crate::decide::text::{compose, joined};
use crate::documents::{DryRun, DryRunChannel, Sent, Skipped};
use crate::flush::{Done, Scope, flush};
use crate::lines::Lines;
use crate::model::{Channel, Check, Health, Message, State};
use crate::store::Store;

/// Queues a message and delivers it.
pub(super) fn send(bench: &Bench<'_>, args: &SendArgs) -> Result<Sent, Failure> {
    deliver(bench, &alert(bench, args)?, Scope::Tell)
}

/// Tells that what a check told of is over, and stops its emergencies from repeating.
pub(super) fn resolve(bench: &Bench<'_>, args: &ResolveArgs) -> Result<Sent, Failure> {
    let title = args.title.clone().unwrap_or_else(|| format!("recovered: {}", args.check));
    let alert = Alert {
        title,
        message: bench.text(&args.message)?,
        check: Some(args.check.clone()),
        severity: args.severity.into(),
        kind: Kind::Recovery,
        channel: None,
    };
    deliver(bench, &alert, Scope::All)
}

/// Sends one real message. Without check id it passes every rate limit.
pub(super) fn test(bench: &Bench<'_>, args: &TestArgs) -> Result<Sent, Failure> {
    let channel = channel(bench, args.channel.map(Channel::from))?;
    let host = bench.context.host.name();
    let alert = Alert {
        title: format!("notify test from {host}"),
        message: "Alerts reach you.".into(),
        check: None,
        severity: Severity::Warn,
        kind: Kind::Event,
        channel,
    };
    let sent = deliver(bench, &alert, Scope::Tell)?;
    for skipped in &sent.skipped {
        let name = skipped.channel.name();
        bench.context.say(&format!("{name} was not tried: {}", skipped.why));
    }
    Ok(sent)
}

fn alert(bench: &Bench<'_>, args: &SendArgs) -> Result<Alert, Failure> {
    if args.title.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "send a message without a title")
            .hint("--title says in one line what it is about"));
    }
    Ok(Alert {
        title: args.title.clone(),
        message: bench.text(&args.message)?,
        check: args.check.clone(),
        severity: args.severity.into(),
        kind: Kind::Event,
        channel: channel(bench, args.channel.map(Channel::from))?,
    })
}

/// The channel asked for, if it is enabled.
fn channel(bench: &Bench<'_>, asked: Option<Channel>) -> Result<Option<String>, Failure> {
    let Some(channel) = asked else { return Ok(None) };
    let name = channel.name();
    if bench.settings.is_enabled(channel) {
        return Ok(Some(name.to_owned()));
    }
    Err(Failure::new(Exit::Config, format!("send by {name}: the channel is not enabled"))
        .hint(format!("in notify.yaml: channels.{name}.enabled: true, and {name} in order")))
}

fn deliver(bench: &Bench<'_>, alert: &Alert, scope: Scope) -> Result<Sent, Failure> {
    let context = bench.context;
    // Before the message is written anywhere: the redactor learns the secrets from it.
    let lines = bench.lines(true)?;
    let spooled = spool_alert(context, "notify", alert)?;
    let is_safe = |failure: Failure| {
        let safe = "the message is safe in the spool, the flush timer goes on with it: do not send \
                    it again";
        let hint = failure.hint.as_ref().map_or(safe.to_owned(), |hint| format!("{hint}; {safe}"));
        failure.hint(hint)
    };
    let mut call = bench.client()?;
    let stop = bench.stop()?;
    let ran = flush(context, bench.settings, &lines, scope, &mut call, &stop).map_err(is_safe)?;
    let (done, left_to) = match ran {
        Ok(done) => (done, None),
        Err(busy) => (Done::default(), Some(busy.holder().to_owned())),
    };
    done.troubles.iter().for_each(|trouble| context.say(trouble));
    sent(bench, &lines, &spooled.id, alert, &done, left_to).map_err(is_safe)
}

/// What became of a message by now.
fn sent(
    bench: &Bench<'_>,
    lines: &Lines,
    id: &str,
    alert: &Alert,
    done: &Done,
    left_to: Option<String>,
) -> Result<Sent, Failure> {
    let context = bench.context;
    let looked = match &done.store {
        Some(_) => None,
        None => Store::look(&context.host, &context.home)?,
    };
    let store = done.store.as_ref().or(looked.as_ref());
    let message = store.as_ref().map(|store| store.message(id)).transpose()?.flatten();
    let held_back = match (store, &alert.check) {
        (Some(store), Some(check)) => store.check(check)?.held,
        _ => 0,
    };
    let rows = store.as_ref().map(|store| store.deliveries(id)).transpose()?.unwrap_or_default();
    let state = message.as_ref().map_or(State::Queued, |it| it.state);
    let (left, waits) = done.left.get(id).cloned().unzip();
    let why = waits.or(message.map(|it| it.why)).unwrap_or_default();
    let only = alert.channel.as_deref();
    let skipped = bench
        .settings
        .order
        .iter()
        .filter(|channel| only.is_none_or(|only| only == channel.name()))
        .filter_map(|channel| Some((*channel, lines.ready(*channel)?.err()?)))
        .map(|(channel, why)| Skipped { channel, why: why.to_owned() })
        .collect();
    Ok(Sent {
        schema: "aiops.notify.sent/1".into(),
        id: id.to_owned(),
        check: alert.check.clone(),
        state,
        why,
        left,
        left_to: left_to.filter(|_| state == State::Queued),
        held_back,
        deliveries: rows.into_iter().map(Into::into).collect(),
        skipped,
    })
}

/// Shows what would be sent where. Writes nothing, asks nobody.
pub(super) fn dry_run(bench: &Bench<'_>, args: &SendArgs) -> Result<DryRun, Failure> {
    let (context, settings) = (bench.context, bench.settings);
    let alert = alert(bench, args)?;
    if let Some(check) = alert.check.as_deref().filter(|check| !is_check_id(check)) {
        return Err(Failure::new(Exit::Usage, format!("use the check id {check:?}"))
            .because("a check id is 1 to 128 characters of A-Z a-z 0-9 . _ : / -")
            .hint("the usual form is thing.property, for example disk.free"));
    }
    let known = bench.lines(false)?;
    let now = context.host.now();
    let store = Store::look(&context.host, &context.home)?;
    let (admission, check) = match &store {
        Some(store) => store.foresee(&alert, now, settings.window())?,
        None => (Admission::Queue, Check::default()),
    };
    let dropped = store.as_ref().map_or(Ok(0), Store::dropped)?;
    let deferred = deferred_until((alert.severity, alert.kind), &check, now, settings.window());
    let admission = match admission {
        Admission::Replace if deferred.is_some() => Admission::Defer,
        other => other,
    };
    let (would_send, why) = match admission {
        Admission::Queue => (true, String::new()),
        Admission::Replace => (true, "in place of the queued one, which is counted".into()),
        Admission::Join => (false, "one of this check is queued; it would be counted".into()),
        Admission::Hold | Admission::Defer => {
            let until = limited_until(&check, now, settings.window());
            let until = until.map(|at| at.strftime(" until %H:%M UTC").to_string());
            let until = until.unwrap_or_default();
            let then = match admission {
                Admission::Defer => "it would be told then, unless it is over by then",
                _ => "it would be counted",
            };
            (false, format!("rate limited{until}; {then}"))
        }
        Admission::Needless | Admission::Cancel => (false, "there is nothing to tell".into()),
    };
    let message = Message {
        id: String::new(),
        raised_at: now,
        raised_by: "notify".into(),
        title: context.clean(&alert.title),
        message: context.clean(&alert.message),
        check: alert.check.clone(),
        severity: alert.severity,
        kind: alert.kind,
        channel: alert.channel.clone(),
        recipient: None,
        renewed_at: now,
        state: State::Queued,
        why: String::new(),
        text: None,
    };
    let host = settings.host_in_title.then(|| context.host.name());
    let text = compose(&message, &check, dropped, host.as_deref(), now);
    let mut lanes = Vec::new();
    for channel in settings.order.iter().filter(|it| settings.is_enabled(**it)) {
        let health = store.as_ref().map_or(Ok(Health::default()), |it| it.health(*channel))?;
        let ready = known.ready(*channel).unwrap_or(Ok(()));
        let state = lanes::state(settings, ready, &health, settings.per_flush, now);
        lanes.push(Lane { channel: *channel, state, recipients: known.recipients(*channel) });
    }
    let only = alert.channel.as_deref();
    let emergency_tries = settings.emergency_tries;
    let cargo = Cargo { severity: alert.severity, only, emergency_tries };
    let tries = if would_send { route(cargo, &lanes, &[], now).tries } else { vec![] };
    let sends_to = |channel| tries.iter().filter(|(own, _)| *own == channel).count();
    let channels = lanes
        .iter()
        .filter(|lane| only.is_none_or(|only| only == lane.channel.name()))
        .map(|lane| DryRunChannel {
            channel: lane.channel,
            is_ready: !matches!(lane.state, LaneState::Unready(_)),
            why: match &lane.state {
                LaneState::Off | LaneState::Open => String::new(),
                LaneState::Unready(why) => format!("not ready: {why}"),
                LaneState::Paced(why)
                | LaneState::Waiting(why)
                | LaneState::Failing(why)
                | LaneState::Passed(why) => why.clone(),
            },
            sends_to: u32::try_from(sends_to(lane.channel)).unwrap_or(u32::MAX),
        })
        .collect();
    Ok(DryRun {
        schema: "aiops.notify.dry_run/1".into(),
        would_send,
        why,
        sms: fit(&joined(&text), SEGMENTS),
        title: text.title,
        message: text.body,
        channels,
    })
}
