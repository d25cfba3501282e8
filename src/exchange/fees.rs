//! What a taker pays (design §4). Makers pay nothing.

use crate::types::{Price, Shares, Usd};
use serde::{Deserialize, Serialize};

/// A market's fee: `shares × rate × p × (1 − p)` for every match, at its exact price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeSchedule {
    /// The rate in hundredths of a percent, 0 to 10,000.
    pub rate_bps: u16,
    /// Whether a fee is rounded up to the cent (Kalshi) instead of down to 0.00001 dollar (Polymarket).
    pub up_to_cent: bool,
}

impl FeeSchedule {
    /// No fee at all.
    pub const FREE: Self = Self { rate_bps: 0, up_to_cent: false };

    /// The fee on one match, in micro-dollars.
    ///
    /// # Panics
    /// For negative shares.
    #[must_use]
    #[inline]
    pub fn on(self, shares: Shares, price: Price) -> Usd {
        const SCALE: u64 = 1_000_000_000_000;
        const CENT: u64 = 10_000;
        const STEP: u64 = 10;
        if self.rate_bps == 0 {
            return Usd::ZERO;
        }
        let p = u64::from(price.ten_thousandths());
        let weight = u64::from(self.rate_bps) * p * (u64::from(Price::DOLLAR) - p);
        let shares = u64::try_from(shares.micros()).expect("BUG: a match of negative shares");
        // Most matches fit in 64 bits, where dividing by a constant is a multiplication.
        let units = match (shares.checked_mul(weight), self.up_to_cent) {
            (Some(exact), false) => exact / (SCALE * STEP),
            (Some(exact), true) => exact.div_ceil(SCALE * CENT),
            (None, up) => {
                let exact = u128::from(shares) * u128::from(weight);
                let units = if up {
                    exact.div_ceil(u128::from(SCALE * CENT))
                } else {
                    exact / u128::from(SCALE * STEP)
                };
                u64::try_from(units).expect("BUG: a fee overflowed")
            }
        };
        let unit = if self.up_to_cent { CENT } else { STEP };
        Usd::from_micros(i64::try_from(units * unit).expect("BUG: a fee overflowed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_examples_come_out() {
        // polysimulator.md §18.8, before its rounding to the cent, and Kalshi's schedule.
        for (rate_bps, up_to_cent, shares, price, micros) in [
            (700, false, 10, 6_500, 159_250),
            (400, false, 10, 6_500, 91_000),
            (300, false, 1, 5_000, 7_500),
            (0, false, 1_000, 5_000, 0),
            (700, true, 100, 5_000, 1_750_000),
            (700, true, 1, 5_000, 20_000),
            (700, true, 1, 100, 10_000),
            (500, false, 1_000_000_000, 5_000, 12_500_000_000_000),
        ] {
            let schedule = FeeSchedule { rate_bps, up_to_cent };
            let price = Price::new(price).expect("in range");
            assert_eq!(
                schedule.on(Shares::from_whole(shares), price).micros(),
                micros,
                "{schedule:?} {shares} {price:?}"
            );
        }
    }
}
