//! Reviewers beside the router's models.

pub mod codex;
