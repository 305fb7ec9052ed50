//! Who listens where, and whether they may.
//!
//! [`observe`] reads every TCP listener and unconnected UDP socket of this host's network namespace
//! with the processes that hold them; [`facts`] is what it finds, as a document; [`decide`] judges
//! that document by a [`policy`] and touches nothing. [`text`] reads captured `ss` output into the
//! same facts.

pub mod decide;
pub mod facts;
mod netlink;
pub mod observe;
mod owners;
pub mod policy;
mod proc;
pub mod text;

pub use decide::{Audit, Class, Context, Flag, Judged, Verdict, audit, classify};
pub use facts::{Owner, Owners, PortRange, Protocol, Socket, Sockets, Source};
pub use observe::{Ask, observe};
pub use owners::{Found, owners};
pub use policy::{Exception, Policy, Range, Strictness, Tailscaled};
pub use text::parse_ss;
