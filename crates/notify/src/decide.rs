//! Judges messages, channels and answers. Nothing here reads or writes anything.

pub mod admit;
pub mod age;
pub mod conclude;
pub mod judge;
pub mod lanes;
pub mod route;
pub mod sms;
pub mod text;
