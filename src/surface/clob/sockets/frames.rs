//! What the market channel sends (§8.1). The frames of an update are made once and kept beside it for all sockets; each
//! takes those that it asked for.

use super::super::book::{Book, Level};
use super::super::gamma::{event_id, event_slug};
use super::super::market_wire::rate;
use super::super::text::{ask, bid, gap, label, token};
use super::super::to_wire::side_name;
use super::json;
use super::replica::book_of;
use crate::service::markets::tick_of;
use crate::service::replica::Replica;
use crate::service::{Half, Market, MarketSpec, MarketUpdate, Trade};
use crate::types::{Outcome, Payout, Price, Shares, Side, Timestamp, TradeId};
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

/// Where an update keeps these frames. What lies before is other surfaces'.
const FORM: usize = 3;

/// Whom a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Whoever follows the market.
    Market,
    /// Whoever follows an outcome of it.
    Asset(Outcome),
    /// Of those, whoever asked for more and saw another top before.
    Top(Outcome),
}

impl Audience {
    const ALL: [Self; 5] = [
        Self::Market,
        Self::Asset(Outcome::Yes),
        Self::Asset(Outcome::No),
        Self::Top(Outcome::Yes),
        Self::Top(Outcome::No),
    ];

    /// The letter that stands before a frame where it is kept.
    const fn mark(self) -> u8 {
        match self {
            Self::Market => b'm',
            Self::Asset(Outcome::Yes) => b'y',
            Self::Asset(Outcome::No) => b'n',
            Self::Top(Outcome::Yes) => b'Y',
            Self::Top(Outcome::No) => b'N',
        }
    }
}

/// The whole book of a token.
#[derive(Serialize)]
struct BookEvent<'a> {
    event_type: &'static str,
    market: &'a str,
    asset_id: &'a str,
    timestamp: &'a str,
    hash: &'a str,
    bids: &'a [Level],
    asks: &'a [Level],
    tick_size: &'a str,
    last_trade_price: &'a str,
}

/// Levels of both books of a market that changed.
#[derive(Serialize)]
struct PriceChange<'a> {
    event_type: &'static str,
    market: &'a str,
    timestamp: String,
    price_changes: Vec<Change<'a>>,
}

/// One of them, with what it holds now.
#[derive(Serialize)]
struct Change<'a> {
    asset_id: &'a str,
    price: String,
    size: String,
    side: &'static str,
    /// Of the book after the change.
    hash: &'a str,
    best_bid: &'a str,
    best_ask: &'a str,
}

/// What an update left behind for one outcome.
struct After<'a> {
    outcome: Outcome,
    book: Book<'a>,
    best_bid: String,
    best_ask: String,
    spread: String,
}

impl<'a> After<'a> {
    fn of(replica: &'a Replica, outcome: Outcome) -> Self {
        let touch = replica.touch(outcome);
        Self {
            outcome,
            book: book_of(replica, outcome),
            best_bid: bid(touch.bid),
            best_ask: ask(touch.ask),
            spread: gap(touch.bid, touch.ask),
        }
    }

    fn change(&self, (half, price, shares): (Half, Price, Shares)) -> Change<'_> {
        let side = match (half, self.outcome) {
            (Half::Bid, Outcome::Yes) | (Half::Ask, Outcome::No) => Side::Buy,
            (Half::Ask, Outcome::Yes) | (Half::Bid, Outcome::No) => Side::Sell,
        };
        Change {
            asset_id: self.book.asset_id,
            price: Market::in_terms_of(self.outcome, price).plain(),
            size: shares.plain(),
            side: side_name(side),
            hash: &self.book.hash,
            best_bid: &self.best_bid,
            best_ask: &self.best_ask,
        }
    }

    fn best_bid_ask(&self, at: Timestamp) -> Bytes {
        json(&json!({
            "event_type": "best_bid_ask",
            "market": self.book.market,
            "asset_id": self.book.asset_id,
            "best_bid": self.best_bid,
            "best_ask": self.best_ask,
            "spread": self.spread,
            "timestamp": at.millis().to_string(),
        }))
    }
}

/// The whole book of a token.
pub(super) fn book(book: &Book<'_>) -> Bytes {
    json(&BookEvent {
        event_type: "book",
        market: book.market,
        asset_id: book.asset_id,
        timestamp: &book.timestamp,
        hash: &book.hash,
        bids: &book.bids,
        asks: &book.asks,
        tick_size: &book.tick_size,
        last_trade_price: &book.last_trade_price,
    })
}

/// What an update means, in the order in which it is told, to a follower who has it in its book already.
pub(super) fn of_update(
    replica: &Replica,
    update: &MarketUpdate,
    transaction: impl Fn(TradeId) -> String,
) -> Vec<(Audience, Bytes)> {
    let make = || {
        let traded =
            |trade: &Trade| last_trade_price(&replica.spec, trade, update.at, transaction(trade.trade));
        let mut frames: Vec<_> = update.trades.iter().map(traded).collect();
        frames.extend(changed(replica, &update.levels, !update.trades.is_empty(), update.at));
        frames
            .extend(update.ticks.iter().flat_map(|ticks| tick_size_change(&replica.spec, *ticks, update.at)));
        joined(&frames)
    };
    split(&update.form(FORM, make))
}

