//! Finer ticks for a market whose price comes to an edge (polymarket-clob.md §7.5).

use super::book::{Grid, TickRange};
use super::event::Event;
use super::market::{Market, MarketSpec};
use super::{Exchange, index};
use crate::types::{MarketId, Price, Venue};
use std::sync::Arc;

/// Within these a market keeps its cents, in ten-thousandths of a dollar.
const CENTS_KEPT: std::ops::RangeInclusive<u16> = 400..=9_600;
/// A cent, and what comes instead.
const CENT: u16 = 100;
const FINE: u16 = 10;

impl MarketSpec {
    /// Gives it one tick everywhere, which divides a dollar.
    pub fn set_tick(&mut self, tick: Price) {
        self.ticks = vec![TickRange { from: 0, to: Price::DOLLAR, step: tick.ten_thousandths() }];
    }
}

impl Market {
    /// Whether it has whole cents everywhere, and was traded beyond where they are kept: an order meets its best price
    /// first and its worst last.
    fn needs_finer_ticks(&self, first_trade: Option<Price>) -> bool {
        let is_beyond = |price: Price| !CENTS_KEPT.contains(&price.ten_thousandths());
        (first_trade.is_some_and(is_beyond) || self.last_trade.is_some_and(is_beyond))
            && self.spec.venue == Venue::Polymarket
            && matches!(self.spec.ticks.as_slice(), [TickRange { step: CENT, .. }])
    }
}

impl Exchange {
    /// Gives a market that was traded at an edge its finer ticks, for good. Orders stay where they are.
    #[inline]
    pub(super) fn refine_at_edge(
        &mut self,
        market: MarketId,
        first_trade: Option<Price>,
        events: &mut Vec<Event>,
    ) {
        if self.markets[index(market.0 - 1)].needs_finer_ticks(first_trade) {
            self.refine(market, events);
        }
    }

    #[cold]
    fn refine(&mut self, id: MarketId, events: &mut Vec<Event>) {
        let [from, to] = [CENT, FINE].map(|step| Price::new(step).expect("BUG: no price"));
        let market = &mut self.markets[index(id.0 - 1)];
        let finer = Grid::uniform(FINE).expect("BUG: it does not divide a dollar");
        if let Some(ladder) = &market.ladder {
            market.ladder = Some(ladder.on(&mut self.orders, &market.grid, &finer));
        }
        market.grid = finer;
        Arc::make_mut(&mut market.spec).set_tick(to);
        market.change(self.now);
        events.push(Event::TicksRefined { market: id, from, to });
    }
}
