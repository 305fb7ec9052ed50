//! A range of a git repository as one bounded, deterministic text for a reviewer, and its manifest.
//!
//! `observe` opens the repository by itself and resolves the range, `walk` compares the two trees,
//! `section` renders what happened to one path, `bundle` puts the sections together, `packets` cuts
//! what is too large for one text, and `act` writes packets. Blobs are compared here and git is not
//! asked to print anything: no configuration, variable, attribute or replace ref reaches the text.

mod act;
mod bundle;
mod content;
mod cut;
mod escape;
mod exclude;
mod hunks;
mod manifest;
mod observe;
mod packets;
mod section;
mod walk;

pub use act::{Written, write_packets};
pub use bundle::{BEGINNING, Bundle, Count, Limits, MAX_BLOB_BYTES, OverCap, build};
pub use content::is_binary;
pub use cut::cut;
pub use escape::{content, name, unescape};
pub use exclude::Exclusions;
pub use gix::ObjectId;
pub use hunks::{Line, Sign};
pub use manifest::{
    Entry, Exclusion, Hunk, Kind, Manifest, PacketEntry, Part, Point, SCHEMA, Side, SizeCapMeta,
    Span, Status, Totals,
};
pub use observe::{Range, Repository};
pub use packets::Packet;
pub use section::{Section, section};
pub use walk::{Change, Object, changes};
