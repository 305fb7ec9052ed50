//! The report for people: Markdown that reads well as plain text too.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::documents::{Chain, Summary};

/// How many characters of a text a cell shows.
const WIDEST: usize = 100;

/// Which side of its column a cell sticks to.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

use Side::{Left, Right};

/// Writes the whole report.
pub(crate) fn render(summary: &Summary) -> String {
    let mut text = format!("# Bridge report {}\n\n", summary.generated_at);
    let mut add = |part: &str| text.push_str(part);
    add(&format!("Period: {} to {}  \n", summary.since, summary.until));
    add(&format!("Audit log: {}\n", chain(&summary.chain)));
    if summary.events == 0 {
        add("\nNothing happened in this period.\n");
    } else {
        add(&counts("Outcomes", "outcome", &summary.outcomes));
        add(&counts("Reasons", "reason", &summary.reasons));
        let slowest = summary.slowest.iter();
        let rows: Vec<_> =
            slowest.map(|it| vec![cell(&it.id), it.duration_ms.to_string()]).collect();
        add(&section("Slowest", &[("id", Left), ("duration_ms", Right)], &rows));
        add(&counts("Keys used", "key", &summary.keys));
    }
    if summary.retries.is_empty() {
        add("\nNo command waits to be tried again.\n");
    }
    let row = |it: &crate::documents::Waiting| {
        vec![cell(&it.id), it.attempts.to_string(), cell(&it.next_ts), cell(&it.last_error)]
    };
    let head = [("id", Left), ("attempts", Right), ("next try", Left), ("last error", Left)];
    let rows: Vec<_> = summary.retries.iter().map(row).collect();
    add(&section("Retries waiting", &head, &rows));
    if !summary.unread.is_empty() {
        add("\n## Could not be read, and is not counted\n\n");
        for what in &summary.unread {
            add(&format!("- {}\n", cell(what)));
        }
    }
    text
}

/// One sentence, also the end of a notification's title.
pub(crate) fn chain(chain: &Chain) -> String {
    match &chain.first_break {
        None if chain.ok && chain.lines == 0 => "no line was ever written".to_owned(),
        None if chain.ok => {
            let plural = |count: u64| if count == 1 { "" } else { "s" };
            let Chain { lines, files, .. } = chain;
            format!(
                "the chain holds ({lines} line{} in {files} file{})",
                plural(*lines),
                plural(*files)
            )
        }
        None => "**the chain is broken**".to_owned(),
        Some(at) => {
            format!(
                "**the chain is broken** at logs/{} line {}: {}",
                cell(&at.file),
                at.line,
                cell(&at.why)
            )
        }
    }
}

/// A table of counts, the largest first.
fn counts(title: &str, of: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut rows: Vec<(&String, &u64)> = counts.iter().collect();
    rows.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let rows: Vec<_> =
        rows.into_iter().map(|(name, count)| vec![cell(name), count.to_string()]).collect();
    section(title, &[(of, Left), ("count", Right)], &rows)
}

/// A heading and a table; nothing when there is no row.
fn section(title: &str, head: &[(&str, Side)], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let widest = |column: usize, name: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count());
        cells.chain([name.chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> =
        head.iter().enumerate().map(|(column, (name, _))| widest(column, name)).collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::from("|");
        for ((cell, width), (_, side)) in cells.iter().zip(&widths).zip(head) {
            let _infallible = match side {
                Left => write!(line, " {cell:width$} |"),
                Right => write!(line, " {cell:>width$} |"),
            };
        }
        line + "\n"
    };
    let mut text =
        format!("\n## {title}\n\n{}|", line(head.iter().map(|(name, _)| *name).collect()));
    for (width, (_, side)) in widths.iter().zip(head) {
        let dashes = "-".repeat(width + 1);
        let (left, right) = match side {
            Left => (":", ""),
            Right => ("", ":"),
        };
        let _infallible = write!(text, "{left}{dashes}{right}|");
    }
    text.push('\n');
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

/// A text that cannot leave its cell, nor be taken for markup; long ones are cut.
fn cell(text: &str) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == WIDEST {
            shown.push('…');
            break;
        }
        match c {
            '<' => shown.push_str("&lt;"),
            '|' | '`' | '*' | '[' | '\\' => shown.extend(['\\', c]),
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{Break, Slow, Waiting};

    fn empty() -> Summary {
        Summary {
            schema: "aiops.bridge.report/1".into(),
            generated_at: "2025-08-09T06:24:51Z".into(),
            since: "2025-08-08T06:24:51Z".into(),
            until: "2025-08-09T06:24:51Z".into(),
            events: 0,
            outcomes: BTreeMap::new(),
            reasons: BTreeMap::new(),
            slowest: vec![],
            retries: vec![],
            keys: BTreeMap::new(),
            chain: Chain { ok: true, lines: 1, files: 1, first_break: None },
            unread: vec![],
        }
    }

    #[test]
    fn an_empty_period_says_so() {
        let want = "\
# Bridge report 2025-08-09T06:24:51Z

Period: 2025-08-08T06:24:51Z to 2025-08-09T06:24:51Z\x20\x20
Audit log: the chain holds (1 line in 1 file)

Nothing happened in this period.

No command waits to be tried again.
";
        assert_eq!(render(&empty()), want);
    }

    #[test]
    fn tables_are_aligned_and_numbers_stand_to_the_right() {
        let count = |name: &str, count| (name.to_owned(), count);
        let first_break = Break { file: "bridge.log".into(), line: 3, why: "it was edited".into() };
        let summary = Summary {
            events: 112,
            outcomes: [count("dead_letter", 12), count("ok", 100)].into(),
            reasons: [count("bad_hmac", 12)].into(),
            slowest: vec![
                Slow { id: "write-1".into(), duration_ms: 1234 },
                Slow { id: "é".into(), duration_ms: 5 },
            ],
            keys: [count("current", 100)].into(),
            retries: vec![Waiting {
                id: "a".into(),
                attempts: 2,
                next_ts: "2025-08-09T06:25:00Z".into(),
                last_error: "disk | full\n<b>".into(),
            }],
            chain: Chain { ok: false, lines: 2, files: 1, first_break: Some(first_break) },
            unread: vec!["results/x.json: it is not there".into()],
            ..empty()
        };
        let want = "\
# Bridge report 2025-08-09T06:24:51Z

Period: 2025-08-08T06:24:51Z to 2025-08-09T06:24:51Z\x20\x20
Audit log: **the chain is broken** at logs/bridge.log line 3: it was edited

## Outcomes

| outcome     | count |
|:------------|------:|
| ok          |   100 |
| dead_letter |    12 |

## Reasons

| reason   | count |
|:---------|------:|
| bad_hmac |    12 |

## Slowest

| id      | duration_ms |
|:--------|------------:|
| write-1 |        1234 |
| é       |           5 |

## Keys used

| key     | count |
|:--------|------:|
| current |   100 |

## Retries waiting

| id  | attempts | next try             | last error          |
|:----|---------:|:---------------------|:--------------------|
| a   |        2 | 2025-08-09T06:25:00Z | disk \\| full &lt;b> |

## Could not be read, and is not counted

- results/x.json: it is not there
";
        assert_eq!(render(&summary), want);
    }
}
