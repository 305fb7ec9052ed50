//! The vocabularies, as tables that are read where they lie in the binary: nothing is loaded,
//! and of a table only the pages that are asked for come into memory.
//!
//! `slots` is a hash table of little-endian words (open addressing, linear, a power of two long):
//! rank (18 bits), start in `bytes` (22), length (8), top of the hash (16). 0 is an empty slot.

use crate::hash;

/// One vocabulary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vocabulary {
    slots: &'static [u8],
    bytes: &'static [u8],
    /// The longest token's bytes: nothing longer is looked up.
    longest: usize,
}

pub(crate) const O200K: Vocabulary = Vocabulary {
    slots: include_bytes!(concat!(env!("OUT_DIR"), "/o200k.slots")),
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/o200k.bytes")),
    longest: 128,
};

pub(crate) const CL100K: Vocabulary = Vocabulary {
    slots: include_bytes!(concat!(env!("OUT_DIR"), "/cl100k.slots")),
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/cl100k.bytes")),
    longest: 128,
};

/// The rank of what is no token: after every other.
pub(crate) const NONE: u32 = u32::MAX;

impl Vocabulary {
    /// The rank of a token, or [`NONE`].
    pub(crate) fn rank(&self, token: &[u8]) -> u32 {
        if token.len() > self.longest {
            return NONE;
        }
        let hash = hash::of(token);
        let (slots, _) = self.slots.as_chunks::<8>();
        let mask = slots.len() as u64 - 1;
        let mut at = hash & mask;
        while let Some(slot) = usize::try_from(at).ok().and_then(|at| slots.get(at)) {
            let slot = u64::from_le_bytes(*slot);
            if slot == 0 {
                return NONE;
            }
            if slot & 0xffff == hash >> 48 && self.text(slot) == Some(token) {
                return u32::try_from(slot >> 46).unwrap_or(NONE);
            }
            at = (at + 1) & mask;
        }
        NONE
    }

    fn text(&self, slot: u64) -> Option<&'static [u8]> {
        let start = usize::try_from(slot >> 24 & 0x3f_ffff).ok()?;
        let length = usize::try_from(slot >> 16 & 0xff).ok()?;
        self.bytes.get(start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_its_rank_and_nothing_else_has_one() {
        for (ours, theirs, count) in [
            (O200K, tiktoken_rs::o200k_base_singleton(), 199_998),
            (CL100K, tiktoken_rs::cl100k_base_singleton(), 100_256),
        ] {
            for rank in 0..count {
                let token = theirs.decode_bytes(&[rank]).unwrap();
                assert_eq!(ours.rank(&token), rank);
                assert!(token.len() <= ours.longest);
            }
            for text in [&b""[..], b"no such token", b"\xff\xff\xff", &[b' '; 129]] {
                assert_eq!(ours.rank(text), NONE);
            }
            // Every run must end: a full table would make a look-up endless.
            let (slots, _) = ours.slots.as_chunks::<8>();
            let used = slots.iter().filter(|slot| **slot != [0; 8]).count();
            assert_eq!(used, usize::try_from(count).unwrap());
            assert!(slots.len().is_power_of_two() && used < slots.len());
        }
    }
}
