//! Makes the tables that `src/vocabulary.rs` and `src/classes.rs` read in place, so that a
//! process that counts tokens loads nothing: vocabularies out of `tiktoken-rs`, Unicode classes
//! out of `regex-syntax`, which is also what gives `tiktoken-rs` its classes.
#![expect(clippy::disallowed_methods, reason = "a build script writes what it makes")]

#[path = "src/hash.rs"]
mod hash;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_syntax::hir::{Class, HirKind};
use tiktoken_rs::CoreBPE;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/hash.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    // Ordinary tokens have the ids from 0 on; special ones lie beyond a gap.
    vocabulary(&out, "o200k", &tiktoken_rs::o200k_base()?, 199_998)?;
    vocabulary(&out, "cl100k", &tiktoken_rs::cl100k_base()?, 100_256)?;
    classes(&out)
}

/// Writes `NAME.slots` and `NAME.bytes`; `src/vocabulary.rs` tells their form.
fn vocabulary(out: &Path, name: &str, vocabulary: &CoreBPE, tokens: u32) -> Result<(), Failed> {
    // Three quarters full: half the pages of the next size, for a few more steps in a row.
    let size = u64::from(tokens).next_power_of_two();
    let mut slots = vec![0_u64; usize::try_from(size)?];
    let mut bytes = Vec::new();
    for rank in 0..tokens {
        let token = vocabulary.decode_bytes(&[rank])?;
        let (hash, start) = (hash::of(&token), bytes.len() as u64);
        let (length, rank) = (token.len() as u64, u64::from(rank));
        if length == 0 || length > 255 || start >= 1 << 22 || rank >= 1 << 18 {
            return Err(format!("token {rank} of {name} does not fit into a slot").into());
        }
        let mut at = usize::try_from(hash & (size - 1))?;
        while slots[at] != 0 {
            at = (at + 1) % slots.len();
        }
        slots[at] = rank << 46 | start << 24 | length << 16 | hash >> 48;
        bytes.extend_from_slice(&token);
    }
    let slots: Vec<u8> = slots.iter().flat_map(|slot| slot.to_le_bytes()).collect();
    std::fs::write(out.join(format!("{name}.slots")), slots)?;
    std::fs::write(out.join(format!("{name}.bytes")), bytes)?;
    Ok(())
}

/// Writes `classes.index`, the block of each 256 characters, and `classes.blocks`.
fn classes(out: &Path) -> Result<(), Failed> {
    let mut of = vec![0_u8; 0x11_0000];
    for (bit, pattern) in [
        (1, r"\p{L}"),
        (2, r"\p{N}"),
        (4, r"\s"),
        (8, r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"),
        (16, r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"),
    ] {
        let parsed = regex_syntax::parse(pattern)?;
        let HirKind::Class(Class::Unicode(class)) = parsed.kind() else {
            return Err(format!("{pattern} is no class").into());
        };
        for range in class.ranges() {
            for at in u32::from(range.start())..=u32::from(range.end()) {
                of[usize::try_from(at)?] |= bit;
            }
        }
    }
    let mut numbers: BTreeMap<&[u8], u8> = BTreeMap::new();
    let (mut index, mut blocks) = (Vec::new(), Vec::new());
    for block in of.chunks(256) {
        let number = if let Some(number) = numbers.get(block) {
            *number
        } else {
            blocks.extend_from_slice(block);
            u8::try_from(numbers.len())?
        };
        numbers.insert(block, number);
        index.push(number);
    }
    std::fs::write(out.join("classes.index"), index)?;
    std::fs::write(out.join("classes.blocks"), blocks)?;
    Ok(())
}
