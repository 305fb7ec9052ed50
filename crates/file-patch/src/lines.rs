//! The lines of a diff, with their numbers.

use crate::fault::{Fault, PatchFault};

/// A position in a diff.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(diff: &'a [u8]) -> Self {
        Self { rest: diff, number: 1 }
    }

    /// Returns the next line without its newline; `None` at the end.
    pub(crate) fn peek(&self) -> Result<Option<&'a [u8]>, PatchFault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        end.map_or(Err(self.fault(Fault::Unterminated)), |end| Ok(Some(&self.rest[..end])))
    }

    /// Returns the next line if it starts with `prefix`, without the prefix, and stays before it.
    pub(crate) fn peek_after(&self, prefix: &[u8]) -> Result<Option<&'a [u8]>, PatchFault> {
        Ok(self.peek()?.and_then(|line| line.strip_prefix(prefix)))
    }

    /// Passes the line last peeked at.
    pub(crate) fn pass(&mut self, line: &[u8]) {
        self.rest = &self.rest[self.rest.len().min(line.len() + 1)..];
        self.number += 1;
    }

    /// Returns the next line without its newline and passes it.
    pub(crate) fn take(&mut self) -> Result<Option<&'a [u8]>, PatchFault> {
        let line = self.peek()?;
        if let Some(line) = line {
            self.pass(line);
        }
        Ok(line)
    }

    /// Returns `fault` at the next line.
    pub(crate) fn fault(&self, fault: Fault) -> PatchFault {
        PatchFault { line: self.number, fault }
    }
}
