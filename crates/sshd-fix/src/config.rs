//! `sshd_config` as sshd itself reads it: the lines of one file, and what all files together say.

mod glob;
mod lexer;
mod read;

pub use glob::{Glob, UnusualGlob};
pub use lexer::{Line, Meaning, lines};
pub use read::{Directive, Reading, Scope, read};
