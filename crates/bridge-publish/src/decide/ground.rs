//! What our commits are put on, and since when the remote must have left evidence alone.

use gix::ObjectId;

/// What is known before anything is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The remote's branch.
    pub(crate) remote: Remote,
    /// Our newest commit and its first parents, down to the last that is known to be on the remote.
    pub(crate) chain: Vec<ObjectId>,
    /// The place in the chain of the newest commit that the remote's tip contains.
    pub(crate) shared: Option<usize>,
    /// The last commit of the remote that we pushed or accepted.
    pub(crate) synced: Option<ObjectId>,
    /// The remote's branch as somebody else last fetched it.
    pub(crate) tracking: Option<ObjectId>,
}

/// The remote's branch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Remote {
    /// It could not be asked.
    #[default]
    Unreachable,
    /// It has no such branch.
    NoBranch,
    /// It is there.
    Tip(ObjectId),
}

/// What to build on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ground {
    /// The commit new ones are put on; `None` for an empty history.
    pub(crate) on: Option<ObjectId>,
    /// What the remote's tip is compared with.
    pub(crate) compare: Compare,
}

/// What the remote's tip (or what is remembered of it) is compared with, to see that nobody else
/// wrote evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Compare {
    /// Nothing: the remote has only what we put or saw there.
    Nothing,
    /// A commit whose evidence is ours.
    Since(ObjectId),
    /// The files on disk: this repository and the remote meet for the first time.
    Disk,
}

/// Decides; `None` when the branch that was there is gone, which is for a person to judge.
pub(crate) fn ground(known: &Known) -> Option<Ground> {
    let ours = known.chain.first().copied();
    let on = |on, compare| Some(Ground { on, compare });
    match known.remote {
        Remote::Unreachable => match (ours, known.tracking) {
            (None, Some(tracking)) => on(Some(tracking), Compare::Disk),
            _ => on(ours, Compare::Nothing),
        },
        Remote::NoBranch if known.synced.is_some() => None,
        Remote::NoBranch => on(ours, Compare::Nothing),
        Remote::Tip(tip) => match known.shared.and_then(|place| known.chain.get(place).copied()) {
            Some(shared) if shared == tip => on(ours, Compare::Nothing),
            Some(shared) => on(Some(tip), Compare::Since(shared)),
            None => on(Some(tip), known.synced.map_or(Compare::Disk, Compare::Since)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes_or_panic(&[byte; 20])
    }

    #[test]
    fn commits_go_on_the_remotes_tip_or_on_our_own_waiting_ones() {
        let [seen, first, second, tip, other] = [1, 2, 3, 9, 8].map(id);
        let chain = vec![second, first, seen];
        let new = |on, compare| Some(Ground { on: Some(on), compare });
        for (what, remote, chain, shared, synced, want) in [
            (
                "as left",
                Remote::Tip(seen),
                chain.clone(),
                Some(2),
                Some(seen),
                new(second, Compare::Nothing),
            ),
            (
                "part arrived",
                Remote::Tip(first),
                chain.clone(),
                Some(1),
                Some(seen),
                new(second, Compare::Nothing),
            ),
            (
                "all arrived",
                Remote::Tip(second),
                chain.clone(),
                Some(0),
                Some(seen),
                new(second, Compare::Nothing),
            ),
            (
                "moved on from the last seen",
                Remote::Tip(tip),
                chain.clone(),
                Some(2),
                Some(seen),
                new(tip, Compare::Since(seen)),
            ),
            (
                "moved on from ours",
                Remote::Tip(tip),
                chain.clone(),
                Some(0),
                Some(seen),
                new(tip, Compare::Since(second)),
            ),
            (
                "rewritten",
                Remote::Tip(tip),
                chain.clone(),
                None,
                Some(seen),
                new(tip, Compare::Since(seen)),
            ),
            ("first meeting", Remote::Tip(tip), vec![], None, None, new(tip, Compare::Disk)),
            (
                "first meeting after offline",
                Remote::Tip(tip),
                vec![second],
                None,
                None,
                new(tip, Compare::Disk),
            ),
            (
                "down",
                Remote::Unreachable,
                chain.clone(),
                None,
                Some(seen),
                new(second, Compare::Nothing),
            ),
            (
                "down from the start",
                Remote::Unreachable,
                vec![],
                None,
                None,
                new(other, Compare::Disk),
            ),
            (
                "new remote",
                Remote::NoBranch,
                vec![],
                None,
                None,
                Some(Ground { on: None, compare: Compare::Nothing }),
            ),
            ("branch deleted", Remote::NoBranch, chain.clone(), None, Some(seen), None),
        ] {
            let known = Known { remote, chain, shared, synced, tracking: Some(other) };
            assert_eq!(ground(&known), want, "{what}");
        }
    }
}
