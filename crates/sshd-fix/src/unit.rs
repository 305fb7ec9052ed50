//! Unit files and environment files of systemd, as far as sshd's command line depends on them.

mod command;
mod settings;

pub use command::{Unread, Variable, assignments, command_line};
pub use settings::{Setting, environment, settings};
