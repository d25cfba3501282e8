//! Server frames of both shapes. What is made of an update is made once and kept beside it for all sockets.

use super::super::order_wire::side_name;
use super::super::to_wire::{self, active_closed, buy_sell, iso, label, token};
use super::json;
use crate::service::markets::{BookView, side_of, touch_of};
use crate::service::streams::FollowedMarket;
use crate::service::{Fill, MarketSpec, MarketUpdate, Status, Touch, Trade};
use crate::types::{Outcome, Payout, Price, Timestamp};
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Slots of an update's forms: the native frame, and Polymarket's frames of either outcome behind it.
const NATIVE_FORM: usize = 0;
const POLYMARKET_FORMS: usize = 1;

/// §17.2, a market's prices.
#[derive(Serialize)]
struct PriceFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    market_id: &'a str,
    condition_id: &'a str,
    buy: Option<String>,
    sell: Option<String>,
    best_bid: Option<String>,
    best_ask: Option<String>,
    last_trade: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_trade_side: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_trade_size: Option<String>,
    volume: String,
    outcomes: [PriceOutcome<'a>; 2],
    tokens: BTreeMap<&'a str, TokenPrice<'a>>,
    active: bool,
    closed: bool,
    source: String,
    emit_ts_ms: i64,
    updated_at: String,
    ws_updated_at: String,
}

#[derive(Serialize)]
struct PriceOutcome<'a> {
    label: &'a str,
    price: Option<String>,
    token_id: &'a str,
    best_bid: Option<String>,
    best_ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_trade: Option<String>,
}

#[derive(Serialize)]
struct TokenPrice<'a> {
    label: &'a str,
    price: Option<String>,
}

/// The frame after an update, shared with every socket that knows as much.
pub(in crate::surface::polysim) fn price_update(
    market: &FollowedMarket,
    update: &MarketUpdate,
    may_share: bool,
) -> Bytes {
    let make = || price(market, update.at, !update.trades.is_empty());
    if may_share { update.form(NATIVE_FORM, make) } else { make() }
}

/// A market's prices. `has_traded` says that the last trade is news: only then does an outcome carry it, since
/// clients take every such frame for a trade of its own.
pub(in crate::surface::polysim) fn price(market: &FollowedMarket, at: Timestamp, has_traded: bool) -> Bytes {
    let spec = &market.spec;
    let touch = market.touch();
    let (active, closed) = active_closed(market.status);
    let taken = market.last.and_then(|last| last.taken);
    let text = |price: Option<Price>| price.map(Price::plain);
    let prices = touch.mark.map(buy_sell);
    let outcome = |outcome| {
        let touch = touch_of(touch, outcome);
        let is_first = outcome == Outcome::Yes;
        PriceOutcome {
            label: label(spec, outcome),
            price: text(touch.mark),
            token_id: token(spec, outcome),
            best_bid: text(touch.bid),
            best_ask: text(touch.ask),
            // The side at the top is that of the first outcome.
            last_trade: text(market.last_price().filter(|_| is_first && has_traded && taken.is_some())),
        }
    };
    let outcomes = Outcome::BOTH.map(outcome);
    let tokens = outcomes
        .iter()
        .map(|outcome| (outcome.token_id, TokenPrice { label: outcome.label, price: outcome.price.clone() }));
    json(&PriceFrame {
        kind: "price",
        market_id: &spec.facts.condition_id,
        condition_id: &spec.facts.condition_id,
        buy: prices.as_ref().map(|prices| prices.buy.clone()),
        sell: prices.map(|prices| prices.sell),
        best_bid: text(touch.bid),
        best_ask: text(touch.ask),
        last_trade: text(market.last_price()),
        last_trade_side: taken.map(|(side, _)| side_name(side)),
        last_trade_size: taken.map(|(_, shares)| shares.plain()),
        volume: market.volume.plain(),
        tokens: tokens.collect(),
        outcomes,
        active,
        closed,
        source: source(spec, market.status),
        emit_ts_ms: at.millis(),
        updated_at: iso(at),
        ws_updated_at: iso(at),
    })
}

/// Settled rolling windows say how they ended (§17.2).
fn source(spec: &MarketSpec, status: Status) -> String {
    match (&spec.facts.window, status) {
        (Some(_), Status::Resolved(Payout::Winner(winner))) => {
            format!("updown_resolved_{}", label(spec, winner).to_ascii_lowercase())
        }
        (Some(_), Status::Resolved(Payout::Split)) => "updown_resolved_split".to_owned(),
        (Some(_), Status::Open | Status::Halted) | (None, _) => to_wire::SOURCE.to_owned(),
    }
}