/// The changed levels of both books; after trades both books as a whole; the tops.
fn changed(
    replica: &Replica,
    levels: &[(Half, Price, Shares)],
    has_traded: bool,
    at: Timestamp,
) -> Vec<(Audience, Bytes)> {
    if levels.is_empty() {
        return Vec::new();
    }
    let after = Outcome::BOTH.map(|outcome| After::of(replica, outcome));
    let both = |level: &(Half, Price, Shares)| after.each_ref().map(|after| after.change(*level));
    let change = PriceChange {
        event_type: "price_change",
        market: &replica.spec.facts.condition_id,
        timestamp: at.millis().to_string(),
        price_changes: levels.iter().flat_map(both).collect(),
    };
    let mut frames = vec![(Audience::Market, json(&change))];
    if has_traded {
        frames.extend(after.iter().map(|after| (Audience::Asset(after.outcome), book(&after.book))));
    }
    frames.extend(after.iter().map(|after| (Audience::Top(after.outcome), after.best_bid_ask(at))));
    frames
}

/// What becomes of the ticks of both tokens at once.
fn tick_size_change(spec: &MarketSpec, [old, new]: [Price; 2], at: Timestamp) -> [(Audience, Bytes); 2] {
    Outcome::BOTH.map(|outcome| {
        let frame = json(&json!({
            "event_type": "tick_size_change",
            "market": spec.facts.condition_id,
            "asset_id": token(spec, outcome),
            "old_tick_size": old.plain(),
            "new_tick_size": new.plain(),
            "timestamp": at.millis().to_string(),
        }));
        (Audience::Asset(outcome), frame)
    })
}

/// A match, told once as its taker saw it.
fn last_trade_price(
    spec: &MarketSpec,
    trade: &Trade,
    at: Timestamp,
    transaction: String,
) -> (Audience, Bytes) {
    let outcome = trade.taker.moved.outcome;
    let frame = json(&json!({
        "event_type": "last_trade_price",
        "market": spec.facts.condition_id,
        "asset_id": token(spec, outcome),
        "price": Market::in_terms_of(outcome, trade.price).plain(),
        "size": trade.shares.plain(),
        "side": side_name(trade.taker.side),
        "fee_rate_bps": "0",
        "timestamp": at.millis().to_string(),
        "transaction_hash": transaction,
    }));
    (Audience::Asset(outcome), frame)
}

/// Frames in one text. JSON holds no raw line breaks, so that one may stand behind each.
fn joined(frames: &[(Audience, Bytes)]) -> Bytes {
    let mut all = BytesMut::new();
    for (audience, frame) in frames {
        all.put_u8(audience.mark());
        all.put_slice(frame);
        all.put_u8(b'\n');
    }
    all.freeze()
}

fn split(all: &Bytes) -> Vec<(Audience, Bytes)> {
    let lines = all.split(|byte| *byte == b'\n').filter_map(<[u8]>::split_first);
    let frame = |(mark, frame): (&u8, &[u8])| {
        let audience = Audience::ALL.into_iter().find(|audience| audience.mark() == *mark);
        (audience.expect("BUG: a frame for nobody"), all.slice_ref(frame))
    };
    lines.map(frame).collect()
}

/// What a market is about, as both of the frames below tell it.
fn described(event_type: &str, spec: &MarketSpec, at: Timestamp) -> Value {
    let facts = &spec.facts;
    let [_, slug, title] = &facts.event;
    let id = event_id(event_slug(facts)).to_string();
    json!({
        "event_type": event_type,
        "id": facts.gamma_id,
        "question": facts.question,
        "market": facts.condition_id,
        "slug": facts.slug,
        "description": facts.question,
        "assets_ids": facts.token_ids,
        "outcomes": facts.labels,
        "event_message": {"id": id, "ticker": slug, "slug": slug, "title": title, "description": title},
        "timestamp": at.millis().to_string(),
        "tags": [],
    })
}

/// A market that was just listed.
pub(super) fn new_market(spec: &MarketSpec, at: Timestamp) -> Bytes {
    let (facts, bps) = (&spec.facts, spec.fees.rate_bps);
    let mut frame = described("new_market", spec, at);
    let more = [
        ("condition_id", json!(facts.condition_id)),
        ("active", json!(true)),
        ("clob_token_ids", json!(facts.token_ids)),
        ("sports_market_type", json!("")),
        ("line", json!("")),
        ("game_start_time", json!("")),
        ("order_price_min_tick_size", json!(tick_of(spec).plain())),
        ("group_item_title", json!(facts.group_title)),
        ("taker_base_fee", json!("0")),
        ("fees_enabled", json!(bps > 0)),
        // Texts here, unlike everywhere else.
        ("fee_schedule", json!({"exponent": "1", "rate": rate(bps), "taker_only": true, "rebate_rate": "0"})),
    ];
    for (member, value) in more {
        frame[member] = value;
    }
    json(&frame)
}

