//! Changes to text files that leave every other byte as it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One change to a file. Lines are counted from 1 in the file as it was.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Edit {
    /// A line in front of all others.
    Prepend {
        /// Without its line ending.
        line: String,
    },
    /// Lines turned into comments that begin with the plan's marker.
    CommentOut {
        /// The first of them.
        first: usize,
        /// The last of them.
        last: usize,
        /// A line put behind them.
        instead: Option<String>,
    },
}

/// Returns the text with the edits made. The marker is put before what is commented out, and is
/// one line of plain text.
pub fn edited(text: &[u8], edits: &[Edit], marker: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 256);
    for edit in edits {
        if let Edit::Prepend { line } = edit {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let hit = edits.iter().find_map(|edit| match edit {
            Edit::CommentOut { first, last, instead } if (*first..=*last).contains(&number) => {
                Some(instead.as_ref().filter(|_| *last == number))
            }
            _ => None,
        });
        if hit.is_some() {
            out.extend_from_slice(format!("# {marker}: ").as_bytes());
        }
        out.extend_from_slice(line);
        if let Some(Some(instead)) = hit {
            if !line.ends_with(b"\n") {
                out.push(b'\n');
            }
            out.extend_from_slice(instead.as_bytes());
            out.push(b'\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_changes_and_line_endings_stay() {
        let out = |first, last, instead: Option<&str>| Edit::CommentOut {
            first,
            last,
            instead: instead.map(str::to_owned),
        };
        let text = b"a\r\nb\xff\nc";
        let edits = [Edit::Prepend { line: "i".into() }, out(1, 1, None)];
        assert_eq!(edited(text, &edits, "m"), b"i\n# m: a\r\nb\xff\nc");
        assert_eq!(edited(text, &[out(2, 3, Some("d"))], "m"), b"a\r\n# m: b\xff\n# m: c\nd\n");
        assert_eq!(edited(text, &[], "m"), text);
    }
}
