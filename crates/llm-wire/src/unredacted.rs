//! Text from outside that may quote a secret.

use std::fmt;

/// Bounded text that a provider wrote: it may repeat a key, and must pass the redactor before it
/// is stored or shown. `Debug` shows its length only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Unredacted(String);

impl Unredacted {
    /// Keeps at most `limit` bytes; what a terminal would act on becomes a space.
    pub(crate) fn new(text: &str, limit: usize) -> Self {
        let mut end = limit.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.get(..end).unwrap_or_default();
        let plain = |c: char| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c };
        Self(kept.chars().map(plain).collect())
    }

    /// The text, for the redactor.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Unredacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unredacted({} bytes)", self.0.len())
    }
}
