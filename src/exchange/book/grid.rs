//! Which prices a market has.

use crate::types::{Price, index};
use serde::{Deserialize, Serialize};

/// A stretch of prices with one tick, all in ten-thousandths of a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRange {
    /// Where the stretch begins, inclusive; the first begins at 0.
    pub from: u16,
    /// Where it ends, inclusive; the last ends at 10,000.
    pub to: u16,
    /// The tick.
    pub step: u16,
}

/// Why tick ranges do not make a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick ranges must run from 0 to 10000 without a gap, each a whole number of its ticks")]
pub struct GridError;

/// A market's legal prices, numbered from 1 in rising order: a price's number is its *level*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    stretches: Vec<Stretch>,
    levels: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    range: TickRange,
    /// The level of the price `range.from`.
    first: u16,
}

impl Grid {
    /// The grid of such ranges.
    ///
    /// # Errors
    /// [`GridError`] unless they cover 0 to 10,000 without a gap.
    pub fn new(ranges: &[TickRange]) -> Result<Self, GridError> {
        let mut stretches = Vec::with_capacity(ranges.len());
        let (mut at, mut level) = (0, 0);
        for &range in ranges {
            if range.from != at || range.step == 0 || range.to <= range.from || range.to > Price::DOLLAR {
                return Err(GridError);
            }
            if !(range.to - range.from).is_multiple_of(range.step) {
                return Err(GridError);
            }
            stretches.push(Stretch { range, first: level });
            level += (range.to - range.from) / range.step;
            at = range.to;
        }
        if at == Price::DOLLAR { Ok(Self { stretches, levels: level }) } else { Err(GridError) }
    }

    /// The grid with one tick everywhere, in ten-thousandths of a dollar.
    ///
    /// # Errors
    /// [`GridError`] unless the tick divides a dollar.
    pub fn uniform(step: u16) -> Result<Self, GridError> {
        Self::new(&[TickRange { from: 0, to: Price::DOLLAR, step }])
    }

    /// One more than the highest level.
    #[must_use]
    pub fn levels(&self) -> u16 {
        self.levels
    }

    /// The level of a price, or nothing if it is off the tick.
    #[must_use]
    pub fn level(&self, price: Price) -> Option<u16> {
        let (stretch, offset) = self.stretch(price);
        offset.is_multiple_of(stretch.range.step).then(|| stretch.first + offset / stretch.range.step)
    }

    /// The price at a level between 1 and the highest.
    ///
    /// # Panics
    /// For level 0 and from [`Self::levels`] on: those have no price.
    #[must_use]
    pub fn price(&self, level: u16) -> Price {
        let stretch = match self.stretches.as_slice() {
            [only] => only,
            all => {
                all.iter().rev().find(|stretch| stretch.first <= level).expect("BUG: the first begins at 0")
            }
        };
        let ten_thousandths = stretch.range.from + (level - stretch.first) * stretch.range.step;
        Price::new(ten_thousandths).expect("BUG: a level without a price")
    }

    /// The tick around a price.
    #[must_use]
    pub fn tick(&self, price: Price) -> Price {
        Price::new(self.stretch(price).0.range.step).unwrap_or(Price::MAX)
    }

    /// The highest level whose price is not above `price`; 0 if there is none.
    #[must_use]
    pub fn at_or_below(&self, price: Price) -> u16 {
        let (stretch, offset) = self.stretch(price);
        stretch.first + offset / stretch.range.step
    }

    /// The lowest level whose price is not below `price`; [`Self::levels`] if there is none.
    #[must_use]
    pub fn at_or_above(&self, price: Price) -> u16 {
        let (stretch, offset) = self.stretch(price);
        stretch.first + offset.div_ceil(stretch.range.step)
    }

    fn stretch(&self, price: Price) -> (&Stretch, u16) {
        let at = price.ten_thousandths();
        let stretch = match self.stretches.as_slice() {
            [only] => only,
            all => all.iter().find(|stretch| at < stretch.range.to).expect("BUG: the last ends at a dollar"),
        };
        (stretch, at - stretch.range.from)
    }

    /// How many places an array by level needs, with the unused place 0 and the dollar itself.
    pub(super) fn slots(&self) -> usize {
        index(u32::from(self.levels)) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tapered() -> Grid {
        Grid::new(&[
            TickRange { from: 0, to: 1_000, step: 10 },
            TickRange { from: 1_000, to: 9_000, step: 100 },
            TickRange { from: 9_000, to: 10_000, step: 10 },
        ])
        .expect("covers the dollar")
    }

    #[test]
    fn every_level_has_its_price_and_back() {
        for grid in [1, 10, 25, 100, 1_000]
            .map(|step| Grid::uniform(step).expect("divides"))
            .iter()
            .chain([&tapered()])
        {
            let mut before = 0;
            for level in 1..grid.levels() {
                let price = grid.price(level);
                assert!(price.ten_thousandths() > before);
                before = price.ten_thousandths();
                assert_eq!(grid.level(price), Some(level));
                assert_eq!((grid.at_or_below(price), grid.at_or_above(price)), (level, level));
            }
        }
    }

    #[test]
    fn a_price_between_two_ticks_is_rounded_either_way() {
        let grid = tapered();
        let price = |units| Price::new(units).expect("in range");
        assert_eq!(grid.level(price(1_050)), None);
        assert_eq!(grid.price(grid.at_or_below(price(1_050))), price(1_000));
        assert_eq!(grid.price(grid.at_or_above(price(1_050))), price(1_100));
        assert_eq!(grid.at_or_below(price(5)), 0);
        assert_eq!(grid.at_or_above(price(9_995)), grid.levels());
    }

    #[test]
    fn ranges_with_a_gap_are_refused() {
        assert_eq!(Grid::new(&[TickRange { from: 0, to: 5_000, step: 100 }]), Err(GridError));
        assert_eq!(Grid::uniform(30), Err(GridError));
        assert_eq!(Grid::uniform(0), Err(GridError));
    }
}
