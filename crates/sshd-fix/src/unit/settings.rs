//! `[Section]` and `Key=value` lines, with their places; environment files.

use super::command::Variable;

/// One setting of a unit file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// `Unit`, `Service`, …
    pub section: Vec<u8>,
    /// As written: systemd's keys are case-sensitive.
    pub key: Vec<u8>,
    /// The value, continued lines joined by a blank.
    pub value: Vec<u8>,
    /// The lines it takes up, counted from 1.
    pub lines: std::ops::RangeInclusive<usize>,
}

impl Setting {
    /// Whether this is that key of that section.
    pub fn is(&self, section: &str, key: &str) -> bool {
        self.section == section.as_bytes() && self.key == key.as_bytes()
    }
}

/// Reads a unit file. What systemd skips with a warning is left out.
pub fn settings(text: &[u8]) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut section = Vec::new();
    for (lines, line) in logical_lines(text) {
        let line = line.trim_ascii();
        if let Some(name) = line.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]")) {
            section = name.to_vec();
        } else if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            let (key, value) = line.split_at(at);
            found.push(Setting {
                section: section.clone(),
                key: key.trim_ascii().to_vec(),
                value: value.get(1..).unwrap_or_default().trim_ascii().to_vec(),
                lines,
            });
        }
    }
    found
}

/// Lines without comments, those that end in a backslash joined with the next. Comments between
/// continued lines are skipped, as systemd does.
fn logical_lines(text: &[u8]) -> Vec<(std::ops::RangeInclusive<usize>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    let mut number = 0;
    for line in text.split(|byte| *byte == b'\n') {
        number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let bare = line.trim_ascii_start();
        if matches!(bare.first(), Some(b'#' | b';')) || (open.is_none() && bare.is_empty()) {
            continue;
        }
        let (start, mut joined) = open.take().unwrap_or((number, Vec::new()));
        if let Some(continued) = line.strip_suffix(b"\\") {
            joined.extend_from_slice(continued);
            joined.push(b' ');
            open = Some((start, joined));
        } else {
            joined.extend_from_slice(line);
            found.push((start..=number, joined));
        }
    }
    found.extend(open.map(|(start, joined)| (start..=number, joined)));
    found
}

/// Reads an environment file: `NAME=value` lines, quotes and backslashes as in a shell.
pub fn environment(text: &[u8]) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    while let Some(first) = bytes.peek().copied() {
        if first.is_ascii_whitespace() {
            bytes.next();
            continue;
        }
        if matches!(first, b'#' | b';') {
            bytes.by_ref().find(|byte| *byte == b'\n');
            continue;
        }
        let mut name = Vec::new();
        let mut ended = false;
        for byte in bytes.by_ref() {
            if matches!(byte, b'=' | b'\n') {
                ended = byte == b'\n';
                break;
            }
            name.push(byte);
        }
        if !ended {
            let value = value(&mut bytes);
            found.push((name.trim_ascii().to_vec(), value));
        }
    }
    found
}

fn value(bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> Vec<u8> {
    let mut value = Vec::new();
    // How long the value is with what was quoted: blanks behind that are trimmed.
    let mut kept = 0;
    let mut quote = None;
    while bytes.next_if(|byte| matches!(byte, b' ' | b'\t')).is_some() {}
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\n', None) => break,
            (b'\\', None | Some(b'"')) => match bytes.next() {
                None | Some(b'\n') => {}
                Some(escaped) => {
                    value.push(escaped);
                    kept = value.len();
                }
            },
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => {
                quote = None;
                kept = value.len();
            }
            _ => {
                value.push(byte);
                if !byte.is_ascii_whitespace() {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_keep_section_value_and_lines() {
        let text = b"# c\n[Unit]\nAfter = a \\\n# between\n  b\n\n;x\n[Service]\nExecStart=\nExecStart=/x y\n";
        let told: Vec<String> = settings(text)
            .iter()
            .map(|it| {
                let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                format!(
                    "{}.{}={} {:?}",
                    part(&it.section),
                    part(&it.key),
                    part(&it.value),
                    it.lines
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "Unit.After=a    b 3..=5",
                "Service.ExecStart= 9..=9",
                "Service.ExecStart=/x y 10..=10"
            ]
        );
    }

    #[test]
    fn environment_files_are_read_as_systemd_reads_them() {
        let text = b"#c\nA=1 \n B = two words  \nC=\"q \\\" r \"'s'\nD=\nnonsense\nE=a\\\nb # kept\n;x=y\n";
        let told: Vec<String> = environment(text)
            .iter()
            .map(|(name, value)| {
                format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            })
            .collect();
        assert_eq!(told, ["A=1", "B=two words", "C=q \" r s", "D=", "E=ab # kept"]);
    }
}
