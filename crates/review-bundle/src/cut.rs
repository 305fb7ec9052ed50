//! Cuts a section that is too large for one text: at its hunks, else at their lines, else within a
//! line. Nothing is dropped.

use std::mem;

use crate::manifest::{Hunk, Span};
use crate::section::{NO_END, write_head};

/// What a part that is not the last ends with.
pub(crate) const GOES_ON: &str = "\\ goes on in the next packet\n";

/// What a hunk's head and the notes around it may need, bytes.
const NOTES: usize = 160;

/// Returns a section's parts, each of at most `room` bytes as long as its head leaves space for
/// anything. The first has the section's head, the others its first line and which part they are. A
/// hunk that is cut goes on with a head that counts on. A line that is cut goes on as `\+rest`,
/// before any hunk.
pub(crate) fn cut(section: &str, room: usize) -> Vec<String> {
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
        let sign = &rest[..1];
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
            self.part.push('\\');
            self.part.push_str(sign);
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
