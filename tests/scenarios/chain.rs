//! Commands that build on each other: each is valid only after the one before it and only once, so
//! the content of the target tells whether one was lost, reordered or applied twice.

use scenarios::{Bridge, Document, diff, moved, write};

/// A sequence of commands and what they come to.
pub(crate) struct Chain {
    name: &'static str,
    ids: Vec<String>,
}

impl Chain {
    /// Begins one with its first command.
    pub(crate) fn begin(bridge: &Bridge, name: &'static str) -> Self {
        let first = Document::new(
            &format!("{name}-0000"),
            &[
                write(&format!("{name}/log"), "line 0\n"),
                write(&format!("{name}/token-0"), "token\n"),
            ],
        );
        bridge.submit(&first);
        Self { name, ids: vec![first.id().to_owned()] }
    }

    /// Drops the next command: a line added to one file, another file moved on, a third one made.
    pub(crate) fn next(&mut self, bridge: &Bridge) {
        let (name, at) = (self.name, self.ids.len());
        let last = at - 1;
        let more = format!(
            "--- a/{name}/log\n+++ b/{name}/log\n@@ -{at} +{at},2 @@\n line {last}\n+line {at}\n"
        );
        let next = Document::new(
            &format!("{name}-{at:04}"),
            &[
                diff(&more),
                moved(&format!("{name}/token-{last}"), &format!("{name}/token-{at}")),
                write(&format!("{name}/made/{}/{at}", at % 7), &format!("{at}\n")),
            ],
        );
        bridge.submit(&next);
        self.ids.push(next.id().to_owned());
    }

    /// The ids so far.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }

    /// Fails unless every command took effect exactly once, in order.
    #[track_caller]
    pub(crate) fn assert_done(&self, bridge: &Bridge) {
        let refused = bridge.names("dead_letter");
        let mine: Vec<String> =
            refused.into_iter().filter(|it| it.starts_with(self.name)).collect();
        let why = mine.first().map(|it| bridge.letter(it.trim_end_matches(".json")));
        assert!(mine.is_empty(), "refused: {mine:?}, the first with {why:?}");
        let name = self.name;
        let count = self.ids.len();
        let lines: Vec<String> = (0..count).map(|at| format!("line {at}\n")).collect();
        assert_eq!(bridge.text(&format!("{name}/log")).as_deref(), Some(&*lines.concat()));
        for at in 0..count {
            let token = bridge.text(&format!("{name}/token-{at}"));
            assert_eq!(token.is_some(), at == count - 1, "{name}/token-{at}");
            let made = bridge.text(&format!("{name}/made/{}/{at}", at % 7));
            assert_eq!(made, (at > 0).then(|| format!("{at}\n")), "made by {at}");
        }
    }
}
