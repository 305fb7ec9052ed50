//! What is so on this host, read once into one document.
//!
//! [`facts`] is the document; it can be stored, sent and judged anywhere. [`observe`] reads this
//! machine into it. Nothing here judges.

pub mod facts;
pub mod observe;
pub mod sizes;

pub use facts::{Facts, Part, SCHEMA, Seen};
pub use observe::{Endpoint, Wanted, collect};
