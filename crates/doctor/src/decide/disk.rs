//! `disk`: room in file systems, and log folders that neither are nor become too large.

use host_facts::facts::{Disk, LogFolder, Sizes, Space};
use ops_core::time::{self, Timestamp};

use super::Given;
use crate::finding::Judged;
use crate::policy::{LogPolicy, MountPolicy};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR: u64 = 3600;

pub(super) fn judge(given: &Given) -> Judged {
    let disk = match given.facts.disk.known() {
        Err(why) => return Judged::is_unknown(why),
        Ok(disk) => disk,
    };
    let mut judged = Judged::default();
    let mut fine = Vec::new();
    for mount in &given.policy.disk.mounts {
        fine.extend(self::mount(mount, disk, &mut judged));
    }
    judged.fine = fine.join("; ");
    for log in &given.policy.disk.logs {
        self::log(log, disk, given.now, &mut judged);
    }
    judged
}

/// Judges one file system; says in short how full it is.
fn mount(policy: &MountPolicy, disk: &Disk, judged: &mut Judged) -> Option<String> {
    let path = policy.path.display().to_string();
    let seen = disk.mounts.iter().find(|it| it.path == path);
    let space = match seen.map(|it| it.space.known()) {
        None => {
            judged.unknown(path, "it was not looked at");
            return None;
        }
        Some(Err(why)) => {
            judged.unknown(path, why);
            return None;
        }
        Some(Ok(space)) => space,
    };
    let Some(used) =
        percent(space.used_bytes, space.used_bytes.saturating_add(space.available_bytes))
    else {
        judged.unknown(path, "its file system tells no size");
        return None;
    };
    let left = gib(space.available_bytes);
    limit(policy, &path, used, &format!("space used ({left} left)"), judged);
    let inodes = inodes(space);
    if let Some(inodes) = inodes {
        limit(policy, &path, inodes, "inodes used", judged);
    }
    let inodes = inodes.map(|it| format!(", {it} % of inodes")).unwrap_or_default();
    Some(format!("{path} {used} % used{inodes}"))
}

fn inodes(space: &Space) -> Option<u64> {
    percent(space.inodes.saturating_sub(space.free_inodes), space.inodes)
}

/// The share in whole percent, rounded up: 89.1 is not below 90. `None` of nothing.
fn percent(part: u64, whole: u64) -> Option<u64> {
    let share = (u128::from(part) * 100).div_ceil(u128::from(whole.max(1)));
    (whole > 0).then(|| u64::try_from(share).unwrap_or(100).min(100))
}

fn gib(bytes: u64) -> String {
    let tenths = bytes / (GIB / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

fn limit(policy: &MountPolicy, path: &str, used: u64, what: &str, judged: &mut Judged) {
    let (warn, fail) = (u64::from(policy.warn_percent), u64::from(policy.fail_percent));
    if used >= fail {
        judged.fail(path, format!("{used} % of {what}; {fail} % is too much"));
    } else if used >= warn {
        judged.warn(path, format!("{used} % of {what}; it fails at {fail} %"));
    }
}

fn log(policy: &LogPolicy, disk: &Disk, now: Timestamp, judged: &mut Judged) {
    let path = policy.path.display().to_string();
    let seen: Option<&LogFolder> = disk.logs.iter().find(|it| it.path == path);
    let bytes = match seen.map(|it| it.bytes.known()) {
        None => return judged.unknown(path, "it was not looked at"),
        Some(Err(why)) => return judged.unknown(path, why),
        Some(Ok(None)) => return judged.notes.push(format!("{path}: there is no such folder")),
        Some(Ok(Some(bytes))) => *bytes,
    };
    let largest = u64::from(policy.largest_mib);
    if bytes > largest.saturating_mul(MIB) {
        judged.fail(&path, format!("its files are {} MiB; {largest} are allowed", bytes / MIB));
        judged.remedy("see that its logs are rotated: `logrotate --debug /etc/logrotate.conf`");
    }
    if let Some((grown, allowed)) = growth(policy, &path, bytes, disk.before.as_ref(), now) {
        judged.fail(
            &path,
            format!(
                "its files grew by {} MiB since the last report; {} are allowed in that time",
                grown / MIB,
                allowed / MIB
            ),
        );
        judged.remedy("find what writes so much: `ls -lt` in the folder, newest first");
    }
}

/// How much a folder grew and how much it might have, if it grew faster than allowed. Less than an
/// hour counts as one, and so does a clock that was set back: a single burst is no trend.
fn growth(
    policy: &LogPolicy,
    path: &str,
    bytes: u64,
    before: Option<&Sizes>,
    now: Timestamp,
) -> Option<(u64, u64)> {
    let before = before?;
    let grown = bytes.saturating_sub(*before.bytes.get(path)?);
    let then = time::parse(&before.at).ok()?;
    let seconds = now.as_second().saturating_sub(then.as_second());
    let seconds = u64::try_from(seconds).unwrap_or(0).max(HOUR);
    let hourly = u128::from(policy.growth_mib_per_hour) * u128::from(MIB);
    let allowed =
        u64::try_from(hourly * u128::from(seconds) / u128::from(HOUR)).unwrap_or(u64::MAX);
    (grown > allowed).then_some((grown, allowed))
}
