//! guard's timer, as systemd has it, and the last line of its log. No judgement here.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use ops_core::host::Host;
use serde::Deserialize;

use super::Wanted;
use super::commands::{Commands, json};
use crate::facts::{Guard, LogEnd, Timer};

/// How much of the end of a log is read, bytes: its last line must fit.
const END: u64 = 64 * 1024;

/// How much of the last line is kept, characters.
const LONGEST_LINE: usize = 4096;

/// A row of `systemctl list-timers --output=json`. `left` and `passed` are not what they seem in
/// systemd 252 and are not read.
#[derive(Deserialize)]
struct Row {
    unit: String,
    next: Option<i64>,
    last: Option<i64>,
}

pub(super) fn guard(commands: &Commands, wanted: &Wanted) -> Guard {
    Guard {
        timer: timer(commands, &wanted.guard_timer).into(),
        log: log(commands.host, &wanted.guard_log).into(),
    }
}

fn timer(commands: &Commands, unit: &str) -> Result<Timer, String> {
    std::thread::scope(|scope| {
        let list = scope.spawn(|| {
            commands.output("systemctl", &["list-timers", "--all", "--output=json", "--", unit])
        });
        let properties = "--property=LoadState,ActiveState,UnitFileState";
        let shown = commands.output("systemctl", &["show", properties, "--", unit]);
        let list = list.join().unwrap_or_else(|_| Err("its collector broke off".to_owned()))?;
        let rows: Vec<Row> = json("systemctl list-timers", &list)?;
        let row = rows.into_iter().find(|row| row.unit == unit);
        let shown = shown?;
        let shown = properties_of(&shown);
        let property = |name: &str| shown.get(name).cloned();
        Ok(Timer {
            unit: unit.to_owned(),
            load_state: property("LoadState").ok_or("`systemctl show` told no LoadState")?,
            active_state: property("ActiveState").ok_or("`systemctl show` told no ActiveState")?,
            file_state: property("UnitFileState").unwrap_or_default(),
            // systemd writes 0 for "never".
            last_us: row.as_ref().and_then(|row| row.last).filter(|it| *it > 0),
            next_us: row.as_ref().and_then(|row| row.next).filter(|it| *it > 0),
        })
    })
}

fn properties_of(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn log(host: &Host, path: &Path) -> Result<Option<LogEnd>, String> {
    let bytes = match host.read_end(path, END) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(format!("{}: {err}", path.display())),
    };
    // What has no line end is still being written.
    let whole = bytes.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
    let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
    let Some(line) = text.lines().rev().find(|it| !it.trim().is_empty()) else { return Ok(None) };
    let line: String = line.chars().take(LONGEST_LINE).collect();
    let pairs = logfmt(&line);
    let first = |name: &str| pairs.iter().find(|it| it.0 == name).map(|it| it.1.clone());
    Ok(Some(LogEnd {
        file: path.display().to_string(),
        ts: first("ts"),
        event: first("event"),
        line,
    }))
}

/// The pairs of a logfmt line. A value may be quoted, with `\"` and `\\` inside.
fn logfmt(line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = line.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.rsplit(char::is_whitespace).next().unwrap_or_default();
        let (value, after) = after.strip_prefix('"').map_or_else(|| unspaced(after), unquoted);
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    pairs
}

fn unspaced(text: &str) -> (String, &str) {
    let (value, after) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (value.to_owned(), after)
}

fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end_of(text: &[u8]) -> Option<LogEnd> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("guard.log");
        let host = Host::real();
        host.replace_file(&path, text, 0o640).unwrap();
        log(&host, &path).unwrap()
    }

    #[test]
    fn the_last_whole_line_counts_and_a_value_cannot_pass_for_a_pair() {
        for (text, event) in [
            (&b"ts=1 event=fail\nts=2 event=pass checks=9\n"[..], Some("pass")),
            (b"ts=2 event=pass\n\n", Some("pass")),
            (b"ts=2 event=pass\nts=3 event=fa", Some("pass")),
            (b"ts=2 why=\"x event=pass\" event=fail\n", Some("fail")),
            (b"ts=2 why=\"a\\\" event=pass\" event=fail\n", Some("fail")),
            (b"ts=2 why=\"event=pass\n", None),
            (b"\xff\xfe event=pass\n", Some("pass")),
            (b"nothing\n", None),
        ] {
            assert_eq!(end_of(text).unwrap().event.as_deref(), event, "{text:?}");
        }
        assert_eq!(end_of(b""), None);
        assert_eq!(end_of(b"ts=1 event=pass"), None);
        assert_eq!(log(&Host::real(), Path::new("/nonexistent/guard.log")), Ok(None));
        let long = [vec![b'x'; 100_000], b"\n".to_vec()].concat();
        assert_eq!(end_of(&long).unwrap().line.len(), LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(line in ".{0,200}") {
            let _pairs = logfmt(&line);
        }
    }
}
