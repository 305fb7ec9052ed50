//! The real binary against local providers that judge, answer and fail as the real ones do.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves, and a scene that fails is a failed test"
)]

mod budget;
mod calls;
mod doctor;
mod library;
mod machine;
mod matrix;
