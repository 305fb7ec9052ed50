//! Commit names and job ids.

use std::fmt;

use ops_core::time;

/// A commit's full name: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits, in lower case.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sha(String);

impl Sha {
    /// Reads a full name; abbreviations, branches and expressions are refused.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn read(text: &str) -> Result<Self, String> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if matches!(text.len(), 40 | 64) && is_hex {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("expected a full commit name of 40 or 64 hexadecimal digits".to_owned())
        }
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job's id: `<ts>-<6 hex>`. Safe as a file name and in a reference.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct JobId(String);

impl JobId {
    /// Makes one.
    pub fn new(now: time::Timestamp, random: [u8; 3]) -> Self {
        Self(time::run_id(now, random))
    }

    /// Reads one; `None` when it has another shape.
    pub fn read(text: &str) -> Option<Self> {
        let shape: String = text
            .chars()
            .map(|c| match c {
                '0'..='9' => '0',
                'a'..='f' => 'a',
                other => other,
            })
            .collect();
        let (stamp, random) = shape.split_once('-')?;
        let is_id = stamp == "00000000T000000Z"
            && random.len() == 6
            && random.bytes().all(|byte| matches!(byte, b'0' | b'a'));
        is_id.then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_commit_names_are_read() {
        let (short, long) = ("aB".repeat(20), "0f".repeat(32));
        assert_eq!(Sha::read(&short).unwrap().as_str(), "ab".repeat(20));
        assert_eq!(Sha::read(&long).unwrap().as_str(), long);
        for wrong in
            ["", "HEAD", "main", "-", "abcdef1", &short[1..], &format!("{short}^"), &"g".repeat(40)]
        {
            assert!(Sha::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn job_ids_have_the_shape_of_run_ids() {
        let made = JobId::new(time::parse("2025-08-09T06:24:51Z").unwrap(), [1, 0xab, 0xff]);
        assert_eq!(JobId::read(made.as_str()), Some(made));
        for wrong in [
            "",
            "..",
            "20250809T062451Z-01ABff",
            "20250809T062451Z-01abf",
            "20250809T062451Z-01abff/",
            "2025080aT062451Z-01abff",
            "20250809T062451Z",
        ] {
            assert_eq!(JobId::read(wrong), None, "{wrong}");
        }
    }
}
