//! Workflow commands of GitHub's runner: `::error file=…,line=…,title=…::message`. It shows ten of
//! a kind for each step, so the tenth says how many more there are.

use std::io::{self, Write};

use super::{Level, leveled, message, plain};
use crate::document::Verdict;

/// How many of a kind the runner shows.
const SHOWN: usize = 10;

pub(super) fn write(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    for (level, name) in
        [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "notice")]
    {
        let mut commands: Vec<String> = Vec::new();
        if level == Level::Error {
            // What is no finding has no place; what is one comes below, with its own.
            let reasons = verdict.because.iter().filter(|why| !why.starts_with("blocker: "));
            commands.extend(reasons.map(|why| command(name, &[("title", "BLOCKED")], why)));
        }
        for (it, of) in leveled(verdict) {
            if of != level {
                continue;
            }
            let line = it.line.filter(|_| it.anchored).map(|line| line.to_string());
            let mut properties = Vec::new();
            if let Some(file) = &it.file {
                properties.push(("file", file.as_str()));
                properties.extend(line.as_deref().map(|line| ("line", line)));
            }
            properties.push(("title", it.title.as_str()));
            commands.push(command(name, &properties, &message(it)));
        }
        if commands.len() > SHOWN {
            let more = commands.len() - (SHOWN - 1);
            commands.truncate(SHOWN - 1);
            let text = format!("and {more} more: review-gate show {}", verdict.range.to_sha);
            commands.push(command(name, &[], &text));
        }
        for line in commands {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn command(name: &str, properties: &[(&str, &str)], text: &str) -> String {
    let list: Vec<String> =
        properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    let blank = if list.is_empty() { "" } else { " " };
    format!("::{name}{blank}{}::{}", list.join(","), data(text))
}

fn data(text: &str) -> String {
    plain(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
