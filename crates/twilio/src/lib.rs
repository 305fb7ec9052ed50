//! Twilio's wire formats. No network, no effects: what to send, what answers mean, whether a
//! webhook is genuine, how many segments a text costs.

pub mod message;
pub mod segments;
pub mod signature;
pub mod verdict;
