//! What the socket sends (§§11.2, 11.4 to 11.8).

use super::super::order_wire::side_name;
use super::super::text::{fill_id, label, native_id, order_id, parsec_id, price, shares, token};
use crate::http::json as frame;
use crate::service::markets::{side_of, tick_of};
use crate::service::replica::Replica;
use crate::service::{Fill, Market, MarketSpec, Trade};
use crate::types::{Outcome, Price, Shares, Timestamp, Venue};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The longest id that an error repeats whole, in bytes.
const ID_MAX: usize = 256;

/// After how long without news a book is to be thought stale.
const STALE_AFTER_MS: u32 = 5_000;

/// A price with what waits there.
pub(super) type Level = (Price, Shares);

/// The socket is a customer's.
pub(super) fn auth_ok(customer_id: &str) -> Bytes {
    frame(&json!({"type": "auth_ok", "customer_id": customer_id}))
}

/// It is nobody's, and clients must not come again with the same.
pub(super) fn auth_error(code: u16, message: &str) -> Bytes {
    frame(&json!({"type": "auth_error", "code": code, "message": message}))
}

/// Something is wrong, with a market if one is named.
pub(super) fn error(code: u16, message: &str, parsec_id: Option<&str>) -> Bytes {
    let mut body = json!({"type": "error", "code": code, "message": message});
    if let Some(id) = parsec_id {
        // Whole, so that its sender finds it; but nobody's essay.
        body["parsec_id"] =
            if id.len() <= ID_MAX { id.into() } else { super::super::error::shown(id).into() };
    }
    frame(&body)
}

/// What was said means nothing.
pub(super) fn invalid_message() -> Bytes {
    error(2001, "invalid message", None)
}

/// The connection lives.
pub(super) fn heartbeat(at: Timestamp) -> Bytes {
    frame(&json!({"type": "heartbeat", "ts_ms": at.millis()}))
}

/// A word about a book as a whole.
pub(super) fn about(kind: &str, replica: &Replica, outcome: Outcome) -> Bytes {
    let spec = &replica.spec;
    frame(&json!({"type": kind, "parsec_id": parsec_id(spec), "outcome": label(spec, outcome)}))
}

/// What every message about a book says of the book.
fn named(kind: &str, spec: &MarketSpec, outcome: Outcome) -> Value {
    json!({
        "type": kind,
        "parsec_id": parsec_id(spec),
        "exchange": spec.venue.name(),
        "outcome": label(spec, outcome),
        "token_id": token(spec, outcome),
        "market_id": native_id(spec),
    })
}

/// Its number, how its feed does, and when it happened and was heard.
fn stamp(body: &mut Value, (number, at, now): (u64, Timestamp, Timestamp)) {
    body["server_seq"] = number.into();
    body["feed_state"] = "healthy".into();
    body["exchange_ts_ms"] = at.millis().into();
    body["ingest_ts_ms"] = now.millis().into();
}

/// The whole book of an outcome.
pub(super) fn snapshot(
    replica: &Replica,
    outcome: Outcome,
    [bids, asks]: [&[Level]; 2],
    (number, now): (u64, Timestamp),
) -> Bytes {
    let spec = &replica.spec;
    let level = |(at, held): &Level| json!([price(*at), shares(*held)]);
    let mut body = named("orderbook", spec, outcome);
    body["kind"] = "snapshot".into();
    body["title"] = spec.facts.question.as_str().into();
    body["tick_size"] = price(tick_of(spec));
    body["min_order_size"] = shares(spec.minimum);
    body["bids"] = bids.iter().map(level).collect();
    body["asks"] = asks.iter().map(level).collect();
    body["book_state"] = "fresh".into();
    body["stale_after_ms"] = STALE_AFTER_MS.into();
    stamp(&mut body, (number, replica.at, now));
    frame(&body)
}

/// What of one side of a view is another than before: a level that left it holds nothing.
pub(super) fn changes(before: &[Level], after: &[Level]) -> Vec<Level> {
    let known: BTreeMap<Price, Shares> = before.iter().copied().collect();
    let now: BTreeMap<Price, Shares> = after.iter().copied().collect();
    let gone = known.keys().filter(|at| !now.contains_key(at)).map(|at| (*at, Shares::ZERO));
    let new = now.iter().filter(|(at, held)| known.get(at) != Some(held)).map(|(at, held)| (*at, *held));
    gone.chain(new).collect()
}

/// What of a book changed: bids, then asks.
pub(super) fn delta(
    replica: &Replica,
    outcome: Outcome,
    [bids, asks]: &[Vec<Level>; 2],
    stamps: (u64, Timestamp, Timestamp),
) -> Bytes {
    let change = |side: &'static str| move |(at, held): &Level| json!({"side": side, "price": price(*at), "size": shares(*held)});
    let mut body = named("orderbook_delta", &replica.spec, outcome);
    body["changes"] = bids.iter().map(change("bid")).chain(asks.iter().map(change("ask"))).collect();
    body["book_state"] = "fresh".into();
    body["stale_after_ms"] = STALE_AFTER_MS.into();
    stamp(&mut body, stamps);
    frame(&body)
}

/// A trade as one outcome's followers see it. It has the number of the book's last message (§11.7).
pub(super) fn trade(
    replica: &Replica,
    outcome: Outcome,
    trade: &Trade,
    stamps: (u64, Timestamp, Timestamp),
) -> Bytes {
    let spec = &replica.spec;
    let side = side_name(side_of(trade.taker.side, trade.taker.moved.outcome, outcome));
    let mut body = named("activity", spec, outcome);
    body["kind"] = "trade".into();
    body["price"] = price(Market::in_terms_of(outcome, trade.price));
    body["size"] = shares(trade.shares);
    body["trade_id"] = format!("trade_{}", trade.trade).into();
    body["side"] = side.into();
    body["aggressor_side"] = side.into();
    body["source_channel"] = match spec.venue {
        Venue::Polymarket => "polymarket_last_trade_price",
        Venue::Kalshi => "kalshi_trade",
    }
    .into();
    stamp(&mut body, stamps);
    frame(&body)
}

/// One of the customer's own orders traded.
pub(super) fn fill(replica: &Replica, fill: &Fill, (number, now): (u64, Timestamp)) -> Bytes {
    let spec = &replica.spec;
    let mut body = named("activity", spec, fill.outcome);
    body["kind"] = "fill".into();
    body["price"] = price(fill.price);
    body["size"] = shares(fill.shares);
    body["fill_id"] = fill_id(fill.trade).into();
    body["order_id"] = order_id(fill.order).into();
    body["side"] = side_name(fill.side).into();
    body["liquidity_role"] = if fill.is_taker { "taker" } else { "maker" }.into();
    body["source_channel"] = format!("{}_user_fill", spec.venue.name()).into();
    stamp(&mut body, (number, fill.at, now));
    frame(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_changes_by_what_came_what_left_and_what_is_another() {
        let level =
            |cents: u16, whole: i64| (Price::new(cents * 100).expect("a price"), Shares::from_whole(whole));
        let before = [level(60, 10), level(59, 20), level(58, 30)];
        let after = [level(61, 5), level(60, 10), level(59, 25)];
        assert_eq!(changes(&before, &after), [level(58, 0), level(59, 25), level(61, 5)]);
        assert_eq!(changes(&before, &before), []);
    }
}
