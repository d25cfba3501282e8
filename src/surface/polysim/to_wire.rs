//! From our values to this wire's: moments, books, markets and prices.

use super::wire::{
    BatchPriced, BuySell, CreatedKey, KeyInfo, Level, LivePrice, MarketDetail, MarketSummary, OrderBook,
    OutcomePrice, Token,
};
use crate::service::history::Volumes;
use crate::service::keys::FreshKey;
use crate::service::markets::{BookView, Ticker, touch_of};
use crate::service::{Key, MarketSpec, Status};
use crate::types::{KeyId, Outcome, Payout, Price, Shares, Timestamp, Usd, format_scaled};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A market is hot above this volume (§9.1).
const HOT_ABOVE: Usd = Usd::from_dollars(5_000);
/// The widest spread that is shown, in ten-thousandths of a dollar.
const SPREAD_SHOWN_MAX: u16 = 1_000;
/// Where displayed prices are said to come from.
pub(super) const SOURCE: &str = "websocket";

/// ISO-8601 in UTC, to the millisecond.
pub(super) fn iso(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::MAX);
    format!("{moment:.3}")
}

/// A plain decimal as a JSON number: the number of these digits, with no arithmetic in between.
pub(super) fn number(decimal: &str) -> Value {
    serde_json::from_str(decimal).expect("BUG: a plain decimal that is no JSON number")
}

/// The middle between two prices, which may lie half a ten-thousandth off any price.
pub(super) fn mid(bid: Price, ask: Price) -> String {
    let twice = i64::from(bid.ten_thousandths()) + i64::from(ask.ten_thousandths());
    format_scaled(twice * 5, 5, 0)
}

/// The gap between two prices as this service shows it: never more than ten cents.
pub(super) fn spread(bid: Price, ask: Price) -> String {
    let gap = ask.ten_thousandths().saturating_sub(bid.ten_thousandths());
    if gap >= SPREAD_SHOWN_MAX { "0.10".to_owned() } else { format_scaled(i64::from(gap), 4, 0) }
}

/// The token id of an outcome.
pub(super) fn token(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.token_ids[outcome.position()]
}

/// The label of an outcome.
pub(super) fn label(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.labels[outcome.position()]
}

/// The whole book of an outcome as JSON, rendered once for all who ask while it stands.
pub(super) fn rendered_book(view: &BookView, outcome: Outcome) -> Bytes {
    // Slots 0 and 1 of a view's forms are this surface's books.
    view.form(outcome.position(), || {
        let book = book(view, outcome, None);
        Bytes::from(serde_json::to_vec(&book).expect("BUG: a book that can't be written as JSON"))
    })
}

/// The book of an outcome (§9.4), with the best `depth` levels of either side or all of them.
pub(super) fn book(view: &BookView, outcome: Outcome, depth: Option<usize>) -> OrderBook {
    let [bids, asks] = view.levels(outcome);
    let touch = view.touch_of(outcome);
    let token = token(&view.spec, outcome).to_owned();
    let ends = touch.bid.zip(touch.ask);
    OrderBook {
        hash: hash(&token, &bids, &asks),
        asset_id: token.clone(),
        token_id: token,
        market: view.spec.facts.condition_id.clone(),
        bids: levels(&bids, depth),
        asks: levels(&asks, depth),
        min_order_size: view.spec.minimum.plain(),
        tick_size: view.tick().plain(),
        neg_risk: view.spec.facts.neg_risk,
        last_trade_price: view.last_price(outcome).map(Price::plain),
        mid: ends.map(|(bid, ask)| mid(bid, ask)),
        spread: ends.map(|(bid, ask)| spread(bid, ask)),
        timestamp: view.at.millis().to_string(),
    }
}

/// The levels of one side, the best last. They come the best first.
pub(super) fn levels(best_first: &[(Price, Shares)], depth: Option<usize>) -> Vec<Level> {
    let kept = best_first.iter().take(depth.unwrap_or(usize::MAX));
    let level = |(price, shares): &(Price, Shares)| Level { price: price.plain(), size: shares.plain() };
    let mut levels: Vec<_> = kept.map(level).collect();
    levels.reverse();
    levels
}

