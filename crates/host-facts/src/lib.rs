//! What is so on this host, read once into one document.
//!
//! [`facts`] is the document; it can be stored, sent and judged anywhere. Nothing here judges.

pub mod facts;
pub mod sockets;

pub use facts::{Facts, Part, SCHEMA, Seen};
