//! A seeded price path per asset: the same on every machine, at any moment, without walking there.

use crate::types::{Timestamp, Usd};
use sha2::{Digest, Sha256};

/// The price path of one asset.
#[derive(Clone, Debug)]
pub struct Spot {
    seed: [u8; 32],
    base: i64,
    decimals: u32,
}

/// Waves of the path: period in milliseconds, height in millionths of the base price. Their sum stays
/// within 6 % of it.
const WAVES: [(i64, i64); 6] = [
    (86_400_000 * 7, 30_000),
    (86_400_000, 15_000),
    (3_600_000, 6_000),
    (900_000, 3_000),
    (60_000, 800),
    (5_000, 150),
];

/// The assets there are: base prices in dollars, and the decimals their prices are quoted to. A price that moves by
/// less than its last decimal in five minutes would end every window where it began.
const ASSETS: [(&str, i64, u32); 6] = [
    ("BTC", 64_500, 2),
    ("ETH", 3_200, 2),
    ("SOL", 145, 3),
    ("XRP", 2, 5),
    ("SPX", 6_600, 2),
    ("NDX", 24_500, 2),
];

impl Spot {
    /// The path of an asset under a seed; none for an asset nobody knows.
    #[must_use]
    pub fn of(seed: u64, asset: &str) -> Option<Self> {
        let (name, dollars, decimals) = ASSETS.iter().find(|(name, _, _)| *name == asset)?;
        let mut hash = Sha256::new();
        hash.update(b"papertape spot\0");
        hash.update(seed.to_be_bytes());
        hash.update(name.as_bytes());
        Some(Self { seed: hash.finalize().into(), base: dollars * 1_000_000, decimals: *decimals })
    }

    /// How many decimals of a dollar its prices have.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        self.decimals
    }

    /// The price at a moment, in micro-dollars, cut to its last decimal.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Usd {
        let millionths: i64 = (0_u8..).zip(WAVES).map(|(number, wave)| self.wave(number, wave, at)).sum();
        let moved = i128::from(self.base) * i128::from(millionths) / 1_000_000;
        let micros = self.base + i64::try_from(moved).expect("BUG: a wave beyond its height");
        Usd::from_micros(micros - micros % 10_i64.pow(6 - self.decimals))
    }

    /// Straight from one random height to the next.
    fn wave(&self, number: u8, (period, height): (i64, i64), at: Timestamp) -> i64 {
        let (step, within) = (at.millis().div_euclid(period), at.millis().rem_euclid(period));
        let (from, to) = (self.height(number, step, height), self.height(number, step + 1, height));
        from + i64::try_from(i128::from(to - from) * i128::from(within) / i128::from(period))
            .expect("BUG: between two heights")
    }

    fn height(&self, number: u8, step: i64, height: i64) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update([number]);
        hash.update(step.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let drawn = u32::from_be_bytes(*digest.first_chunk().expect("BUG: 32 bytes hold 4"));
        i64::from(drawn) * 2 * height / i64::from(u32::MAX) - height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_smooth_stays_near_its_base_and_moves_within_a_window() {
        let spot = Spot::of(7, "BTC").expect("known");
        let mut before = spot.at(Timestamp::default()).micros();
        let (mut rises, mut falls) = (0, 0);
        for second in 1..20_000 {
            let price = spot.at(Timestamp::from_seconds(second)).micros();
            assert!((price - before).abs() < 64_500_000_000 / 1_000, "{second}");
            assert!((60_000_000_000..69_000_000_000).contains(&price));
            rises += i32::from(price > before);
            falls += i32::from(price < before);
            before = price;
        }
        assert!(rises > 1_000 && falls > 1_000);
        assert!(Spot::of(7, "DOGE").is_none());
    }

    #[test]
    fn a_window_of_any_asset_may_go_either_way() {
        for (name, _, _) in ASSETS {
            let spot = Spot::of(7, name).expect("known");
            let price = |window: i64| spot.at(Timestamp::from_seconds(window * 300)).micros();
            let (mut ups, mut downs, mut ties) = (0, 0, 0);
            for window in 0..1_000 {
                match price(window + 1).cmp(&price(window)) {
                    std::cmp::Ordering::Greater => ups += 1,
                    std::cmp::Ordering::Less => downs += 1,
                    std::cmp::Ordering::Equal => ties += 1,
                }
            }
            assert!(ups > 300 && downs > 300 && ties < 20, "{name}: {ups} up, {downs} down, {ties} neither");
        }
    }
}
