//! Cuts a section that is too large for one text: at its hunks, else at their lines, else within a
//! line. Nothing is dropped.

use std::mem;

use crate::manifest::{Hunk, Span};
use crate::section::{NO_END, write_head};

/// What a part that is not the last ends with.
pub(crate) const GOES_ON: &str = "\\ goes on in the next packet\n";

/// What the rest of a line that was cut starts with.
const REST: &str = "\\>";

/// What a hunk's head and the notes around it may need, bytes.
const NOTES: usize = 160;

/// Returns a section's parts, each of at most `room` bytes as long as its head leaves space for
/// anything. The first has the section's head, the others its first line and which part they are. A
/// hunk that is cut goes on with a head that counts on. A line that is cut goes on as `\>rest`,
/// before any hunk.
pub fn cut(section: &str, room: usize) -> Vec<String> {
    let at = section.find("\n@@ ").map_or(section.len(), |at| at + 1);
    let (head, body) = section.split_at(at);
    let title = head.split_inclusive('\n').next().unwrap_or(head);
    let mut cutter = Cutter {
        title,
        room,
        parts: Vec::new(),
        part: head.to_owned(),
        empty: head.len(),
        open: None,
    };
    for hunk in hunks(body) {
        cutter.hunk(&hunk);
    }
    cutter.close_hunk();
    cutter.parts.push(cutter.part);
    cutter.parts
}

/// A hunk as the section has it.
struct Written<'a> {
    place: Hunk,
    /// Each with its line end, and with the note behind it.
    lines: Vec<&'a str>,
    bytes: usize,
}

struct Cutter<'a> {
    title: &'a str,
    room: usize,
    parts: Vec<String>,
    part: String,
    /// The length of the part while it holds nothing yet.
    empty: usize,
    /// The hunk that is being written: its place so far, and its lines.
    open: Option<(Hunk, String)>,
}

impl Cutter<'_> {
    fn hunk(&mut self, hunk: &Written<'_>) {
        if self.left() < hunk.bytes && self.holds_something() {
            self.next_part();
        }
        let (mut old, mut new) = (first(hunk.place.old), first(hunk.place.new));
        for line in &hunk.lines {
            if self.left() < line.len() && self.holds_something() {
                self.next_part();
            }
            let is_old = !line.starts_with('+');
            let is_new = !line.starts_with('-');
            let (place, text) = self.open.get_or_insert_with(|| {
                let none = |start| Span { start, count: 0 };
                (Hunk { old: none(old), new: none(new) }, String::new())
            });
            place.old.count += u64::from(is_old);
            place.new.count += u64::from(is_new);
            old += u64::from(is_old);
            new += u64::from(is_new);
            if self.part.len() + text.len() + line.len() + NOTES <= self.room {
                text.push_str(line);
            } else {
                self.long_line(line);
            }
        }
        self.close_hunk();
    }

    /// Writes a line that is larger than a part.
    fn long_line(&mut self, line: &str) {
        let (line, note) = line.strip_suffix(NO_END).map_or((line, ""), |line| (line, NO_END));
        let mut rest = line.strip_suffix('\n').unwrap_or(line);
        loop {
            let piece = piece(rest, self.left());
            let (now, later) = rest.split_at(piece);
            let text = self.open.as_mut().map_or(&mut self.part, |(_, text)| text);
            text.push_str(now);
            text.push('\n');
            if later.is_empty() {
                text.push_str(note);
                return;
            }
            rest = later;
            self.next_part();
            self.part.push_str(REST);
        }
    }

    fn holds_something(&self) -> bool {
        self.part.len() > self.empty || self.open.is_some()
    }

    /// Returns how many bytes the part still takes.
    fn left(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |(_, text)| text.len());
        self.room.saturating_sub(self.part.len() + open + NOTES)
    }

    fn close_hunk(&mut self) {
        if let Some((mut place, text)) = self.open.take() {
            for span in [&mut place.old, &mut place.new] {
                // As hunk heads have it: no lines are behind the line before.
                span.start -= u64::from(span.count == 0);
            }
            write_head(&mut self.part, &place);
            self.part.push_str(&text);
        }
    }

    fn next_part(&mut self) {
        self.close_hunk();
        self.part.push_str(GOES_ON);
        let number = self.parts.len() + 2;
        let next = format!("{}part {number}\n", self.title);
        self.empty = next.len();
        self.parts.push(mem::replace(&mut self.part, next));
    }
}

/// Returns the number of the first line that a span holds or would hold.
fn first(span: Span) -> u64 {
    span.start + u64::from(span.count == 0)
}

/// Returns how much of a line goes into so many bytes: at least one character, and no escape is cut.
fn piece(line: &str, room: usize) -> usize {
    /// The longest escape, `\u{10ffff}`.
    const ESCAPE: usize = 10;
    if line.len() <= room {
        return line.len();
    }
    let mut end = line.floor_char_boundary(room);
    let tail = line.floor_char_boundary(end.saturating_sub(ESCAPE));
    if let Some(at) = line[tail..end].rfind('\\') {
        let is_whole = line[tail + at..end].contains('}');
        end = if is_whole { end } else { tail + at };
    }
    if end > 0 { end } else { line.ceil_char_boundary(room.max(ESCAPE).min(line.len())) }
}

