//! One file per call of the command line.

pub(crate) mod held;
pub(crate) mod init;
pub(crate) mod once;
pub(crate) mod status;
pub(crate) mod validate;
pub(crate) mod verify;
pub(crate) mod watch;
