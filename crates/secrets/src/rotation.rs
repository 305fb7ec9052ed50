//! The two-slot rotation of a shared secret: who accepts which slot when, and who signs with which.
//!
//! A rotation has a record beside the secret files, so that whoever may read the secrets knows how
//! far it is. Nothing here reads a clock: the window ends by itself for every reader at once.

use ops_core::time::{self, SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rotation under way, `<secrets>/<file>.rotation.json`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// `aiops.key_rotation/1`.
    pub schema: String,
    /// The secret's name.
    pub key: String,
    /// When the second slot began to be accepted, RFC 3339 UTC.
    pub begun_at: String,
    /// How long both slots are accepted, counted anew from the promotion; seconds.
    pub window_seconds: u32,
    /// When writers went over to the second slot, RFC 3339 UTC; absent before.
    pub promoted_at: Option<String>,
}

/// The schema that every record names.
pub const SCHEMA: &str = "aiops.key_rotation/1";

/// One of the two slots.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Slot {
    /// The secret itself.
    Current,
    /// Its second slot.
    Next,
}

impl Slot {
    /// The name that evidence carries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
        }
    }
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// None is under way.
    Idle,
    /// Both slots are accepted, writers use the current one.
    Begun,
    /// Both slots are accepted, writers use the next one.
    Promoted,
    /// The window ended before a promotion: only the current slot counts.
    Lapsed,
    /// The window ended after the promotion: only the next slot counts.
    Over,
}

impl Phase {
    /// Whether a signature of this slot is accepted.
    pub fn accepts(self, slot: Slot) -> bool {
        match slot {
            Slot::Current => self != Self::Over,
            Slot::Next => matches!(self, Self::Begun | Self::Promoted | Self::Over),
        }
    }

    /// The slot that writers sign with.
    pub fn signs(self) -> Slot {
        match self {
            Self::Idle | Self::Begun | Self::Lapsed => Slot::Current,
            Self::Promoted | Self::Over => Slot::Next,
        }
    }
}

impl Rotation {
    /// A rotation that begins now.
    pub fn begin(key: &str, now: Timestamp, window_seconds: u32) -> Self {
        Self {
            schema: SCHEMA.into(),
            key: key.into(),
            begun_at: time::rfc3339(now),
            window_seconds,
            promoted_at: None,
        }
    }

    /// When the window ends.
    ///
    /// # Errors
    /// When a time of the record is none.
    pub fn ends(&self) -> Result<Timestamp, String> {
        let from = time::parse(self.promoted_at.as_ref().unwrap_or(&self.begun_at))?;
        let window = SignedDuration::from_secs(self.window_seconds.into());
        from.checked_add(window).map_err(|err| err.to_string())
    }

    /// How far it is.
    ///
    /// # Errors
    /// When the record cannot be believed: another schema, times that are none.
    pub fn phase(&self, now: Timestamp) -> Result<Phase, String> {
        if self.schema != SCHEMA {
            return Err(format!("its schema is {:?}, not {SCHEMA}", self.schema));
        }
        Ok(match (self.promoted_at.is_some(), now < self.ends()?) {
            (false, true) => Phase::Begun,
            (false, false) => Phase::Lapsed,
            (true, true) => Phase::Promoted,
            (true, false) => Phase::Over,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_accepts_and_signs_with_its_slots() {
        use Phase::{Begun, Idle, Lapsed, Over, Promoted};
        for (phase, current, next, signs) in [
            (Idle, true, false, Slot::Current),
            (Begun, true, true, Slot::Current),
            (Promoted, true, true, Slot::Next),
            (Lapsed, true, false, Slot::Current),
            (Over, false, true, Slot::Next),
        ] {
            let seen = (phase.accepts(Slot::Current), phase.accepts(Slot::Next), phase.signs());
            assert_eq!(seen, (current, next, signs), "{phase:?}");
            assert!(phase.accepts(phase.signs()), "{phase:?} signs with what it refuses");
        }
    }

    #[test]
    fn the_window_ends_by_itself_and_counts_anew_from_the_promotion() {
        let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        let mut rotation = Rotation::begin("bridge_hmac", at(0), 100);
        for (now, want) in [(0, Phase::Begun), (99, Phase::Begun), (100, Phase::Lapsed)] {
            assert_eq!(rotation.phase(at(now)).unwrap(), want, "{now}");
        }
        rotation.promoted_at = Some(time::rfc3339(at(90)));
        for (now, want) in [(90, Phase::Promoted), (189, Phase::Promoted), (190, Phase::Over)] {
            assert_eq!(rotation.phase(at(now)).unwrap(), want, "{now}");
        }
        rotation.promoted_at = Some("yesterday".into());
        assert!(rotation.phase(at(0)).is_err());
        rotation = Rotation { schema: "other".into(), ..Rotation::begin("k", at(0), 1) };
        assert!(rotation.phase(at(0)).is_err());
    }
}
