//! Opening books (design §8): the house's levels around the recorded quotes.

use crate::exchange::{Grid, MarketSpec};
use crate::types::{
    AccountId, MarketId, NewOrder, OrderKind, Outcome, Price, Shares, Side, Size, Terms, TimeInForce,
};

/// What was quoted when a market was recorded, in terms of the first outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotes {
    pub(super) bid: Option<Price>,
    pub(super) ask: Option<Price>,
    pub(super) last: Option<Price>,
    /// Levels that are given outright, as for a recorded book.
    pub(super) levels: Vec<(Side, Price, Shares)>,
}

/// Shares from the touch outwards.
const LEVELS: [i64; 5] = [200, 400, 800, 1_600, 3_200];

/// Free prices kept inside the spread of a market whose quotes lie between 0.10 and 0.90.
const GAP: u16 = 3;

/// The terms of the house's own orders.
pub(crate) const HOUSE_TERMS: Terms = Terms::PLAIN;

/// The house's orders on a market. It offers the first outcome by bidding for the second, so it needs no shares.
pub(super) fn opening(
    spec: &MarketSpec,
    quotes: &Quotes,
    market: MarketId,
    house: AccountId,
) -> Vec<NewOrder> {
    let order = |side, price, shares| house_order(market, house, side, price, shares);
    if !quotes.levels.is_empty() {
        return quotes.levels.iter().map(|(side, price, shares)| order(*side, *price, *shares)).collect();
    }
    let grid = Grid::new(&spec.ticks).expect("BUG: a market was resolved without a grid");
    let (bid, ask) = touch(&grid, quotes);
    let side = |side: Side, from: Option<u16>| {
        let grid = &grid;
        LEVELS.into_iter().zip(0_u16..).filter_map(move |(shares, step)| {
            let level = match side {
                Side::Buy => from?.checked_sub(step),
                Side::Sell => from?.checked_add(step),
            }?;
            (level >= 1 && level < grid.levels())
                .then(|| (side, grid.price(level), Shares::from_whole(shares)))
        })
    };
    side(Side::Buy, bid)
        .chain(side(Side::Sell, ask))
        .map(|(side, price, shares)| order(side, price, shares))
        .collect()
}

/// The best levels: the recorded quotes, a missing one a tick beyond the last price.
fn touch(grid: &Grid, quotes: &Quotes) -> (Option<u16>, Option<u16>) {
    let mut bid = quotes.bid.map(|price| grid.at_or_below(price));
    let mut ask = quotes.ask.map(|price| grid.at_or_above(price));
    // One tick beyond the last price, but never through the quote that there is.
    let below = |last: Price| grid.at_or_below(last).saturating_sub(u16::from(grid.level(last).is_some()));
    let above = |last: Price| grid.at_or_above(last) + u16::from(grid.level(last).is_some());
    if bid.is_none() {
        bid = quotes.last.map(below).map(|level| ask.map_or(level, |ask| level.min(ask - 1)));
    }
    if ask.is_none() {
        ask = quotes.last.map(above).map(|level| bid.map_or(level, |bid| level.max(bid + 1)));
    }
    let (mut bid, mut ask) = (bid.filter(|level| *level >= 1), ask.filter(|level| *level < grid.levels()));
    let central = |price: Price| (1_000..=9_000).contains(&price.ten_thousandths());
    if let (Some(bid), Some(ask)) = (bid.as_mut(), ask.as_mut())
        && central(grid.price(*bid))
        && central(grid.price(*ask))
    {
        let mut widen_bid = true;
        while *ask - *bid <= GAP {
            if widen_bid {
                *bid -= 1;
            } else {
                *ask += 1;
            }
            widen_bid = !widen_bid;
        }
    }
    (bid, ask)
}

/// A resting order of the house: a bid for the first outcome, or an offer of it.
pub(crate) fn house_order(
    market: MarketId,
    house: AccountId,
    side: Side,
    price: Price,
    shares: Shares,
) -> NewOrder {
    let (outcome, limit) = match side {
        Side::Buy => (Outcome::Yes, price),
        Side::Sell => (Outcome::No, price.complement()),
    };
    NewOrder {
        account: house,
        market,
        outcome,
        side: Side::Buy,
        kind: OrderKind::Limit,
        size: Size::Shares(shares),
        limit,
        tif: TimeInForce::Gtc,
        post_only: false,
        terms: HOUSE_TERMS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: u16, bid: u16, ask: u16, last: u16, expected: (Option<u16>, Option<u16>)) {
        let price = Price::new;
        let quotes = Quotes { bid: price(bid), ask: price(ask), last: price(last), levels: Vec::new() };
        let grid = Grid::uniform(step).expect("divides");
        let (found_bid, found_ask) = touch(&grid, &quotes);
        let price = |level: Option<u16>| level.map(|level| grid.price(level).ten_thousandths());
        assert_eq!((price(found_bid), price(found_ask)), expected, "{step} {bid} {ask} {last}");
    }

    #[test]
    fn books_open_at_the_recorded_quotes_with_room_inside() {
        check(100, 5_000, 5_200, 5_000, (Some(4_900), Some(5_300)));
        check(100, 5_000, 5_100, 5_000, (Some(4_800), Some(5_200)));
        check(100, 3_000, 3_400, 3_300, (Some(3_000), Some(3_400)));
        check(10, 70, 90, 60, (Some(70), Some(90)));
    }

    #[test]
    fn a_missing_side_starts_a_tick_beyond_the_last_price() {
        check(10, 0, 10, 10, (None, Some(10)));
        check(100, 0, 0, 5_000, (Some(4_800), Some(5_200)));
        check(100, 9_800, 0, 9_900, (Some(9_800), None));
        check(100, 0, 0, 0, (None, None));
    }

    #[test]
    fn sizes_double_away_from_the_touch() {
        assert!(LEVELS.windows(2).all(|pair| pair[1] == 2 * pair[0]));
    }
}
