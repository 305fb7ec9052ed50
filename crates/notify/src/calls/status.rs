//! `status`: what is known, without touching anything.

use ops_core::failure::Failure;
use ops_core::time::{Timestamp, rfc3339};

use super::Bench;
use crate::decide::admit::limited_until;
use crate::decide::conclude::holds;
use crate::documents::{
    ChannelShown, CheckShown, PolledSms, QueueShown, QuotaShown, ReceiptShown, SpoolShown, Standing,
};
use crate::lines::Lines;
use crate::model::{Channel, Message, State};
use crate::spool;
use crate::store::{Store, folder};

/// How many settled messages of a kind are shown.
const SHOWN: u32 = 20;

/// How alerting stands.
pub(super) fn status(bench: &Bench<'_>) -> Result<Standing, Failure> {
    let (context, settings) = (bench.context, bench.settings);
    let lines = bench.lines(false)?;
    let store = Store::look(&context.host, &context.home)?;
    let now = context.host.now();
    let malformed = context.host.names(&folder(&context.home).join("malformed"));
    let mut malformed: Vec<String> = malformed
        .unwrap_or_default()
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    malformed.sort();
    let mut standing = Standing {
        schema: "aiops.notify.status/1".into(),
        flushing: context.host.lock_holder(&folder(&context.home).join("flush.lock")),
        spool: SpoolShown {
            waiting: spool::names(context)?.len().try_into().unwrap_or(u64::MAX),
            malformed,
        },
        counts: State::ALL.into_iter().map(|state| (state.name().to_owned(), 0)).collect(),
        dropped: 0,
        queued: vec![],
        failed: vec![],
        ambiguous: vec![],
        checks: vec![],
        channels: vec![],
        emergencies: vec![],
        sms: vec![],
    };
    for channel in Channel::ALL {
        standing.channels.push(shown_channel(bench, &lines, store.as_ref(), channel)?);
    }
    let order = |channel| settings.order.iter().position(|it| *it == channel).unwrap_or(99);
    standing.channels.sort_by_key(|shown| order(shown.channel));
    let Some(store) = store else { return Ok(standing) };
    let counts = store.counts()?;
    standing.counts =
        counts.into_iter().map(|(state, count)| (state.name().to_owned(), count)).collect();
    standing.dropped = store.dropped()?;
    for message in store.open_messages()? {
        if message.state == State::Queued {
            standing.queued.push(shown_message(&store, message, now)?);
        }
    }
    for (state, list) in
        [(State::Failed, &mut standing.failed), (State::Ambiguous, &mut standing.ambiguous)]
    {
        for message in store.settled(state, SHOWN)? {
            list.push(shown_message(&store, message, now)?);
        }
    }
    for row in store.checks()? {
        let told = row.check.told.as_ref();
        standing.checks.push(CheckShown {
            is_failing: row.check.is_failing,
            told_at: told.map(|it| rfc3339(it.at)),
            told_severity: told.map(|it| it.severity),
            told_title: told.map(|it| it.title.clone()),
            limited_until: limited_until(&row.check, now, settings.window()).map(rfc3339),
            held_back: row.check.held,
            held_since: row.check.held_since.map(rfc3339),
            id: row.id,
        });
    }
    standing.emergencies = store
        .receipts(true)?
        .into_iter()
        .map(|receipt| {
            let (at, by) = receipt.acknowledged.unzip();
            ReceiptShown {
                message: receipt.message,
                check: receipt.check,
                receipt: receipt.receipt,
                sent_at: rfc3339(receipt.sent_at),
                acknowledged_at: at.map(rfc3339),
                acknowledged_by: by,
                is_expired: receipt.is_expired,
                cancelled_at: receipt.cancelled_at.map(rfc3339),
                why: receipt.why,
            }
        })
        .collect();
    standing.sms = store.inbound(SHOWN)?.into_iter().map(PolledSms::from).collect();
    Ok(standing)
}

fn shown_message(store: &Store, message: Message, now: Timestamp) -> Result<QueueShown, Failure> {
    let deliveries = store.deliveries(&message.id)?;
    Ok(QueueShown {
        raised_at: rfc3339(message.raised_at),
        age_seconds: now.duration_since(message.raised_at).as_secs(),
        raised_by: message.raised_by,
        title: message.title,
        check: message.check,
        severity: message.severity,
        kind: message.kind,
        why: message.why,
        deliveries: deliveries.into_iter().map(Into::into).collect(),
        id: message.id,
    })
}

fn shown_channel(
    bench: &Bench<'_>,
    lines: &Lines,
    store: Option<&Store>,
    channel: Channel,
) -> Result<ChannelShown, Failure> {
    let now = bench.context.host.now();
    let health = store.map(|store| store.health(channel)).transpose()?.unwrap_or_default();
    let ready = lines.ready(channel);
    let backoff = bench.settings.backoff;
    let blocked = health.blocked.filter(|(block, until, _)| holds(*block, *until, now, backoff));
    Ok(ChannelShown {
        channel,
        is_enabled: ready.is_some(),
        is_ready: matches!(ready, Some(Ok(()))),
        why: ready.and_then(Result::err).unwrap_or_default().to_owned(),
        last_accepted_at: health.accepted_at.map(rfc3339),
        blocked: blocked.as_ref().map(|it| it.0),
        blocked_until: blocked.as_ref().map(|it| rfc3339(it.1)),
        blocked_why: blocked.map(|it| it.2),
        failures: health.failures,
        quota: health.quota.map(|quota| QuotaShown {
            limit: quota.limit,
            remaining: quota.remaining,
            resets_at: rfc3339(quota.resets_at),
        }),
    })
}
