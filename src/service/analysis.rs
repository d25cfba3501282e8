//! What a trading history says about itself (polysimulator.md §13.2): wins, drawdown, concentration. Whole numbers
//! only; a ratio is in millionths.

use super::accounts::Portfolio;
use super::history::{ClosedBy, EquityPoint, PositionRow};
use crate::types::Usd;
use std::collections::BTreeMap;

/// Millionths in a whole.
const WHOLE: i64 = 1_000_000;

/// What positions that were closed came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosedStats {
    /// Positions whose exit price is known.
    pub positions: i64,
    /// Of those, the ones left at a higher price than they were entered.
    pub wins: i64,
    /// And at a lower one.
    pub losses: i64,
    /// What was won or lost, fees not included, in micro-dollars.
    pub realized: Usd,
    /// What was won where something was won.
    pub gross_profit: Usd,
    /// What was lost where something was lost; not negative.
    pub gross_loss: Usd,
    /// Fees paid on them.
    pub fees: Usd,
}

impl ClosedStats {
    /// The sums over closed positions. One is won if its exit price was higher than its average entry price. What a
    /// reset took away was neither won nor lost, and has no exit price.
    #[must_use]
    pub fn of(closed: &[PositionRow]) -> Self {
        let mut stats = Self::default();
        let was_left = |row: &&PositionRow| {
            let by_reset = row.closed.is_some_and(|(_, by)| by == ClosedBy::Reset);
            !by_reset && row.bought.is_positive() && row.sold.is_positive()
        };
        for row in closed.iter().filter(was_left) {
            // The averages compared without dividing: received / sold with paid / bought.
            let product = |dollars: Usd, shares: crate::types::Shares| {
                i128::from(dollars.micros()) * i128::from(shares.micros())
            };
            let (exit, entry) = (product(row.received, row.bought), product(row.paid, row.sold));
            let realized = row.received - row.paid;
            stats.positions += 1;
            stats.wins += i64::from(exit > entry);
            stats.losses += i64::from(exit < entry);
            stats.realized += realized;
            stats.fees += row.fees;
            if realized.is_negative() {
                stats.gross_loss -= realized;
            } else {
                stats.gross_profit += realized;
            }
        }
        stats
    }

    /// Wins among the positions, in millionths; none without any.
    #[must_use]
    pub fn win_rate(&self) -> Option<i64> {
        ratio(self.wins, self.positions)
    }

    /// Gross profit over gross loss, in millionths; none if nothing was ever lost.
    #[must_use]
    pub fn profit_factor(&self) -> Option<i64> {
        ratio(self.gross_profit.micros(), self.gross_loss.micros())
    }
}

/// How much of what is held is how much of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// The value of every open position at its mark, or at cost where there is none, in micro-dollars.
    pub value: Usd,
    /// The share of the largest, in millionths.
    pub largest: i64,
    /// The share of the three largest, in millionths.
    pub top_three: i64,
    /// One less the sum of the squared shares, in millionths: nothing for a single position.
    pub diversity: i64,
    /// The value of every category.
    pub categories: BTreeMap<String, Usd>,
}

impl Exposure {
    /// What portfolios hold.
    #[must_use]
    pub fn of(portfolios: &[Portfolio]) -> Self {
        let mut values = Vec::new();
        let mut categories: BTreeMap<String, Usd> = BTreeMap::new();
        for held in portfolios.iter().flat_map(|portfolio| &portfolio.held) {
            values.push(held.value());
            *categories.entry(held.spec.facts.category.clone()).or_default() += held.value();
        }
        Self { categories, ..Self::of_values(values) }
    }

    fn of_values(mut values: Vec<Usd>) -> Self {
        values.sort_unstable_by(|one, other| other.cmp(one));
        let value: Usd = values.iter().copied().sum();
        let part = |of: &Usd| ratio(of.micros(), value.micros()).unwrap_or(0);
        let squares: i128 =
            values.iter().map(|value| i128::from(part(value)) * i128::from(part(value))).sum();
        let squares = i64::try_from(squares / i128::from(WHOLE)).unwrap_or(WHOLE);
        Self {
            value,
            largest: values.first().map_or(0, part),
            top_three: values.iter().take(3).map(part).sum(),
            diversity: if values.is_empty() { 0 } else { WHOLE - squares },
            categories: BTreeMap::new(),
        }
    }
}

