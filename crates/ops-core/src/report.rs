//! The answer a command gives, as data. Renderers and exit codes derive from it.

use std::io::{self, Write};

use serde_json::Value;

use crate::failure::Exit;
use crate::host::Replacement;

/// What one run has to say: one value, two renderings, one exit code.
///
/// The exit code belongs to the value; a renderer never chooses it.
pub trait Report {
    /// The code this answer ends with.
    fn exit(&self) -> Exit;

    /// Writes the answer for a person.
    fn write_human(&self, out: &mut dyn Write) -> io::Result<()>;

    /// The answer for a program: one document that names its `schema`.
    fn json(&self) -> Value;

    /// Whether the bytes reach standard output past the redactor. Only for signed documents and
    /// what they sign: one masked byte would spoil them. Whoever says so keeps secrets out itself.
    fn is_exact(&self) -> bool {
        false
    }

    /// The program that this process becomes instead of printing anything. The run record is closed
    /// before that: what the program does is its own.
    fn becomes(&self) -> Option<&Replacement> {
        None
    }
}
