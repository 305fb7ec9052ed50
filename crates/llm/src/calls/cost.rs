//! `llm cost`: sums telemetry over the artifact folders, each read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};
use ops_core::time::{self, SignedDuration, Timestamp};

use crate::args::CostArgs;
use crate::documents::{Cost, Sum};
use crate::money::Money;
use crate::telemetry::{FILE, Line};

/// The largest telemetry file that is read, bytes: about 100,000 calls of one run.
const LARGEST: u64 = 64 << 20;

/// How long a run may have begun before its last call: folders are named by their beginning.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(48);

pub(super) fn sum(args: &CostArgs, context: &Context) -> Result<Cost, Failure> {
    let host = &context.host;
    let now = host.now();
    let since = args.since.at(now);
    let mut book = Book::default();
    let oldest = since.checked_sub(LONGEST_RUN).map(time::stamp).unwrap_or_default();
    let mut unread = Vec::new();
    for folder in folders(host, &context.home, &oldest)? {
        let path = folder.join(FILE);
        let bytes = match host.read_plain(&path, LARGEST + 1) {
            Ok((_, bytes)) if bytes.len() as u64 <= LARGEST => bytes,
            Ok(_) => {
                unread.push(format!("{}: larger than {LARGEST} bytes", path.display()));
                continue;
            }
            Err(err)
                if matches!(
                    err.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                continue;
            }
            Err(err) => {
                unread.push(format!("{}: {err}", path.display()));
                continue;
            }
        };
        let torn = book.read(&bytes, since);
        if torn > 0 {
            unread.push(format!("{}: {torn} lines are not whole", path.display()));
        }
    }
    Ok(book.closed(since, now, unread))
}

/// The artifact folders that are not older than that: `<home>/artifacts/<kind>/<name>`. Those whose
/// name is no time are all looked into.
fn folders(host: &Host, home: &Path, oldest: &str) -> Result<Vec<PathBuf>, Failure> {
    let artifacts = home.join("artifacts");
    let doing = || format!("list {}", artifacts.display());
    let kinds = match host.list(&artifacts) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.or_fail(Exit::Unavailable, doing())?,
    };
    let mut folders = Vec::new();
    for kind in kinds.iter().filter(|it| it.kind == Kind::Folder && it.name != "runs") {
        let kind = artifacts.join(&kind.name);
        for name in host.names(&kind).or_fail(Exit::Unavailable, doing())? {
            let stamp = name.to_str().and_then(|name| name.get(..16)).filter(|it| is_stamp(it));
            if stamp.is_none_or(|stamp| stamp >= oldest) {
                folders.push(kind.join(name));
            }
        }
    }
    folders.sort();
    Ok(folders)
}

/// `YYYYMMDDTHHMMSSZ`
fn is_stamp(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    })
}

#[derive(Default)]
struct Book {
    total: Entry,
    by_day: BTreeMap<String, Entry>,
    by_model: BTreeMap<String, Entry>,
    by_purpose: BTreeMap<String, Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    calls: u64,
    ok: u64,
    input: u64,
    cached: u64,
    output: u64,
    booked: Money,
    unknown: u64,
}

impl Book {
    /// Adds what a file tells; returns how many of its lines could not be read.
    fn read(&mut self, bytes: &[u8], since: Timestamp) -> u64 {
        let mut torn = 0;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let read = serde_json::from_slice::<Line>(line).ok();
            let read = read.and_then(|line| Some((line.ts.parse::<Timestamp>().ok()?, line)));
            match read {
                None => torn += 1,
                Some((ts, line)) if ts >= since => self.add(&line),
                Some(_) => {}
            }
        }
        torn
    }

    fn add(&mut self, line: &Line) {
        let day = line.ts.get(..10).unwrap_or_default().to_owned();
        let model = format!("{}/{}", line.provider, line.model);
        let purpose = line.purpose.name().to_owned();
        for entry in [
            &mut self.total,
            self.by_day.entry(day).or_default(),
            self.by_model.entry(model).or_default(),
            self.by_purpose.entry(purpose).or_default(),
        ] {
            entry.add(line);
        }
    }

    fn closed(self, since: Timestamp, now: Timestamp, unread: Vec<String>) -> Cost {
        let told = |entries: BTreeMap<String, Entry>| {
            entries.into_iter().map(|(name, entry)| (name, entry.told())).collect()
        };
        Cost {
            schema: "aiops.llm.cost/1".into(),
            since: time::rfc3339(since),
            until: time::rfc3339(now),
            total: self.total.told(),
            by_day: told(self.by_day),
            by_model: told(self.by_model),
            by_purpose: told(self.by_purpose),
            unread,
        }
    }
}

impl Entry {
    fn add(&mut self, line: &Line) {
        let was_sent = line.outcome != "refused";
        self.calls += u64::from(was_sent);
        self.ok += u64::from(line.outcome == "ok");
        self.unknown += u64::from(was_sent && line.actual_usd.is_none());
        self.input = self.input.saturating_add(line.tokens_in.unwrap_or(0));
        self.cached = self.cached.saturating_add(line.tokens_cached.unwrap_or(0));
        self.output = self.output.saturating_add(line.tokens_out.unwrap_or(0));
        self.booked = self.booked.plus(Money::from_usd(line.booked_usd));
    }

    fn told(self) -> Sum {
        Sum {
            calls: self.calls,
            ok: self.ok,
            tokens_in: self.input,
            tokens_cached: self.cached,
            tokens_out: self.output,
            usd: self.booked.usd(),
            cost_unknown: self.unknown,
        }
    }
}

#[cfg(test)]
mod tests;
