//! Pushes that really happen: git, a hook, a transport, a bare repository.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves, and a scene that fails is a failed test"
)]

mod form;
mod forms;
mod holes;
mod remotes;
mod scene;
