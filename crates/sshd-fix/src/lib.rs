//! Makes sshd listen on the tailnet address and nowhere else, and never locks anybody out.
//!
//! [`facts`] is what was seen, [`decide`] says no or plans, [`act`] carries a plan out and can
//! always go back:
//! docs/sshd-fix.md.

pub mod act;
pub mod config;
pub mod decide;
pub mod facts;
pub mod observe;
pub mod places;
pub mod unit;