/// A market whose answer is known. Where both outcomes are paid half, no token has won, and the first is named.
pub(super) fn market_resolved(spec: &MarketSpec, payout: Payout, at: Timestamp) -> Bytes {
    let (winner, outcome) = match payout {
        Payout::Winner(winner) => (winner, label(spec, winner)),
        Payout::Split => (Outcome::Yes, "50-50"),
    };
    let mut frame = described("market_resolved", spec, at);
    frame["winning_asset_id"] = token(spec, winner).into();
    frame["winning_outcome"] = outcome.into();
    json(&frame)
}

#[cfg(test)]
mod tests {
    use super::super::replica::tests::replica;
    use super::*;
    use crate::surface::clob::book::tests::{NO, YES, price, spec};

    const AT: Timestamp = Timestamp::from_millis(1_700_000_000_001);

    fn read(frame: &Bytes) -> Value {
        serde_json::from_slice(frame).expect("JSON")
    }

    #[test]
    fn a_level_changes_in_both_books_at_once_and_each_has_the_hash_of_its_own() {
        let replica = replica();
        let frames = changed(&replica, &[(Half::Bid, price(4_800), Shares::from_whole(30))], false, AT);
        let audiences: Vec<_> = frames.iter().map(|(audience, _)| *audience).collect();
        let tops = Outcome::BOTH.map(Audience::Top);
        assert_eq!(audiences, [Audience::Market, tops[0], tops[1]]);
        let change = |asset, price, side, outcome, best_bid, best_ask| {
            let hash = book_of(&replica, outcome).hash;
            json!({"asset_id": asset, "price": price, "size": "30", "side": side, "hash": hash,
                    "best_bid": best_bid, "best_ask": best_ask})
        };
        let expected = json!({
            "event_type": "price_change",
            "market": replica.spec.facts.condition_id,
            "timestamp": "1700000000001",
            "price_changes": [
                change(YES, "0.48", "BUY", Outcome::Yes, "0.49", "0.52"),
                change(NO, "0.52", "SELL", Outcome::No, "0.48", "0.51"),
            ],
        });
        assert_eq!(read(&frames[0].1), expected);
        assert_eq!(read(&frames[2].1)["spread"], "0.03");
    }

    #[test]
    fn after_a_trade_each_book_is_told_as_a_whole_to_those_who_follow_it() {
        let replica = replica();
        let frames = changed(&replica, &[(Half::Ask, price(5_200), Shares::from_whole(1))], true, AT);
        for (frame, outcome) in frames[1..3].iter().zip(Outcome::BOTH) {
            assert_eq!(frame.0, Audience::Asset(outcome));
            let shown = book_of(&replica, outcome);
            let expected = json!({
                "event_type": "book",
                "market": shown.market,
                "asset_id": shown.asset_id,
                "timestamp": shown.timestamp,
                "hash": shown.hash,
                "bids": shown.bids,
                "asks": shown.asks,
                "tick_size": "0.01",
                "last_trade_price": shown.last_trade_price,
            });
            assert_eq!(read(&frame.1), expected);
        }
    }

    #[test]
    fn frames_are_taken_apart_as_they_were_put_together() {
        let text = |text: &'static str| Bytes::from_static(text.as_bytes());
        for number in 0..=Audience::ALL.len() {
            let some = &Audience::ALL[..number];
            let frames: Vec<_> = some.iter().map(|audience| (*audience, text("{\"a\":\"m\"}"))).collect();
            assert_eq!(split(&joined(&frames)), frames);
        }
    }

    #[test]
    fn a_resolution_names_a_token_and_what_won() {
        let spec = spec();
        for (payout, token, outcome) in [
            (Payout::Winner(Outcome::Yes), YES, "Yes"),
            (Payout::Winner(Outcome::No), NO, "No"),
            (Payout::Split, YES, "50-50"),
        ] {
            let frame = read(&market_resolved(&spec, payout, AT));
            assert_eq!(frame["winning_asset_id"], token);
            assert_eq!(frame["winning_outcome"], outcome);
            assert_eq!(frame["assets_ids"], json!([YES, NO]));
        }
    }

    #[test]
    fn a_new_market_tells_its_fee_in_texts() {
        let frame = read(&new_market(&spec(), AT));
        let schedule = json!({"exponent": "1", "rate": "0.05", "taker_only": true, "rebate_rate": "0"});
        assert_eq!(frame["fee_schedule"], schedule);
        assert_eq!(frame["fees_enabled"], true);
        assert_eq!(frame["order_price_min_tick_size"], "0.01");
    }
}
