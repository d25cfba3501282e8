//! A market's book as one follower has it: what it looked like once, and every change since. After the same update all
//! followers have the same book, so that a frame that one makes of it serves all.

use super::markets::{BookView, touch_of};
use super::{Half, Market, MarketSpec, MarketUpdate, Touch};
use crate::types::{Outcome, Price, Sequence, Shares, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A book that is kept up with its market.
#[derive(Clone, Debug)]
pub struct Replica {
    /// The market's facts and rules.
    pub spec: Arc<MarketSpec>,
    /// The levels, in terms of the first outcome, as everything here.
    pub bids: BTreeMap<Price, Shares>,
    /// The same of what is offered.
    pub asks: BTreeMap<Price, Shares>,
    /// The last trade, or else the last price recorded.
    pub last: Option<Price>,
    /// When it changed last.
    pub at: Timestamp,
    /// The last record in it.
    pub seen: Sequence,
}

/// What an update did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether the best bid or the best ask is another one now.
    pub has_new_top: bool,
}

impl Replica {
    /// A book as it is seen first.
    #[must_use]
    pub fn of(view: &BookView) -> Self {
        Self {
            spec: Arc::clone(&view.spec),
            bids: view.depth.bids.iter().copied().collect(),
            asks: view.depth.asks.iter().copied().collect(),
            last: view.last_price(Outcome::Yes),
            at: view.at,
            seen: view.sequence,
        }
    }

    /// Takes an update in; none if the book has it already.
    pub fn take_in(&mut self, update: &MarketUpdate) -> Option<Change> {
        if update.sequence <= self.seen {
            return None;
        }
        self.seen = update.sequence;
        update.renew(&mut self.spec);
        let last = update.trades.last().map(|trade| trade.price);
        Some(self.change(update.at, &update.levels, last))
    }

    /// Takes in what changed: levels with what they hold now, and the price of the last trade.
    pub fn change(&mut self, at: Timestamp, levels: &[(Half, Price, Shares)], last: Option<Price>) -> Change {
        let before = self.touch(Outcome::Yes);
        for (half, price, shares) in levels {
            let of_half = match half {
                Half::Bid => &mut self.bids,
                Half::Ask => &mut self.asks,
            };
            if shares.is_zero() {
                of_half.remove(price);
            } else {
                of_half.insert(*price, *shares);
            }
        }
        self.last = last.or(self.last);
        // A market that is only halted has the same book as before.
        if !levels.is_empty() || last.is_some() {
            self.at = at;
        }
        Change { has_new_top: self.touch(Outcome::Yes) != before }
    }

    /// The best bid and ask in an outcome's own terms.
    #[must_use]
    pub fn touch(&self, outcome: Outcome) -> Touch {
        let bid = self.bids.last_key_value().map(|(price, _)| *price);
        let ask = self.asks.first_key_value().map(|(price, _)| *price);
        touch_of(Touch { bid, ask, mark: None }, outcome)
    }

    /// The levels of an outcome in its own terms, bids and asks, the best first and at most so many a side.
    #[must_use]
    pub fn levels(&self, outcome: Outcome, depth: usize) -> [Vec<(Price, Shares)>; 2] {
        let own = |(price, shares): (&Price, &Shares)| (Market::in_terms_of(outcome, *price), *shares);
        let bids = self.bids.iter().rev().map(own).take(depth).collect();
        let asks = self.asks.iter().map(own).take(depth).collect();
        match outcome {
            Outcome::Yes => [bids, asks],
            // Who sells the first outcome at a price bids for the second at its complement.
            Outcome::No => [asks, bids],
        }
    }
}
