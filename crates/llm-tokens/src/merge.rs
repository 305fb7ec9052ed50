//! Byte-pair encoding: adjacent parts of a piece are merged, the pair of lowest rank first and of
//! equals the leftmost, until no pair is a token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::vocabulary::{NONE, Vocabulary};

/// Up to this many bytes, looking at every pair each time is faster than keeping them in order.
const SHORT: usize = 48;

/// The bits of an entry of the heap that hold where a pair starts: a terabyte of text.
const STARTS: u64 = (1 << 40) - 1;

fn entry((start, rank): (usize, &u32)) -> Reverse<u64> {
    Reverse(u64::from(*rank) << STARTS.count_ones() | start as u64)
}

/// Counts the tokens of one piece.
pub(crate) fn tokens(vocabulary: &Vocabulary, piece: &[u8], scratch: &mut Scratch) -> usize {
    match piece.len() {
        0 => 0,
        1 => 1,
        _ if vocabulary.rank(piece) != NONE => 1,
        2..=SHORT => scratch.short(vocabulary, piece),
        _ => scratch.long(vocabulary, piece),
    }
}

/// Memory that is used again for the next piece.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Where each part begins, and the rank of it with its successor; then the end.
    parts: Vec<(usize, u32)>,
    /// By the byte a part begins at: its predecessor, its end, its rank with its successor.
    before: Vec<usize>,
    end: Vec<usize>,
    rank: Vec<u32>,
    /// Rank and start of each pair that is a token, in one word.
    heap: BinaryHeap<Reverse<u64>>,
}

impl Scratch {
    pub(crate) fn short(&mut self, vocabulary: &Vocabulary, piece: &[u8]) -> usize {
        let rank = |start: usize, end: usize| {
            piece.get(start..end).map_or(NONE, |token| vocabulary.rank(token))
        };
        let parts = &mut self.parts;
        parts.clear();
        // Beyond the end there is no slice, so the last parts have no rank.
        parts.extend((0..=piece.len()).map(|at| (at, rank(at, at + 2))));
        loop {
            let ranks = parts.iter().map(|(_, rank)| *rank).enumerate();
            let lowest = ranks.min_by_key(|(_, rank)| *rank);
            let Some((at, _)) = lowest.filter(|(_, rank)| *rank != NONE) else { break };
            parts.remove(at + 1);
            let start_of = |at: usize| parts.get(at).map(|(start, _)| *start);
            let of = |at: usize| match (start_of(at), start_of(at + 2)) {
                (Some(start), Some(end)) => rank(start, end),
                _ => NONE,
            };
            let (here, before) = (of(at), at.checked_sub(1).map(|it| (it, of(it))));
            for (at, rank) in before.into_iter().chain([(at, here)]) {
                if let Some(part) = parts.get_mut(at) {
                    part.1 = rank;
                }
            }
        }
        parts.len() - 1
    }

    /// The same with the pairs in a heap: each merge makes at most two new ones, so the time is
    /// linear but for the heap's logarithm, also for a megabyte of one letter.
    pub(crate) fn long(&mut self, vocabulary: &Vocabulary, piece: &[u8]) -> usize {
        let length = piece.len();
        let pair = |start: usize, end: usize| {
            piece.get(start..end).map_or(NONE, |token| vocabulary.rank(token))
        };
        let Self { before, end, rank, heap, .. } = self;
        before.clear();
        before.extend((0..length).map(|at| at.wrapping_sub(1)));
        end.clear();
        end.extend(1..=length);
        rank.clear();
        rank.extend((0..length).map(|at| pair(at, at + 2)));
        heap.clear();
        heap.extend(rank.iter().enumerate().filter(|(_, rank)| **rank != NONE).map(entry));
        let mut parts = length;
        while let Some(Reverse(lowest)) = heap.pop() {
            let Some(at) = usize::try_from(lowest & STARTS).ok().filter(|at| *at < length) else {
                break;
            };
            // What was merged since has another rank, or none: a rank names one text.
            if u64::from(rank[at]) != lowest >> STARTS.count_ones() {
                continue;
            }
            let (next, past) = (end[at], end[end[at]]);
            end[at] = past;
            rank[next] = NONE;
            if past < length {
                before[past] = at;
            }
            parts -= 1;
            let previous = Some(before[at]).filter(|it| *it < length);
            for start in [Some(at), previous].into_iter().flatten() {
                let middle = end[start];
                let new = if middle < length { pair(start, end[middle]) } else { NONE };
                rank[start] = new;
                if new != NONE {
                    heap.push(entry((start, &new)));
                }
            }
        }
        parts
    }
}
