//! Money as whole picodollars: sums are exact, and what does not fit is as much as can be.

use std::fmt;

/// Picodollars in a dollar.
const DOLLAR: u64 = 1_000_000_000_000;

/// An amount in picodollars (10^-12 US dollars). At most nine million dollars, which SQLite can
/// still hold; sums stop there instead of wrapping.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Money(u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: no budget allows it.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// An amount in picodollars.
    pub fn from_picos(picos: u64) -> Self {
        Self(picos).min(Self::MAX)
    }

    /// The same, for constants within the limit.
    pub(crate) const fn from_picos_const(picos: u64) -> Self {
        Self(picos)
    }

    /// Dollars as a configuration file writes them, to the picodollar. What is no amount (negative,
    /// not a number) is [`Money::MAX`] for who asks a price, so it is never a cheap one.
    pub fn from_usd(usd: f64) -> Self {
        let picos = (usd * 1e12).round();
        if !(0.0..9.2e18).contains(&picos) {
            return Self::MAX;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it was just bounded"
        )]
        Self::from_picos(picos as u64)
    }

    /// In picodollars.
    pub fn picos(self) -> u64 {
        self.0
    }

    /// In dollars, for documents and people; never for sums.
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    pub fn usd(self) -> f64 {
        self.0 as f64 / DOLLAR as f64
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self::from_picos(self.0.saturating_add(other.0))
    }

    /// What is left after `other`, or nothing.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many of it.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self::from_picos(self.0.saturating_mul(count))
    }
}

impl fmt::Display for Money {
    /// Dollars with six digits, rounded up: what costs something is never shown as nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.div_ceil(DOLLAR / 1_000_000);
        write!(f, "${}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_and_shown() {
        for (usd, picos, text) in [
            (0.0, 0, "$0.000000"),
            (0.5, 500_000_000_000, "$0.500000"),
            (20.0, 20_000_000_000_000, "$20.000000"),
            (0.000_000_15, 150_000, "$0.000001"),
            (1e-13, 0, "$0.000000"),
        ] {
            let money = Money::from_usd(usd);
            assert_eq!((money.picos(), money.to_string().as_str()), (picos, text), "{usd}");
        }
        for wrong in [f64::NAN, f64::INFINITY, -0.01, 1e30] {
            assert_eq!(Money::from_usd(wrong), Money::MAX, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn sums_never_wrap(a: u64, b: u64, count: u64) {
            let (a, b) = (Money::from_picos(a), Money::from_picos(b));
            prop_assert!(a.plus(b) >= a.max(b));
            prop_assert!(a.less(b) <= a);
            prop_assert!(count == 0 || a.times(count) >= a);
            prop_assert!(a.plus(b) <= Money::MAX);
        }
    }
}
