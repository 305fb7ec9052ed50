//! Reads everything the fix may touch or judges by. No judgement here.

pub mod ssh;
