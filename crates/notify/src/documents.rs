//! What `notify` prints: one value, two renderings, one exit code.

mod poll;
mod sent;
mod standing;

pub use poll::{PolledSms, SmsPoll};
pub use sent::{DeliveryShown, DryRun, DryRunChannel, Flushed, Sent, Skipped};
pub use standing::{
    ChannelShown, CheckShown, QueueShown, QuotaShown, ReceiptShown, SpoolShown, Standing,
};
