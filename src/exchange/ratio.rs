//! A limit that is given as so many dollars for so many shares (polymarket-clob.md §6.8).

use super::book::TickRange;
use crate::types::{Price, Reject, Shares, Usd};

/// How far off the tick such a limit may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slack {
    /// A hundredth of a tick: for an order that may rest, whose amounts are exact.
    Resting,
    /// A tenth of a tick: for one that may not, whose amounts were rounded.
    Taking,
}

impl Slack {
    const fn part(self) -> i128 {
        match self {
            Self::Resting => 100,
            Self::Taking => 10,
        }
    }
}

/// The price on the tick that a ratio means.
///
/// # Errors
/// [`Reject::OffTick`] if it lies too far off, or outside of what a price may be.
///
/// # Panics
/// If there are no shares.
pub fn limit_of_ratio(
    ticks: &[TickRange],
    dollars: Usd,
    shares: Shares,
    slack: Slack,
) -> Result<Price, Reject> {
    assert!(shares.is_positive(), "BUG: a ratio of nothing");
    let (dollars, shares) =
        (i128::from(dollars.micros()) * i128::from(Price::DOLLAR), i128::from(shares.micros()));
    let near = |range: &TickRange| {
        let (from, to, step) = (i128::from(range.from), i128::from(range.to), i128::from(range.step));
        // The nearest multiple, halves upwards.
        let steps = (2 * (dollars - from * shares) + step * shares).div_euclid(2 * step * shares);
        let price = (from + steps * step).clamp(from, to);
        let is_near = (dollars - price * shares).abs() * slack.part() <= step * shares;
        u16::try_from(price).ok().and_then(Price::new).filter(|_| is_near)
    };
    ticks.iter().find_map(near).ok_or_else(|| {
        let price = Price::clamped(i64::try_from(dollars / shares).unwrap_or(i64::MAX));
        let at = ticks.iter().find(|range| price.ten_thousandths() <= range.to).or(ticks.last());
        let tick = at.and_then(|range| Price::new(range.step)).unwrap_or(Price::MIN);
        Reject::OffTick { price, tick }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTS: [TickRange; 1] = [TickRange { from: 0, to: Price::DOLLAR, step: 100 }];

    fn limit(dollars: i64, shares: i64, slack: Slack) -> Option<String> {
        let limit = limit_of_ratio(&CENTS, Usd::from_micros(dollars), Shares::from_micros(shares), slack);
        limit.ok().map(Price::plain)
    }

    #[test]
    fn a_ratio_means_the_tick_that_it_was_rounded_from() {
        for (dollars, shares, slack, expected) in [
            // 21.04 at 0.56, exactly.
            (11_782_400, 21_040_000, Slack::Resting, Some("0.56")),
            // $10 at 0.67, a hair above, which even an order that may rest can bear.
            (10_000_000, 14_925_300, Slack::Taking, Some("0.67")),
            (10_000_000, 14_925_300, Slack::Resting, Some("0.67")),
            // A hair below.
            (10_000_000, 14_925_400, Slack::Taking, Some("0.67")),
            // A tenth of a cent off is as far as an order that takes may be; a hundredth, one that rests.
            (5_610_000, 10_000_000, Slack::Taking, Some("0.56")),
            (5_610_001, 10_000_000, Slack::Taking, None),
            (5_601_000, 10_000_000, Slack::Resting, Some("0.56")),
            (5_601_001, 10_000_000, Slack::Resting, None),
            (5_650_000, 10_000_000, Slack::Taking, None),
            // No price is 0 or 1, or beyond.
            (1, 10_000_000, Slack::Taking, None),
            (10_000_000, 10_000_000, Slack::Taking, None),
            (20_000_000, 10_000_000, Slack::Taking, None),
            (9_900_000, 10_000_000, Slack::Resting, Some("0.99")),
            (i64::MAX, 1, Slack::Taking, None),
            (1, i64::MAX, Slack::Taking, None),
        ] {
            assert_eq!(limit(dollars, shares, slack).as_deref(), expected, "{dollars}/{shares} {slack:?}");
        }
    }
}