/// The same for the same book and token, whatever the time and however much of it is shown.
pub(super) fn hash(token: &str, bids: &[(Price, Shares)], asks: &[(Price, Shares)]) -> String {
    let mut hash = Sha256::new();
    hash.update(token);
    for (mark, levels) in [(b'b', bids), (b'a', asks)] {
        for (price, shares) in levels {
            hash.update([mark]);
            hash.update(price.ten_thousandths().to_be_bytes());
            hash.update(shares.micros().to_be_bytes());
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    // As long as the hash Polymarket shows.
    digest[..20].iter().fold("0x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("BUG: a string can't be written to");
        text
    })
}

/// What both outcomes are worth at the mark of the first.
pub(super) fn outcome_prices(spec: &MarketSpec, mark: Price) -> Vec<OutcomePrice> {
    let price = |outcome| match outcome {
        Outcome::Yes => mark,
        Outcome::No => mark.complement(),
    };
    let shown = |outcome| OutcomePrice {
        label: label(spec, outcome).to_owned(),
        price: price(outcome).plain(),
        token_id: token(spec, outcome).to_owned(),
    };
    Outcome::BOTH.map(shown).into()
}

/// The displayed prices of both outcomes.
pub(super) fn buy_sell(mark: Price) -> BuySell {
    BuySell { buy: mark.plain(), sell: mark.complement().plain() }
}

/// A market's row in a batch of prices, without its id.
pub(super) fn batch_priced(spec: &MarketSpec, mark: Price) -> BatchPriced {
    let BuySell { buy, sell } = buy_sell(mark);
    BatchPriced { buy, sell, outcomes: outcome_prices(spec, mark), source: SOURCE }
}

/// Whether a market trades, and whether it is over for good.
pub(super) fn active_closed(status: Status) -> (bool, bool) {
    match status {
        Status::Open => (true, false),
        Status::Halted => (false, false),
        Status::Resolved(_) => (false, true),
    }
}

/// Whether a market is hot.
pub(super) fn is_hot(volumes: &Volumes) -> bool {
    volumes.total > HOT_ABOVE
}

/// A category as it is shown; none where there is none.
pub(super) fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A market's row in the list (§9.1).
pub(super) fn summary(ticker: &Ticker, volumes: &Volumes, now: Timestamp) -> MarketSummary {
    let facts = &ticker.spec.facts;
    let (active, closed) = active_closed(ticker.status);
    let live_price = ticker.touch.mark.map(|mark| {
        let BuySell { buy, sell } = buy_sell(mark);
        LivePrice {
            buy,
            sell,
            volume: volumes.total.plain(),
            updated_at: iso(now),
            source: SOURCE,
            outcomes: outcome_prices(&ticker.spec, mark),
        }
    });
    MarketSummary {
        id: facts.condition_id.clone(),
        condition_id: facts.condition_id.clone(),
        slug: facts.slug.clone(),
        question: facts.question.clone(),
        outcomes: facts.labels.clone(),
        active,
        closed,
        is_hot: is_hot(volumes),
        image_url: None,
        category: some_text(&facts.category),
        display_label: some_text(facts.group_title.trim()),
        clob_token_ids: facts.token_ids.clone(),
        volume_24h: volumes.day.map(Usd::plain),
        volume_total: volumes.total.plain(),
        last_price: last_price(ticker),
        live_price,
    }
}

/// A market in full (§9.2).
pub(super) fn detail(
    ticker: &Ticker,
    volumes: &Volumes,
    now: Timestamp,
    order_book: Option<OrderBook>,
) -> MarketDetail {
    let facts = &ticker.spec.facts;
    let token = |outcome| Token {
        id: token(&ticker.spec, outcome).to_owned(),
        outcome: label(&ticker.spec, outcome).to_owned(),
        price: touch_of(ticker.touch, outcome).mark.map_or(Value::Null, |mark| number(&mark.plain())),
        winner: ticker.status == Status::Resolved(Payout::Winner(outcome)),
    };
    MarketDetail {
        event_group_id: some_text(&facts.event[0]),
        event_title: some_text(&facts.event[2]),
        end_date: facts.ends_at.map(iso),
        resolved_outcome: resolved_outcome(ticker),
        archived: false,
        archived_at: None,
        // An alias of this service's own, not Polymarket's question id.
        question_id: facts.condition_id.clone(),
        market_slug: facts.slug.clone(),
        neg_risk: facts.neg_risk,
        tokens: Outcome::BOTH.map(token).into(),
        last_trade_price: last_price(ticker),
        summary: summary(ticker, volumes, now),
        order_book,
    }
}

fn last_price(ticker: &Ticker) -> Option<String> {
    ticker.last_trade.or(ticker.spec.reference).map(Price::plain)
}

fn resolved_outcome(ticker: &Ticker) -> Option<String> {
    match ticker.status {
        Status::Open | Status::Halted => None,
        Status::Resolved(Payout::Winner(winner)) => Some(label(&ticker.spec, winner).to_owned()),
        Status::Resolved(Payout::Split) => Some("split".to_owned()),
    }
}

/// A key as its owner sees it (§4).
pub(super) fn key_info(id: KeyId, key: &Key, last_used: Option<Timestamp>, now: Timestamp) -> KeyInfo {
    KeyInfo {
        id: id.0,
        key_prefix: key.prefix.clone(),
        name: key.name.clone(),
        rate_limit_tier: key.tier.name(),
        permissions: key.permissions.names(),
        is_active: key.usable(now).is_ok(),
        created_at: iso(key.created_at),
        last_used_at: last_used.map(iso),
        // A beta key does not expire; what is shown is when it is cut off.
        expires_at: key.expires_at.or(key.beta_until).map(iso),
    }
}

/// A key that was just made, with its text: the only answer that ever shows it (§4).
pub(super) fn created_key(fresh: &FreshKey) -> CreatedKey {
    let FreshKey { id, raw, key } = fresh;
    CreatedKey {
        id: id.0,
        raw_key: raw.expose().to_owned(),
        key_prefix: key.prefix.clone(),
        name: key.name.clone(),
        rate_limit_tier: key.tier.name(),
        permissions: key.permissions.names(),
        created_at: iso(key.created_at),
        rotated_from: None,
        old_key_expires_at: None,
        beta_until: key.beta_until.map(iso),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(ten_thousandths: u16) -> Price {
        Price::new(ten_thousandths).expect("in range")
    }

    #[test]
    fn moments_are_utc_to_the_millisecond() {
        assert_eq!(iso(Timestamp::from_millis(1_778_995_283_697)), "2026-05-17T05:21:23.697Z");
        assert_eq!(iso(Timestamp::from_seconds(0)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn the_middle_is_exact_and_a_wide_spread_is_cut() {
        assert_eq!(mid(price(6_400), price(6_600)), "0.65");
        assert_eq!(mid(price(1), price(2)), "0.00015");
        assert_eq!(spread(price(6_400), price(6_600)), "0.02");
        assert_eq!(spread(price(1_000), price(9_000)), "0.10");
    }

    #[test]
    fn numbers_keep_their_digits() {
        for digits in ["0.65", "0.0001", "64588.01", "0"] {
            assert_eq!(serde_json::to_string(&number(digits)).expect("a number"), digits);
        }
    }

    #[test]
    fn the_best_level_comes_last() {
        let best_first =
            [(price(6_400), Shares::from_whole(5)), (price(6_300), Shares::from_micros(2_500_000))];
        let shown = |depth| -> Vec<_> {
            levels(&best_first, depth).into_iter().map(|level| (level.price, level.size)).collect()
        };
        let text = |price: &str, size: &str| (price.to_owned(), size.to_owned());
        assert_eq!(shown(None), [text("0.63", "2.5"), text("0.64", "5")]);
        assert_eq!(shown(Some(1)), [text("0.64", "5")]);
    }
}