/// §17.3, a match of a limit order.
pub(super) fn execution(fill: &Fill, spec: &MarketSpec) -> Value {
    json!({
        "type": "fill",
        "order_id": fill.order,
        "market_id": spec.facts.condition_id,
        "side": side_name(fill.side),
        "outcome": label(spec, fill.outcome),
        "price": fill.price.plain(),
        "quantity": fill.shares.plain(),
        "filled_at": iso(fill.at),
    })
}

/// §17.4, the whole book of a token.
pub(super) fn book(view: &BookView, outcome: Outcome) -> Bytes {
    let book = to_wire::book(view, outcome, None);
    json(&json!({
        "event_type": "book",
        "asset_id": book.asset_id,
        "market": book.market,
        "bids": book.bids,
        "asks": book.asks,
        "hash": book.hash,
        "tick_size": book.tick_size,
        "timestamp": book.timestamp,
    }))
}

/// §17.4, what an update means to a token, in the order of its frames; shared as [`price_update`] is.
pub(super) fn token_update(
    market: &FollowedMarket,
    outcome: Outcome,
    update: &MarketUpdate,
    may_share: bool,
) -> Vec<Bytes> {
    let make = || joined(&token_frames(market, outcome, update));
    let all = if may_share { update.form(POLYMARKET_FORMS + outcome.position(), make) } else { make() };
    // JSON holds no raw line breaks, so that one may stand between two frames.
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| all.slice_ref(line)).collect()
}

fn joined(frames: &[Value]) -> Bytes {
    let mut all = BytesMut::new();
    for frame in frames {
        all.put(json(frame));
        all.put_u8(b'\n');
    }
    all.freeze()
}

fn token_frames(market: &FollowedMarket, outcome: Outcome, update: &MarketUpdate) -> Vec<Value> {
    let mut frames: Vec<_> =
        update.trades.iter().map(|trade| last_trade_price(&market.spec, outcome, trade, update.at)).collect();
    let touch = touch_of(market.touch(), outcome);
    let Some(price) = touch.mark else { return frames };
    let (asset, condition) = (token(&market.spec, outcome), &market.spec.facts.condition_id);
    let timestamp = update.at.millis().to_string();
    let (best_bid, best_ask) = ends(touch);
    frames.push(json!({
        "event_type": "price_change",
        "asset_id": asset,
        "market": condition,
        "timestamp": timestamp,
        "hash": "",
        "price_changes": [{
            "asset_id": asset,
            "price": price.plain(),
            "best_bid": best_bid,
            "best_ask": best_ask,
            "size": "0",
            "side": "",
            "hash": "",
        }],
    }));
    frames.push(json!({
        "event_type": "best_bid_ask",
        "asset_id": asset,
        "market": condition,
        "best_bid": best_bid,
        "best_ask": best_ask,
        "timestamp": timestamp,
    }));
    frames
}

/// Both ends of a book as texts. Nobody pays less than nothing or asks more than a dollar, which is what an empty
/// side looks like in this shape.
fn ends(touch: Touch) -> (String, String) {
    let text = |price: Option<Price>, empty: &str| price.map_or_else(|| empty.to_owned(), Price::plain);
    (text(touch.bid, "0"), text(touch.ask, "1"))
}

fn last_trade_price(spec: &MarketSpec, outcome: Outcome, trade: &Trade, at: Timestamp) -> Value {
    let taker = &trade.taker;
    json!({
        "event_type": "last_trade_price",
        "asset_id": token(spec, outcome),
        "market": spec.facts.condition_id,
        "price": crate::service::Market::in_terms_of(outcome, trade.price).plain(),
        "side": side_name(side_of(taker.side, taker.moved.outcome, outcome)),
        "size": trade.shares.plain(),
        "fee_rate_bps": spec.fees.rate_bps.to_string(),
        "timestamp": at.millis().to_string(),
    })
}

/// §17.4, one side's view of a match.
pub(super) fn trade(fill: &Fill, spec: &MarketSpec) -> Value {
    let seconds = fill.at.seconds().to_string();
    let rate = if fill.is_taker { spec.fees.rate_bps } else { 0 };
    json!({
        "event_type": "trade",
        "type": "TRADE",
        "id": fill.trade.to_string(),
        "taker_order_id": fill.taker_order.to_string(),
        "market": spec.facts.condition_id,
        "asset_id": token(spec, fill.outcome),
        "side": side_name(fill.side),
        "size": fill.shares.plain(),
        "price": fill.price.plain(),
        "fee_rate_bps": rate.to_string(),
        "status": "MATCHED",
        "outcome": label(spec, fill.outcome),
        "owner": "",
        "trade_owner": "",
        "maker_orders": [],
        "matchtime": seconds,
        "last_update": seconds,
        "timestamp": seconds,
    })
}
