//! A market's book as one follower has it: what it looked like once, and every change since. After the same update all
//! followers have the same book, so that a frame that one makes of it serves all.

use super::super::book::{Book, Moment};
use crate::service::markets::{BookView, touch_of};
use crate::service::{Half, MarketSpec, MarketUpdate, Touch};
use crate::types::{Outcome, Price, Sequence, Shares, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A book that is kept up with its market.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) spec: Arc<MarketSpec>,
    /// In terms of the first outcome, as everything here.
    bids: BTreeMap<Price, Shares>,
    asks: BTreeMap<Price, Shares>,
    /// The last trade, or else the last price recorded.
    last: Option<Price>,
    /// When it changed last.
    at: Timestamp,
    /// The last record in it.
    seen: Sequence,
}

/// What an update did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Whether the best bid or the best ask is another one now.
    pub(super) has_new_top: bool,
}

impl Replica {
    /// A book as it is seen first.
    pub(super) fn of(view: &BookView) -> Self {
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
    pub(super) fn take_in(&mut self, update: &MarketUpdate) -> Option<Change> {
        if update.sequence <= self.seen {
            return None;
        }
        self.seen = update.sequence;
        update.renew(&mut self.spec);
        let last = update.trades.last().map(|trade| trade.price);
        Some(self.change(update.at, &update.levels, last))
    }

    fn change(&mut self, at: Timestamp, levels: &[(Half, Price, Shares)], last: Option<Price>) -> Change {
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
    pub(super) fn touch(&self, outcome: Outcome) -> Touch {
        let bid = self.bids.last_key_value().map(|(price, _)| *price);
        let ask = self.asks.first_key_value().map(|(price, _)| *price);
        touch_of(Touch { bid, ask, mark: None }, outcome)
    }

    /// The book of an outcome, with its hash.
    pub(super) fn book(&self, outcome: Outcome) -> Book<'_> {
        let moment = Moment {
            spec: &self.spec,
            at: self.at,
            bids: self.bids.iter().map(|(price, shares)| (*price, *shares)).collect(),
            asks: self.asks.iter().rev().map(|(price, shares)| (*price, *shares)).collect(),
            last: self.last,
        };
        moment.book(outcome)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::surface::clob::book::tests::{price, spec};

    /// The book of §14.5.
    pub(in crate::surface::clob::sockets) fn replica() -> Replica {
        let whole = Shares::from_whole;
        Replica {
            spec: Arc::new(spec()),
            bids: [(price(4_900), whole(20)), (price(4_800), whole(30))].into(),
            asks: [(price(5_200), Shares::from_micros(25_500_000)), (price(5_300), whole(60))].into(),
            last: Some(price(5_000)),
            at: Timestamp::from_seconds(1_700_000_000),
            seen: Sequence(7),
        }
    }

    #[test]
    fn a_replica_shows_and_hashes_the_book_that_the_market_has() {
        let book = replica();
        assert_eq!(book.book(Outcome::Yes).hash, "ddc16e7181c00ac7f6ee16ea47fbfa8cfdae2be5");
        assert_eq!(
            book.touch(Outcome::No),
            Touch { bid: Some(price(4_800)), ask: Some(price(5_100)), mark: None }
        );
    }

    #[test]
    fn replayed_changes_lead_to_the_book_they_left_behind() {
        let (at, whole) = (Timestamp::from_seconds(1_700_000_001), Shares::from_whole);
        let mut replayed = replica();
        let deep = [(Half::Bid, price(4_700), whole(5)), (Half::Ask, price(5_300), whole(10))];
        assert_eq!(replayed.change(at, &deep, None), Change { has_new_top: false });
        let top = [(Half::Bid, price(4_900), Shares::ZERO), (Half::Ask, price(5_100), whole(1))];
        assert_eq!(replayed.change(at, &top, Some(price(4_900))), Change { has_new_top: true });
        // What never was there can go too.
        assert_eq!(
            replayed.change(at, &[(Half::Bid, price(100), Shares::ZERO)], None),
            Change { has_new_top: false }
        );
        let left = Replica {
            bids: [(price(4_700), whole(5)), (price(4_800), whole(30))].into(),
            asks: [
                (price(5_100), whole(1)),
                (price(5_200), Shares::from_micros(25_500_000)),
                (price(5_300), whole(10)),
            ]
            .into(),
            last: Some(price(4_900)),
            at,
            ..replica()
        };
        for outcome in Outcome::BOTH {
            assert_eq!(replayed.book(outcome), left.book(outcome));
        }
    }

    #[test]
    fn a_halt_leaves_the_book_and_its_hash_as_they_were() {
        let mut halted = replica();
        halted.change(Timestamp::from_seconds(1_800_000_000), &[], None);
        assert_eq!(halted.book(Outcome::Yes), replica().book(Outcome::Yes));
    }
}
