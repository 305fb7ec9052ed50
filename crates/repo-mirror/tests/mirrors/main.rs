//! Mirrors of repositories, over their whole life.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up repositories")]

mod jobs;
mod packing;
mod scene;