/// Reads the hunks of a section's body.
fn hunks(body: &str) -> Vec<Written<'_>> {
    let mut hunks: Vec<Written<'_>> = Vec::new();
    let mut rest = body;
    while let Some(end) = rest.find('\n') {
        let (line, behind) = rest.split_at(end + 1);
        if let Some(place) = place(line) {
            hunks.push(Written { place, lines: Vec::new(), bytes: 0 });
            rest = behind;
            continue;
        }
        let length = line.len() + if behind.starts_with(NO_END) { NO_END.len() } else { 0 };
        let (line, behind) = rest.split_at(length);
        if let Some(hunk) = hunks.last_mut() {
            hunk.lines.push(line);
            hunk.bytes += line.len();
        }
        rest = behind;
    }
    hunks
}

/// Reads a hunk's head, `@@ -1,2 +3,4 @@`.
fn place(line: &str) -> Option<Hunk> {
    let numbers = line.strip_prefix("@@ -")?.strip_suffix(" @@\n")?;
    let (old, new) = numbers.split_once(" +")?;
    let span = |text: &str| {
        let (start, count) = text.split_once(',')?;
        Some(Span { start: start.parse().ok()?, count: count.parse().ok()? })
    };
    Some(Hunk { old: span(old)?, new: span(new)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "=== modified a file\nmode 100644\nlines +1 -1\n";

    /// Reads parts as a reader would: every line with its numbers, old and new.
    fn read(parts: &[String]) -> Vec<(u64, u64, String)> {
        let mut lines: Vec<(u64, u64, String)> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let goes_on = part.strip_suffix(GOES_ON);
            assert_eq!(goes_on.is_none(), at + 1 == parts.len(), "{part}");
            let part = goes_on.unwrap_or(part);
            let head = if at == 0 { HEAD.to_owned() } else { later_head(at + 1) };
            let mut left = (0, 0);
            let mut next = (0, 0);
            for line in part.strip_prefix(&head).expect("its head").split_inclusive('\n') {
                if let Some(place) = place(line) {
                    assert_eq!(left, (0, 0), "the hunk before is whole: {part}");
                    left = (place.old.count, place.new.count);
                    next = (first(place.old), first(place.new));
                } else if let Some(rest) = line.strip_prefix('\\') {
                    let (_, _, last) = lines.last_mut().expect("a line before the note");
                    if let Some(rest) = rest.strip_prefix('>') {
                        assert_eq!(last.pop(), Some('\n'));
                        last.push_str(rest);
                    } else {
                        last.push_str(line);
                    }
                } else {
                    lines.push((next.0, next.1, line.to_owned()));
                    let (is_old, is_new) = (!line.starts_with('+'), !line.starts_with('-'));
                    next = (next.0 + u64::from(is_old), next.1 + u64::from(is_new));
                    left = (left.0 - u64::from(is_old), left.1 - u64::from(is_new));
                }
            }
            assert_eq!(left, (0, 0), "the last hunk is whole: {part}");
        }
        lines
    }

    fn later_head(part: usize) -> String {
        format!("=== modified a file\npart {part}\n")
    }

    /// Hunks of lines, as a section has them.
    fn body() -> impl Strategy<Value = String> {
        let line = ("[-+ ]", "[a-z]{0,9}|[é]{0,300}|(\\\\u\\{202e\\}){0,80}", any::<u8>());
        let hunk = prop::collection::vec(line, 1..20);
        prop::collection::vec(hunk, 0..6).prop_map(|hunks| {
            let mut out = String::new();
            let mut next = (1, 1);
            for lines in hunks {
                let count = |sign| lines.iter().filter(|(is, ..)| is != sign).count() as u64;
                let span =
                    |start: u64, count: u64| Span { start: start - u64::from(count == 0), count };
                let (old, new) = (count("+"), count("-"));
                write_head(&mut out, &Hunk { old: span(next.0, old), new: span(next.1, new) });
                next = (next.0 + old + 10, next.1 + new + 10);
                for (sign, text, note) in lines {
                    out.extend([&sign, &*text, "\n"]);
                    out.push_str(if note < 20 { NO_END } else { "" });
                }
            }
            out
        })
    }

    proptest! {
        #[test]
        fn nothing_is_dropped_and_every_part_has_its_place(body in body(), room in 300_usize..2000) {
            let section = format!("{HEAD}{body}");
            let parts = cut(&section, room);
            for part in &parts {
                prop_assert!(part.len() <= room.max(section.len().min(room)), "{}", part.len());
            }
            prop_assert_eq!(read(&parts), read(&[section]));
        }
    }

    #[test]
    fn a_section_is_cut_between_hunks_where_it_can() {
        let hunk = |at: u64| {
            let mut out = String::new();
            let span = Span { start: at, count: 1 };
            write_head(&mut out, &Hunk { old: span, new: span });
            out + &format!("-{}\n+{}\n", "o".repeat(90), "n".repeat(90))
        };
        let section = format!("{HEAD}{}{}{}", hunk(1), hunk(10), hunk(20));
        let parts = cut(&section, 500);
        let expected = [
            format!("{HEAD}{}{GOES_ON}", hunk(1)),
            format!("{}{}{GOES_ON}", later_head(2), hunk(10)),
            format!("{}{}", later_head(3), hunk(20)),
        ];
        assert_eq!(parts, expected);
        assert_eq!(cut(&section, 5000), [section]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_no_escape_with_it() {
        let section = format!("{HEAD}@@ -0,0 +1,1 @@\n+{}\n{NO_END}", "\\u{202e}".repeat(200));
        let parts = cut(&section, 400);
        assert!(parts.len() > 3, "{parts:?}");
        for part in &parts {
            let shown = part.lines().filter(|line| line.contains('{'));
            for line in shown {
                let line = line.trim_start_matches(['\\', '>', '+']);
                assert!(line.ends_with('}'), "{part}");
            }
        }
        assert_eq!(read(&parts), read(&[section]));
    }
}
