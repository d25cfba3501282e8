//! A followed book in this wire's form.

use super::super::book::{Book, Moment};
use crate::service::replica::Replica;
use crate::types::Outcome;

/// The book of an outcome, with its hash.
pub(super) fn book_of(replica: &Replica, outcome: Outcome) -> Book<'_> {
    let moment = Moment {
        spec: &replica.spec,
        at: replica.at,
        bids: replica.bids.iter().map(|(price, shares)| (*price, *shares)).collect(),
        asks: replica.asks.iter().rev().map(|(price, shares)| (*price, *shares)).collect(),
        last: replica.last,
    };
    moment.book(outcome)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::service::replica::Change;
    use crate::service::{Half, Touch};
    use crate::surface::clob::book::tests::{price, spec};
    use crate::types::{Sequence, Shares, Timestamp};
    use std::sync::Arc;

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
        assert_eq!(book_of(&book, Outcome::Yes).hash, "ddc16e7181c00ac7f6ee16ea47fbfa8cfdae2be5");
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
            assert_eq!(book_of(&replayed, outcome), book_of(&left, outcome));
        }
    }

    #[test]
    fn a_halt_leaves_the_book_and_its_hash_as_they_were() {
        let mut halted = replica();
        halted.change(Timestamp::from_seconds(1_800_000_000), &[], None);
        assert_eq!(book_of(&halted, Outcome::Yes), book_of(&replica(), Outcome::Yes));
    }
}
