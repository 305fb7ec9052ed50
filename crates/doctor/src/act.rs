//! What doctor leaves behind: the report, the sizes of log folders, alerts. Chooses nothing.

mod alert;
mod save;

pub(crate) use alert::tell;
pub use save::save;
