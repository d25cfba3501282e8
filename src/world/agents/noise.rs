//! Someone who trades for no reason, so that there are trades.

use super::view::View;
use super::{below, place};
use crate::types::{NewOrder, OrderKind, Outcome, Price, Shares, Side, Size, TimeInForce};
use crate::world::record::Command;
use crate::world::scenario::HOUSE_TERMS;
use rand_chacha::ChaCha12Rng;

/// A small order that takes what is at the touch, or nothing if the book has only one side.
pub(super) fn take(rng: &mut ChaCha12Rng, view: &View) -> Option<Command> {
    let (bid, ask) = (view.touch.bid?, view.touch.ask?);
    let outcome = if below(rng, 2) == 0 { Outcome::Yes } else { Outcome::No };
    let shares = view.minimum.max(Shares::from_whole(1)) + Shares::from_whole(i64::from(below(rng, 40)));
    let sells = below(rng, 2) == 0 && view.held[outcome.position()] >= shares;
    let side = if sells { Side::Sell } else { Side::Buy };
    let limit = match (side, outcome) {
        (Side::Buy, Outcome::Yes) => ask,
        (Side::Sell, Outcome::Yes) => bid,
        (Side::Buy, Outcome::No) => bid.complement(),
        (Side::Sell, Outcome::No) => Price::complement(ask),
    };
    Some(place(NewOrder {
        account: view.noise,
        market: view.market,
        outcome,
        side,
        kind: OrderKind::Market,
        size: Size::Shares(shares),
        limit,
        tif: TimeInForce::Ioc,
        post_only: false,
        terms: HOUSE_TERMS,
    }))
}
