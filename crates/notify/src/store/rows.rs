//! How rows read as values.

use ops_core::alert::{Kind, Severity};
use ops_core::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::{
    Block, Channel, Check, Delivery, Health, Message, Quota, Receipt, Stage, State, Text, Told,
};

/// The columns that [`message`] reads.
pub(super) const MESSAGE: &str = "id, raised_us, raised_by, title, message, check_id, severity, kind, channel, renewed_us, state, \
     why, text_title, text_body, text_held, text_dropped, recipient";

/// The columns that [`delivery`] reads.
pub(super) const DELIVERY: &str =
    "message, channel, recipient, stage, attempts, tried_us, next_us, why, provider_id, followed";

/// The columns that [`receipt`] reads.
pub(super) const RECEIPT: &str = "receipt, message, check_id, sent_us, polled_us, acknowledged_us, acknowledged_by, is_expired, \
     is_cancel_wanted, cancelled_us, why";

pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let title: Option<String> = row.get(12)?;
    let text = match title {
        None => None,
        Some(title) => Some(Text {
            title,
            body: row.get(13)?,
            held: count(row, 14)?,
            dropped: count(row, 15)?,
        }),
    };
    Ok(Message {
        id: row.get(0)?,
        raised_at: time(row.get(1)?),
        raised_by: row.get(2)?,
        title: row.get(3)?,
        message: row.get(4)?,
        check: row.get(5)?,
        severity: severity(row.get(6)?),
        kind: kind(&row.get::<_, String>(7)?),
        channel: row.get(8)?,
        recipient: row.get(16)?,
        renewed_at: time(row.get(9)?),
        state: word(row, 10, State::named)?,
        why: row.get(11)?,
        text,
    })
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        message: row.get(0)?,
        channel: word(row, 1, Channel::named)?,
        recipient: row.get(2)?,
        stage: word(row, 3, Stage::named)?,
        attempts: row.get(4)?,
        tried_at: time(row.get(5)?),
        next_at: time(row.get(6)?),
        why: row.get(7)?,
        provider_id: row.get(8)?,
        followed: row.get(9)?,
    })
}

pub(super) fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let maybe = |at: Option<i64>| at.map(time);
    let by: Option<String> = row.get(6)?;
    Ok(Receipt {
        receipt: row.get(0)?,
        message: row.get(1)?,
        check: row.get(2)?,
        sent_at: time(row.get(3)?),
        polled_at: maybe(row.get(4)?),
        acknowledged: maybe(row.get(5)?).zip(by),
        is_expired: row.get(7)?,
        is_cancel_wanted: row.get(8)?,
        cancelled_at: maybe(row.get(9)?),
        why: row.get(10)?,
    })
}

/// What is remembered of a check; nothing yet is a value too.
pub(super) fn check(db: &Connection, id: &str) -> rusqlite::Result<Check> {
    let found = db
        .prepare_cached(
            "SELECT told_us, told_severity, told_title, is_failing, held, held_since_us
             FROM checks WHERE id = ?1",
        )?
        .query_row([id], |row| check_at(row, 0))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// A check whose columns begin at `first`.
pub(super) fn check_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Check> {
    let told: Option<i64> = row.get(first)?;
    let told = match told {
        None => None,
        Some(at) => Some(Told {
            at: time(at),
            severity: severity(row.get(first + 1)?),
            title: row.get(first + 2)?,
        }),
    };
    Ok(Check {
        told,
        is_failing: row.get(first + 3)?,
        held: count(row, first + 4)?,
        held_since: row.get::<_, Option<i64>>(first + 5)?.map(time),
    })
}

/// Remembers a check.
pub(super) fn put_check(db: &Connection, id: &str, check: &Check) -> rusqlite::Result<()> {
    let told = check.told.as_ref();
    db.prepare_cached("INSERT OR REPLACE INTO checks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            id,
            told.map(|it| it.at.as_microsecond()),
            told.map(|it| it.severity as i64),
            told.map(|it| &it.title),
            check.is_failing,
            signed(check.held),
            check.held_since.map(Timestamp::as_microsecond),
        ])
        .map(drop)
}

/// What is remembered of a channel; nothing yet is a value too.
pub(super) fn health(db: &Connection, channel: Channel) -> rusqlite::Result<Health> {
    let found = db
        .prepare_cached(
            "SELECT block, block_until_us, block_why, failures, accepted_us, quota_limit,
             quota_remaining, quota_resets_us FROM channels WHERE name = ?1",
        )?
        .query_row([channel.name()], |row| {
            let block: Option<String> = row.get(0)?;
            let blocked = match block.as_deref().and_then(Block::named) {
                None => None,
                Some(block) => Some((block, time(row.get(1)?), row.get(2)?)),
            };
            let quota = match row.get::<_, Option<i64>>(5)? {
                None => None,
                Some(_) => Some(Quota {
                    limit: count(row, 5)?,
                    remaining: count(row, 6)?,
                    resets_at: time(row.get(7)?),
                }),
            };
            Ok(Health {
                blocked,
                failures: row.get(3)?,
                accepted_at: row.get::<_, Option<i64>>(4)?.map(time),
                quota,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Remembers a channel.
pub(super) fn put_health(
    db: &Connection,
    channel: Channel,
    health: &Health,
) -> rusqlite::Result<()> {
    let blocked = health.blocked.as_ref();
    let quota = health.quota.as_ref();
    db.prepare_cached(
        "INSERT OR REPLACE INTO channels VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        channel.name(),
        blocked.map(|it| it.0.name()),
        blocked.map(|it| it.1.as_microsecond()),
        blocked.map(|it| &it.2),
        health.failures,
        health.accepted_at.map(Timestamp::as_microsecond),
        quota.map(|it| signed(it.limit)),
        quota.map(|it| signed(it.remaining)),
        quota.map(|it| it.resets_at.as_microsecond()),
    ])
    .map(drop)
}

/// A word that must be one of ours.
fn word<T>(row: &Row<'_>, at: usize, named: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    named(&text).ok_or_else(|| {
        let why = format!("{text:?} is unknown: a newer version wrote it");
        rusqlite::Error::FromSqlConversionFailure(at, Type::Text, why.into())
    })
}

pub(super) fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, Option<i64>>(at)?.and_then(|it| u64::try_from(it).ok()).unwrap_or(0))
}

pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn severity(rank: i64) -> Severity {
    match rank {
        0 => Severity::Info,
        1 => Severity::Warn,
        2 => Severity::High,
        _ => Severity::Emergency,
    }
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Event => "event",
        Kind::Recovery => "recovery",
    }
}

fn kind(name: &str) -> Kind {
    if name == "recovery" { Kind::Recovery } else { Kind::Event }
}
