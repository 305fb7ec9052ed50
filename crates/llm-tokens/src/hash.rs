//! The hash that the tables are built with and read with. Not for untrusted keys of a table that
//! grows: these tables are fixed, so the worst a text can do is to meet their longest run.

/// Mixes all bytes into 64 bits, of which the lowest choose a slot and the highest tell tokens
/// apart within a run.
pub(crate) fn of(bytes: &[u8]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (bytes.len() as u64).wrapping_mul(MIX);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        state = (state ^ word).wrapping_mul(MIX);
        state ^= state >> 29;
    }
    let rest = chunks.remainder().iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    state = (state ^ rest).wrapping_mul(MIX);
    state ^= state >> 32;
    state = state.wrapping_mul(MIX);
    state ^ (state >> 29)
}