/// The deepest fall below what was there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawdown {
    /// In micro-dollars; not negative.
    pub amount: Usd,
    /// As a share of the peak before it, in millionths.
    pub share: i64,
}

impl Drawdown {
    /// Of equity over time, against its running peak.
    #[must_use]
    pub fn of(points: &[EquityPoint]) -> Self {
        let (mut peak, mut deepest) = (Usd::ZERO, Self::default());
        for point in points {
            let value = point.cash + point.position_value;
            peak = peak.max(value);
            let amount = peak - value;
            if amount > deepest.amount {
                deepest = Self { amount, share: ratio(amount.micros(), peak.micros()).unwrap_or(0) };
            }
        }
        deepest
    }
}

/// A part of a whole in millionths, rounded down; none of nothing.
#[must_use]
pub fn ratio(part: i64, whole: i64) -> Option<i64> {
    let millionths = (i128::from(part) * i128::from(WHOLE)).checked_div(i128::from(whole))?;
    i64::try_from(millionths).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AccountId, MarketId, Outcome, Shares, Timestamp};

    const fn dollars(dollars: i64) -> Usd {
        Usd::from_dollars(dollars)
    }

    /// Ten shares in for some dollars, and ten out for others.
    fn closed(paid: i64, received: i64, by: ClosedBy) -> PositionRow {
        let ten = Shares::from_whole(10);
        PositionRow {
            id: 1,
            account: AccountId(1),
            market: MarketId(1),
            outcome: Outcome::Yes,
            shares: Shares::ZERO,
            cost: Usd::ZERO,
            realized: dollars(received - paid),
            bought: ten,
            paid: dollars(paid),
            sold: ten,
            received: dollars(received),
            fees: Usd::ZERO,
            opened_at: Timestamp::default(),
            closed: Some((Timestamp::default(), by)),
        }
    }

    #[test]
    fn what_a_reset_took_was_neither_won_nor_lost() {
        let of = |rows: &[PositionRow]| {
            let stats = ClosedStats::of(rows);
            (stats.positions, stats.wins, stats.losses, stats.realized)
        };
        let (won, lost) = (closed(4, 7, ClosedBy::Trade), closed(6, 0, ClosedBy::Settlement));
        let taken = closed(5, 0, ClosedBy::Reset);
        assert_eq!(of(&[]), (0, 0, 0, Usd::ZERO));
        assert_eq!(of(&[won]), (1, 1, 0, dollars(3)));
        assert_eq!(of(&[won, lost]), (2, 1, 1, dollars(-3)));
        assert_eq!(of(&[won, taken]), (1, 1, 0, dollars(3)));
    }

    #[test]
    fn concentration_is_told_from_the_values_held() {
        let exposure = |values: &[i64]| {
            let of = Exposure::of_values(values.iter().copied().map(dollars).collect());
            (of.largest, of.top_three, of.diversity)
        };
        for (values, expected) in [
            (&[][..], (0, 0, 0)),
            (&[10], (WHOLE, WHOLE, 0)),
            (&[5, 5], (500_000, WHOLE, 500_000)),
            (&[1, 2, 3, 4], (400_000, 900_000, 700_000)),
        ] {
            assert_eq!(exposure(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_drawdown_is_measured_from_the_peak_before_it() {
        let at = |cash: i64| EquityPoint {
            at: Timestamp::default(),
            cash: dollars(cash),
            position_value: Usd::ZERO,
        };
        for (values, amount, share) in [
            (&[][..], 0, 0),
            (&[100, 110, 120], 0, 0),
            (&[100, 80, 120, 90], 30, 250_000),
            (&[100, 50, 200, 120], 80, 400_000),
        ] {
            let points: Vec<_> = values.iter().copied().map(at).collect();
            assert_eq!(Drawdown::of(&points), Drawdown { amount: dollars(amount), share }, "{values:?}");
        }
    }
}
